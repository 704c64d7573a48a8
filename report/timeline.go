package report

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// maxMarks is how many events the charts mark; the list below them has as many.
const maxMarks = 24

// borders are the events that the charts shade rather than mark.
var borders = []string{"start", "measured", "end", "ended"}

// A markText is the line that explains a mark of the charts.
type markText struct{ Flag, At, Text string }

// A bandName explains a shade of the charts.
type bandName struct{ Class, Name string }

var bandNames = []bandName{
	{"warmup", "warm-up (not in the figures)"},
	{"drain", "graceful stop"},
	{"outage", "outage (at least 9 of 10 requests failed)"},
	{"notrun", "planned, not run"},
}

// timeline makes the charts of what happened.
func (p *page) timeline(r *run.Result) {
	b := newBoard(r)
	if len(b.points) == 0 {
		return
	}
	p.End = b.end
	p.mark(b, r.Events)
	for _, n := range bandNames {
		if slices.ContainsFunc(b.bands, func(c chartBand) bool { return c.Class == n.Class }) {
			p.Legend = append(p.Legend, n)
		}
	}
	if n := len(b.points); n > listedStretches {
		p.Sampling = count(int64(n)) + " intervals were recorded. The data tables list stretches of them with the lowest and the highest value"
		if n > 2*drawnStretches {
			p.Sampling += ", and the lines draw both"
		}
		p.Sampling += "; no percentile was averaged."
	}
	p.Charts = []chart{users(b), throughput(b), response(b, r), errorShare(b, r)}
	if c := delay(b); c != nil {
		p.Charts = append(p.Charts, *c)
	}
	if c := heat(b, r); c != nil {
		p.Charts = slices.Insert(p.Charts, 3, *c)
	}
	p.Plots = b.plots(p.Charts)
	for _, c := range []*chart{curves(r), knee(b)} {
		if c != nil {
			p.Spread = append(p.Spread, *c)
		}
	}
}

// mark numbers the events that are no borders of a period.
func (p *page) mark(b *board, events []run.Event) {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b run.Event) int { return cmp.Compare(a.T, b.T) })
	for _, e := range events {
		if slices.Contains(borders, e.Kind) || len(p.Marks) == maxMarks {
			continue
		}
		flag := strconv.Itoa(len(p.Marks) + 1)
		text := clean(e.Kind, 40)
		if e.Note != "" {
			text += ": " + clean(e.Note, maxName)
		}
		p.Marks = append(p.Marks, markText{flag, clock(e.T), text})
		b.marks = append(b.marks, chartMark{hundredths(e.T / b.end), flag, e.T})
	}
}

func whole(v float64) string { return count(int64(math.Round(v))) }

func users(b *board) chart {
	s := series{name: "users", class: "users", filled: true, format: whole, values: b.values(func(p *run.Point) float64 { return float64(p.Users) })}
	c := b.chart("users", "Virtual users", "", linear(highest(s.values)*1.05), []series{s})
	c.Size = "low"
	return c
}

func throughput(b *board) chart {
	attempts := b.rates(func(p *run.Point) int64 { return p.Requests })
	failed := b.rates(func(p *run.Point) int64 { return p.Failed })
	dropped := b.rates(func(p *run.Point) int64 { return p.Dropped })
	successes := b.rates(func(p *run.Point) int64 { return p.Requests - p.Failed })
	ss := []series{
		{name: "attempts", class: "users", format: perSecond, values: attempts},
		{name: "successes", class: "attempts", filled: true, format: perSecond, values: successes},
		{name: "failures", class: "failed", format: perSecond, values: failed},
	}
	if highest(dropped) > 0 {
		ss = append(ss, series{name: "dropped iterations", class: "dropped", format: perSecond, values: dropped})
	}
	return b.chart("throughput", "Throughput", "requests/s", linear(highest(attempts, dropped)*1.02), ss)
}

func response(b *board, r *run.Result) chart {
	p50 := b.optionals(func(p *run.Point) *float64 { return p.P50 })
	p95 := b.optionals(func(p *run.Point) *float64 { return p.P95 })
	p99 := b.optionals(func(p *run.Point) *float64 { return p.P99 })
	longest := b.optionals(func(p *run.Point) *float64 { return p.Max })

	top := highest(p50, p95, p99)
	asked := limitOf(r, "ms", "p95", "p99", "p50", "p90")
	low, _, any := extremes(p50, stretch{0, len(p50)})
	var a axis
	note := ""
	switch {
	case any && p50[low] > 0 && top/p50[low] > 40:
		if asked != nil && asked.Limit > top && asked.Limit <= top*4 {
			top = asked.Limit * 1.1
		}
		a, note = logarithmic(p50[low], top), "log scale"
	default:
		if asked != nil && asked.Limit > top && asked.Limit <= top*1.8 {
			top = asked.Limit * 1.05
		}
		a = linear(top)
	}
	ss := []series{
		{name: "P99", class: "p99", format: decimal, values: p99},
		{name: "P95", class: "p95", format: decimal, values: p95},
		{name: "P50", class: "p50", format: decimal, values: p50},
		{name: "max", hidden: true, format: decimal, values: longest},
	}
	if t := trend(b, r.Drift); t != nil {
		ss = append(ss, series{name: "P95's trend", class: "trend", dashed: true, format: decimal, values: t})
	}
	c := b.chart("response", "Response time", "ms", a, ss)
	c.Size = "tall"
	c.Note = note
	c.limit(a, asked)
	return c
}

// trend is the line that drift was judged by, of the run's P95; nil where none
// was drawn.
func trend(b *board, d *verdict.Drift) []float64 {
	if d == nil || len(d.Starts) < 2 {
		return nil
	}
	from, to := d.Starts[0]+d.WindowS/2, d.Starts[len(d.Starts)-1]+d.WindowS/2
	for i := range d.Metrics {
		m := &d.Metrics[i]
		if m.Metric != "p95" || m.Scope != "" || m.Start == nil || m.End == nil || to <= from {
			continue
		}
		return b.values(func(p *run.Point) float64 {
			at := (p.T + p.Length/2 - from) / (to - from)
			if at < 0 || at > 1 {
				return math.NaN()
			}
			return max(0, *m.Start+at*(*m.End-*m.Start))
		})
	}
	return nil
}

func errorShare(b *board, r *run.Result) chart {
	shares := b.values(func(p *run.Point) float64 {
		if p.Requests == 0 {
			return math.NaN()
		}
		return float64(p.Failed) / float64(p.Requests) * 100
	})
	top := highest(shares)
	asked := limitOf(r, "ratio", "error_rate")
	if asked != nil {
		asked.Limit *= 100
		top = max(top, asked.Limit*1.5)
	}
	a := linear(min(max(top, .1), 100))
	c := b.chart("errors", "Failed requests", "% of attempts", a, []series{
		{name: "failed", class: "failed", filled: true, format: func(v float64) string { return percent(v/100) + " %" }, values: shares},
		{name: "requests", hidden: true, format: whole, values: b.values(func(p *run.Point) float64 { return float64(p.Requests) })},
		{name: "failures", hidden: true, format: whole, values: b.values(func(p *run.Point) float64 { return float64(p.Failed) })},
	})
	c.limit(a, asked)
	return c
}

// delay is the generator's own punctuality; nil where nothing had a due time.
func delay(b *board) *chart {
	late := b.optionals(func(p *run.Point) *float64 { return p.StartDelay })
	cpus := b.optionals(func(p *run.Point) *float64 { return p.CPU })
	if highest(late) == 0 {
		return nil
	}
	c := b.chart("delay", "Start delay of the generator", "ms", linear(highest(late)), []series{
		{name: "P99", class: "delay", filled: true, format: decimal, values: late},
		{name: "CPU", hidden: true, format: cpu, values: cpus},
	})
	c.Size = "low"
	return &c
}

// limitOf is a copy of the run's own threshold on the first of the metrics that
// has one.
func limitOf(r *run.Result, unit string, metrics ...string) *verdict.Judged {
	for _, m := range metrics {
		for _, j := range r.Thresholds {
			if j.Metric == m && j.Unit == unit && j.Scope == "" && j.Limit > 0 && !math.IsInf(j.Limit, 0) {
				return &j
			}
		}
	}
	return nil
}

// limit draws a threshold's limit, or says that it lies above the chart.
func (c *chart) limit(a axis, j *verdict.Judged) {
	if j == nil {
		return
	}
	text := clean(j.Expression, 60)
	if j.Limit > a.high {
		if c.Note != "" {
			c.Note += "; "
		}
		c.Note += "the limit of " + text + " lies above"
		return
	}
	if j.Limit < a.low {
		if c.Note != "" {
			c.Note += "; "
		}
		c.Note += "the limit of " + text + " lies below"
		return
	}
	c.Limit, c.limitAt = &chartTick{At: hundredths(a.place(j.Limit)), Label: text}, j.Limit
}

// trimZeros is v with as many decimals as it needs, at most three.
func trimZeros(v float64) string {
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}
