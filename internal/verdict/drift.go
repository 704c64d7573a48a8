package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A DriftVerdict says what a figure did over the time of a run.
type DriftVerdict string

// The verdicts on drift.
const (
	DriftStable    DriftVerdict = "stable"    // no change shown, and none that matters left open
	DriftDegrading DriftVerdict = "degrading" // a trend for the worse is shown
	DriftImproving DriftVerdict = "improving" // a trend for the better is shown
	DriftUnstable  DriftVerdict = "unstable"  // the level shifted, or there were episodes
	DriftUndecided DriftVerdict = "undecided" // too little to tell
)

// DriftWindows is the fewest windows of a run from which its drift is judged.
const DriftWindows = 30

// DriftFrom is the measured time from which drift is judged: DriftWindows of the
// shortest blocks.
const DriftFrom = DriftWindows * 5 * time.Second

// A Drift is what a run's figures did over its time. Times are seconds since the
// run's start.
type Drift struct {
	Verdict    DriftVerdict  `json:"verdict"`
	Reason     string        `json:"reason"`   // one sentence with its figures
	WindowS    float64       `json:"window_s"` // length of a window
	Starts     []float64     `json:"starts_s"` // of the windows
	Metrics    []DriftMetric `json:"metrics"`  // of the whole run, of the target's processes, of the endpoints
	Compliance *Compliance   `json:"compliance,omitempty"`
}

// A DriftMetric is what one figure did.
type DriftMetric struct {
	Metric  string       `json:"metric"`          // p50, p95, p99, error_rate, throughput; memory, threads, ...
	Scope   string       `json:"scope,omitempty"` // an endpoint, or a process of the target; empty: the whole run
	Unit    string       `json:"unit"`            // ms, ratio, per_s, bytes, count: of all figures here
	Verdict DriftVerdict `json:"verdict"`
	Reason  string       `json:"reason"`
	N       int          `json:"n"` // windows that have a value
	Median  *float64     `json:"median,omitempty"`

	SlopePerHour *float64 `json:"slope_per_hour,omitempty"` // Theil-Sen
	SlopeLow     *float64 `json:"slope_low,omitempty"`      // its interval: 90 % two-sided, so 95 % to each side
	SlopeHigh    *float64 `json:"slope_high,omitempty"`
	P            *float64 `json:"p,omitempty"`          // of the trend: Mann-Kendall, autocorrelation and the other metrics allowed for
	Start        *float64 `json:"start,omitempty"`      // the trend's line in the first window
	End          *float64 `json:"end,omitempty"`        // and in the last one
	LimitAtS     *float64 `json:"limit_at_s,omitempty"` // when a trend that goes on would reach the run's limit

	Changes []DriftChange `json:"changes,omitempty"`
	Values  []*float64    `json:"values,omitempty"` // by window; absent for endpoints
}

// A DriftChange is a shift of the level, or an episode after which it was back.
type DriftChange struct {
	Kind   string  `json:"kind"`   // shift, episode
	FromS  float64 `json:"from_s"` // start of its first window
	ToS    float64 `json:"to_s"`   // end of its last one: of a shift, until the next or the end
	Before float64 `json:"before"` // the level before, or around
	Level  float64 `json:"level"`  // the level within
	Worse  bool    `json:"worse"`
}

// A Compliance is how many windows kept the run's limits: all but those in which
// a limit was shown to be broken.
type Compliance struct {
	Limits  []string  `json:"limits"` // the thresholds on the whole run that were asked of each window
	Windows int       `json:"windows"`
	Bad     []float64 `json:"bad_from_s"` // starts of the bad ones
	Share   float64   `json:"share"`      // of good ones
	InARow  int       `json:"bad_in_a_row"`
}

// Probed is a figure of the target's process, as it was asked from time to time.
type Probed struct {
	Source string // the process: "gateway", "pid 4711"
	Name   string // memory, goroutines, threads, connections, fds
	At     []time.Duration
	Values []float64
}

// JudgeDrift says what the figures of e did over its time.
func JudgeDrift(thresholds []Threshold, e *Evidence) *Drift {
	w := windowsOf(&e.Total)
	d := &Drift{Starts: []float64{}, Metrics: []DriftMetric{}, WindowS: w.length.Seconds()}
	for _, start := range w.start {
		d.Starts = append(d.Starts, roundTo(start, 3))
	}
	switch {
	case !e.Steady:
		d.Verdict, d.Reason = DriftUndecided, "the load changes in the course of the run, and with it every figure"
		return d
	case len(w.start) < DriftWindows:
		d.Verdict = DriftUndecided
		d.Reason = fmt.Sprintf("%s; %d are needed, which a run has from about %s measured on",
			plural(int64(len(w.start)), "window")+" of "+length(w.length), DriftWindows, length(DriftFrom))
		return d
	}
	d.Compliance = complianceOf(thresholds, &e.Total, w)
	run := w.figures(&e.Total, "", driftRules)
	for i := range e.Probes {
		if f, ok := w.probed(&e.Probes[i]); ok {
			run = append(run, f)
		}
	}
	d.Metrics = judgeFigures(run, w, thresholds)
	var each []figureSeries
	if len(e.Endpoints) > 1 {
		for i := range e.Endpoints {
			each = append(each, w.figures(&e.Endpoints[i], e.Endpoints[i].Name, endpointRules)...)
		}
	}
	d.Metrics = append(d.Metrics, judgeFigures(each, w, thresholds)...)
	d.conclude()
	return d
}

// conclude is the verdict on the run: the worst of what was shown, and, where
// nothing was, what the headline metric says.
func (d *Drift) conclude() {
	d.Verdict, d.Reason = DriftUndecided, "no metric has enough requests in each window"
	for _, v := range []DriftVerdict{DriftDegrading, DriftUnstable, DriftImproving, DriftUndecided, DriftStable} {
		var of []string
		for i := range d.Metrics {
			m := &d.Metrics[i]
			if m.Verdict != v || v == DriftImproving && m.Scope != "" {
				continue
			}
			if (v == DriftUndecided || v == DriftStable) && (m.Scope != "" || m.Metric != headline(d)) {
				continue
			}
			of = append(of, m.title()+" "+m.Reason)
		}
		if len(of) == 0 {
			continue
		}
		d.Verdict, d.Reason = v, of[0]
		if n := len(of) - 1; n > 0 {
			d.Reason += fmt.Sprintf("; and %s", plural(int64(n), "more figure"))
		}
		return
	}
}

// headline is the metric that says whether a run was stable where nothing was
// shown: P95, or P50 where windows have too few requests for that.
func headline(d *Drift) string {
	for _, name := range []string{"p95", "p50"} {
		for i := range d.Metrics {
			if m := &d.Metrics[i]; m.Metric == name && m.Scope == "" && m.Median != nil {
				return name
			}
		}
	}
	return "p95"
}

// Degraded are the metrics shown to be worse at the end than at the start.
func (d *Drift) Degraded() []*DriftMetric {
	var out []*DriftMetric
	for i := range d.Metrics {
		m := &d.Metrics[i]
		if m.Verdict == DriftDegrading || m.Verdict == DriftUnstable && m.lasting() {
			out = append(out, m)
		}
	}
	return out
}

// lasting reports whether the run ended on a level that is worse than its first.
func (m *DriftMetric) lasting() bool {
	var levels []DriftChange
	for _, c := range m.Changes {
		if c.Kind == "shift" {
			levels = append(levels, c)
		}
	}
	if len(levels) == 0 {
		return false
	}
	rule, _ := ruleOf(m.Metric)
	first, last := levels[0].Before, levels[len(levels)-1].Level
	return rule.worse(first, last) && rule.material(first, last)
}

// title is the metric as a sentence starts.
func (m *DriftMetric) title() string {
	name := strings.ReplaceAll(m.Metric, "_", " ")
	if strings.HasPrefix(name, "p") && len(name) <= 3 {
		name = strings.ToUpper(name)
	}
	if m.Scope != "" {
		return name + " of " + m.Scope
	}
	return name
}

// windows is the run cut into stretches: its blocks, but for a last one that is
// less than half as long as the others.
type windows struct {
	start, end []float64 // seconds
	length     time.Duration
	n          int // of blocks
}

func windowsOf(total *Series) windows {
	var w windows
	for i := range total.Blocks {
		w.length = max(w.length, total.Blocks[i].Length)
	}
	for i := range total.Blocks {
		b := &total.Blocks[i]
		if i == len(total.Blocks)-1 && 2*b.Length < w.length {
			break
		}
		w.start = append(w.start, b.Start.Seconds())
		w.end = append(w.end, (b.Start + b.Length).Seconds())
	}
	w.n = len(w.start)
	return w
}

// A figureSeries is one figure over the windows; where it has none, nil.
type figureSeries struct {
	rule   driftRule
	scope  string
	values []*float64
	counts []Count // by window, of an error rate
	few    string  // why there are no values
}

// figures are the figures of a series of requests.
func (w windows) figures(s *Series, scope string, rules []driftRule) []figureSeries {
	byStart := map[time.Duration]*Block{} // an endpoint may lack some
	for i := range s.Blocks {
		byStart[s.Blocks[i].Start] = &s.Blocks[i]
	}
	blocks := make([]*Block, w.n)
	var requests []float64
	for i := range blocks {
		b := byStart[fromSeconds(w.start[i])]
		if b == nil {
			b = &Block{}
		}
		blocks[i] = b
		requests = append(requests, float64(b.Requests))
	}
	usual := median(requests)
	var out []figureSeries
	for _, rule := range rules {
		f := figureSeries{rule: rule, scope: scope, values: make([]*float64, w.n)}
		if usual < rule.requests {
			f.few = fmt.Sprintf("has about %s in a window, of %s needed", requestsText(usual), number(rule.requests))
			out = append(out, f)
			continue
		}
		for i, b := range blocks {
			switch {
			case rule.quantile > 0 && float64(b.Response.Count) >= rule.requests/2:
				f.values[i] = ptr(milliseconds(b.Response.Quantile(rule.quantile)))
			case rule.quantile > 0:
			case rule.metric == "error_rate":
				f.counts = append(f.counts, Count{b.Requests, b.Failed})
				if b.Requests > 0 {
					f.values[i] = ptr(share(b.Failed, b.Requests))
				}
			default:
				if b.Length > 0 {
					f.values[i] = ptr(float64(b.Requests-b.Failed) / b.Length.Seconds())
				}
			}
		}
		out = append(out, f)
	}
	return out
}

func requestsText(n float64) string { return requests(int64(n)) }

// probed is a probe's figure by window: the mean of what was read in it.
func (w windows) probed(p *Probed) (figureSeries, bool) {
	rule, ok := ruleOf(p.Name)
	f := figureSeries{rule: rule, scope: p.Source, values: make([]*float64, w.n)}
	if !ok {
		return f, false
	}
	sums, counts := make([]float64, w.n), make([]float64, w.n)
	for i, at := range p.At {
		j, found := slices.BinarySearchFunc(w.start, at.Seconds(), cmp.Compare[float64])
		if !found {
			j--
		}
		if j >= 0 && at.Seconds() < w.end[j] {
			sums[j] += p.Values[i]
			counts[j]++
		}
	}
	for j := range sums {
		if counts[j] > 0 {
			f.values[j] = ptr(sums[j] / counts[j])
		}
	}
	return f, true
}

// badInARow is how many bad windows in a row break the compliance of a run.
const badInARow = 3

// complianceOf asks the limits of the whole run of each window. A window is bad
// where it shows a limit to be broken, by the exact binomial test at 5 %: of a
// run that just keeps its limits about one in twenty does.
func complianceOf(thresholds []Threshold, total *Series, w windows) *Compliance {
	c := &Compliance{Limits: []string{}, Bad: []float64{}}
	bad := make([]bool, w.n)
	for _, t := range thresholds {
		row, _, _, known := lookup(t.Metric)
		if !known || t.Scope != "" || row.unit != UnitMS && row.unit != UnitRatio || row.whole || t.Metric == "checks" {
			continue
		}
		if row.unit == UnitMS && (t.Quantile == 0 || !t.upper()) || !row.badUpper(t) {
			continue
		}
		c.Limits = append(c.Limits, t.Expression)
		limit := row.badLimit(t)
		for i := range bad {
			b := &total.Blocks[i]
			k := b.Failed
			if t.Quantile > 0 {
				k += b.Response.CountAbove(t.duration())
			}
			if b.Requests > 0 && k > 0 && AtLeast(float64(k), float64(b.Requests), limit) <= alpha {
				bad[i] = true
			}
		}
	}
	if len(c.Limits) == 0 {
		return nil
	}
	row := 0
	for i, is := range bad {
		if total.Blocks[i].Requests == 0 {
			continue // nothing was asked: nothing was answered late
		}
		c.Windows++
		if !is {
			row = 0
			continue
		}
		row++
		c.InARow = max(c.InARow, row)
		c.Bad = append(c.Bad, roundTo(w.start[i], 3))
	}
	if c.Windows == 0 {
		return nil
	}
	c.Share = float64(c.Windows-len(c.Bad)) / float64(c.Windows)
	return c
}
