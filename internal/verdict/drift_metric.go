package verdict

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The bounds of what is told of drift.
const (
	trendLevel   = 0.01 // of the trend's test, over all metrics (Holm)
	leftOpen     = 0.5  // of the level: a change that the data would have to exclude for "stable"
	episodeTimes = 3.5  // the level: what an episode of one window is at least
	longerTimes  = 2.0  // and one of several windows
	episodeNoise = 5.0  // robust standard deviations
	burstLevel   = 0.001
	burstLeast   = 5 // failures
)

// A driftRule is one row of the table of figures whose drift is judged.
type driftRule struct {
	metric, unit string
	quantile     float64
	requests     float64 // in the usual window, at least
	log          bool    // its noise and its growth are proportional
	higher       bool    // is better
	least        float64 // smallest change worth a name, relative to the level
	floor        float64 // and absolute, in unit
	settles      bool    // grows until it is filled, as memory does: a trend must last into the second half
}

// UnitBytes is the unit of a probe's memory.
const UnitBytes = "bytes"

// driftRules are the figures of the whole run; of them endpointRules are asked of
// each endpoint; probeRules are those of the target's processes.
var driftRules = []driftRule{
	{metric: "p50", unit: UnitMS, quantile: .5, requests: 5, log: true, least: .1, floor: .5},
	{metric: "p95", unit: UnitMS, quantile: .95, requests: 20, log: true, least: .1, floor: .5},
	{metric: "p99", unit: UnitMS, quantile: .99, requests: 100, log: true, least: .1, floor: .5},
	{metric: "error_rate", unit: UnitRatio, requests: 20, floor: .005},
	{metric: "throughput", unit: UnitPerSecond, requests: 5, higher: true, least: .1},
}

var endpointRules = []driftRule{driftRules[1], driftRules[3]}

var probeRules = []driftRule{
	{metric: "memory", unit: UnitBytes, least: .1, floor: 8 << 20, settles: true},
	{metric: "goroutines", unit: UnitCount, least: .1, floor: 10, settles: true},
	{metric: "threads", unit: UnitCount, least: .1, floor: 5, settles: true},
	{metric: "connections", unit: UnitCount, least: .1, floor: 10, settles: true},
	{metric: "fds", unit: UnitCount, least: .1, floor: 10, settles: true},
}

func ruleOf(metric string) (driftRule, bool) {
	for _, rules := range [][]driftRule{driftRules, probeRules} {
		for _, r := range rules {
			if r.metric == metric {
				return r, true
			}
		}
	}
	return driftRule{}, false
}

func (r driftRule) worse(before, after float64) bool { return after > before != r.higher }

// material reports whether the step between two levels is worth a name.
func (r driftRule) material(before, after float64) bool {
	step := math.Abs(after - before)
	return step >= r.floor && step > 0 && step >= r.least*math.Min(math.Abs(before), math.Abs(after))
}

// A figureTest is one figure between the first look and the verdict.
type figureTest struct {
	figureSeries
	m      DriftMetric
	t, x   []float64 // windows that have a value: the middle, the value
	window []int     // and their places
	level  float64   // median of x
	y      []float64 // x as it is tested: logarithms, or relative to the level
	line   Line      // of y
	p      float64
	late   bool // the trend is there in the second half by itself
}

// judgeFigures judges a family of figures: their trends are corrected for each
// other.
func judgeFigures(figures []figureSeries, w windows, thresholds []Threshold) []DriftMetric {
	tests := make([]*figureTest, len(figures))
	var p []float64
	for i, f := range figures {
		tests[i] = newFigureTest(f, w)
		p = append(p, tests[i].p)
	}
	adjusted := Holm(p)
	out := make([]DriftMetric, len(tests))
	for i, ft := range tests {
		ft.judge(adjusted[i], w, thresholds)
		out[i] = ft.m
	}
	return out
}

func newFigureTest(f figureSeries, w windows) *figureTest {
	ft := &figureTest{figureSeries: f, p: 1}
	ft.m = DriftMetric{Metric: f.rule.metric, Scope: f.scope, Unit: f.rule.unit}
	if _, endpoint := endpointRule(f); !endpoint {
		for _, v := range f.values {
			if v != nil {
				v = ptr(roundTo(*v, 6))
			}
			ft.m.Values = append(ft.m.Values, v)
		}
	}
	for i, v := range f.values {
		if v != nil && !(f.rule.log && *v <= 0) {
			ft.t = append(ft.t, (w.start[i]+w.end[i])/2)
			ft.x = append(ft.x, *v)
			ft.window = append(ft.window, i)
		}
	}
	ft.m.N = len(ft.x)
	if ft.m.N < DriftWindows {
		return ft
	}
	ft.level = median(ft.x)
	ft.m.Median = ptr(tidyFigure(ft.level))
	scale := ft.level
	if scale <= 0 {
		scale = 1
	}
	for _, v := range ft.x {
		if ft.rule.log {
			ft.y = append(ft.y, math.Log(v))
		} else {
			ft.y = append(ft.y, v/scale)
		}
	}
	ft.trend()
	return ft
}

// endpointRule reports whether f is one of an endpoint.
func endpointRule(f figureSeries) (driftRule, bool) {
	_, run := ruleOf(f.rule.metric)
	return f.rule, run && f.scope != "" && f.rule.unit != UnitBytes && f.rule.unit != UnitCount
}

// trend fits the lines and tests them.
func (ft *figureTest) trend() {
	_, variance := MannKendall(ft.x)
	ft.line, _ = TheilSen(ft.t, ft.y, variance, alpha)
	inflation := careful(ft.rest(func(i int) float64 { return ft.line.at(ft.t[i]) }))
	if straight, _ := TheilSen(ft.t, ft.x, variance, alpha); ft.rule.log {
		// A straight line bends in logarithms, and what the wrong curve leaves over
		// looks like dependence.
		inflation = min(inflation, careful(ft.rest(func(i int) float64 { return math.Log(max(straight.at(ft.t[i]), ft.level/100)) })))
	}
	inflation = min(inflation, careful(withoutParabola(ft.t, ft.y)))
	s, _ := MannKendall(ft.x)
	ft.p = TrendP(s, variance*inflation)
	line, slope := TheilSen(ft.t, ft.x, variance*inflation, alpha)
	const hour = 3600
	ft.m.SlopePerHour, ft.m.SlopeLow, ft.m.SlopeHigh = ptr(tidyFigure(line.Slope*hour)), ptr(tidyFigure(slope.Low*hour)), ptr(tidyFigure(slope.High*hour))
	start, end := ft.ends()
	ft.m.Start, ft.m.End = ptr(tidyFigure(start)), ptr(tidyFigure(end))

	half := len(ft.x) / 2
	s2, v2 := MannKendall(ft.x[half:])
	late, _ := TheilSen(ft.t[half:], ft.y[half:], v2, alpha)
	ft.late = TrendP(s2, v2*inflation) <= 2*alpha && late.Slope/ft.line.Slope >= .25
}

// ends are the figure at both ends of the line.
func (ft *figureTest) ends() (start, end float64) {
	start, end = ft.line.at(ft.t[0]), ft.line.at(ft.t[len(ft.t)-1])
	if ft.rule.log {
		return math.Exp(start), math.Exp(end)
	}
	scale := ft.level
	if scale <= 0 {
		scale = 1
	}
	return start * scale, end * scale
}

// rest is what is left of y without a fit.
func (ft *figureTest) rest(fit func(int) float64) []float64 {
	out := make([]float64, len(ft.y))
	for i, v := range ft.y {
		out[i] = v - fit(i)
	}
	return out
}

// judge says what the figure did: first what happened suddenly, then what went on
// all the time, whichever tells the windows better.
func (ft *figureTest) judge(p float64, w windows, thresholds []Threshold) {
	m := &ft.m
	switch {
	case ft.few != "":
		m.Verdict, m.Reason = DriftUndecided, ft.few
		return
	case m.N < DriftWindows:
		m.Verdict, m.Reason = DriftUndecided, fmt.Sprintf("has a value in %s of %d needed", plural(int64(m.N), "window"), DriftWindows)
		return
	}
	m.P = ptr(p)
	start, end := ft.ends()
	trend := p <= trendLevel && ft.rule.material(start, end) && (!ft.rule.settles || ft.late)
	cuts := ft.cuts()
	fit := func(int) float64 { return median(ft.y) }
	level := func(i int) float64 { return ft.levelOf(cuts, i) }
	line := func(i int) float64 { return ft.line.at(ft.t[i]) }
	switch {
	case trend && len(cuts) > 0:
		if ft.cost(level, 2*len(cuts)+1) < ft.cost(line, 2) {
			trend, fit = false, level
		} else {
			cuts, fit = nil, line
		}
	case trend:
		fit = line
	case len(cuts) > 0:
		fit = level
	}
	ft.addShifts(cuts, w)
	if ft.rule.metric == "error_rate" {
		ft.addBursts(w)
	} else {
		ft.addEpisodes(fit, w)
	}
	switch {
	case trend && ft.rule.worse(start, end):
		m.Verdict = DriftDegrading
		ft.meetsLimit(thresholds)
	case len(m.Changes) > 0:
		m.Verdict = DriftUnstable
	case trend:
		m.Verdict = DriftImproving
	case ft.open():
		m.Verdict = DriftUndecided
	default:
		m.Verdict = DriftStable
	}
	m.Reason = ft.words()
}

// cuts are the places at which the level shifts.
func (ft *figureTest) cuts() []int {
	back := func(v float64) float64 {
		if ft.rule.log {
			return math.Exp(v)
		}
		if ft.level > 0 {
			return v * ft.level
		}
		return v
	}
	return shifts(ft.y, func(before, after float64) bool {
		b, a := back(before), back(after)
		return ft.rule.material(b, a) && math.Abs(a-b) >= 2*ft.rule.least*math.Min(a, b)
	})
}

// levelOf is the level of y in the segment of i.
func (ft *figureTest) levelOf(cuts []int, i int) float64 {
	from, to := segment(cuts, i, len(ft.y))
	return median(ft.y[from:to])
}

func segment(cuts []int, i, n int) (from, to int) {
	to = n
	for _, c := range cuts {
		if c <= i {
			from = c
		} else {
			to = min(to, c)
		}
	}
	return from, to
}

// cost is how badly a fit with so many numbers tells y: n ln of the mean absolute
// rest and ln n for each number (the Schwarz criterion for Laplace's law).
// Rests below half a percent, which is the histograms' and clocks' own, are alike.
func (ft *figureTest) cost(fit func(int) float64, numbers int) float64 {
	sum, n := 0.0, float64(len(ft.y))
	for _, v := range ft.rest(fit) {
		sum += math.Abs(v)
	}
	return n*math.Log(sum/n+.005) + float64(numbers)*math.Log(n)
}

func (ft *figureTest) addShifts(cuts []int, w windows) {
	for i, c := range cuts {
		from, _ := segment(cuts, c-1, len(ft.x))
		_, to := segment(cuts, c, len(ft.x))
		before, after := median(ft.x[from:c]), median(ft.x[c:to])
		until := w.end[ft.window[to-1]]
		if i == len(cuts)-1 {
			until = w.end[w.n-1]
		}
		ft.change("shift", w.start[ft.window[c]], until, before, after)
	}
}

func (ft *figureTest) change(kind string, from, to, before, level float64) {
	ft.m.Changes = append(ft.m.Changes, DriftChange{
		Kind: kind, FromS: roundTo(from, 3), ToS: roundTo(to, 3), Before: tidyFigure(before), Level: tidyFigure(level),
		Worse: ft.rule.worse(before, level),
	})
}

// addEpisodes finds the stretches of windows that are far worse than the fit, by
// the spread of the others.
func (ft *figureTest) addEpisodes(fit func(int) float64, w windows) {
	rest := ft.rest(fit)
	size := make([]float64, len(rest))
	for i, v := range rest {
		size[i] = math.Abs(v)
	}
	noise := max(1.4826*median(size), .005)
	// times is how many times worse than the fit a window is; 0: within the noise.
	times := func(i int) float64 {
		ratio := 1 + rest[i]
		if ft.rule.log {
			ratio = math.Exp(rest[i])
		}
		switch {
		case math.Abs(rest[i]) <= episodeNoise*noise || rest[i] > 0 == ft.rule.higher:
			return 0
		case ft.rule.higher:
			return 1 / max(ratio, 1e-9)
		case ft.x[i]-ft.x[i]/ratio < ft.rule.floor:
			return 0
		}
		return ratio
	}
	for i := 0; i < len(rest); i++ {
		j, worst, around := i, 0.0, fit(i)
		for j < len(rest) && times(j) >= longerTimes {
			worst = max(worst, times(j))
			j++
		}
		if j == i || j == i+1 && worst < episodeTimes {
			continue
		}
		if ft.rule.log {
			around = math.Exp(around)
		} else if ft.level > 0 {
			around *= ft.level
		}
		ft.change("episode", w.start[ft.window[i]], w.end[ft.window[j-1]], around, median(ft.x[i:j]))
		i = j
	}
}

// addBursts finds windows with far more failures than the others have, by the
// exact binomial test against the rate of all others, corrected for the windows.
func (ft *figureTest) addBursts(w windows) {
	var all Count
	for _, c := range ft.counts {
		all.Requests += c.Requests
		all.Failed += c.Failed
	}
	burst := func(c Count) bool {
		others := Count{all.Requests - c.Requests, all.Failed - c.Failed}
		if c.Failed < burstLeast || others.Requests <= 0 {
			return false
		}
		usual := max(share(others.Failed, others.Requests), .5/float64(others.Requests))
		return AtLeast(float64(c.Failed), float64(c.Requests), usual)*float64(len(ft.counts)) <= burstLevel &&
			share(c.Failed, c.Requests) >= episodeTimes*usual
	}
	for i := 0; i < len(ft.counts); i++ {
		in, j := Count{}, i
		for j < len(ft.counts) && burst(ft.counts[j]) {
			in.Requests += ft.counts[j].Requests
			in.Failed += ft.counts[j].Failed
			j++
		}
		if j > i {
			around := share(all.Failed-in.Failed, max(all.Requests-in.Requests, 1))
			ft.change("episode", w.start[i], w.end[j-1], around, share(in.Failed, in.Requests))
			i = j
		}
	}
}

// open reports whether the trend's interval leaves a change for the worse open
// that nobody would call stable.
func (ft *figureTest) open() bool {
	span := ft.t[len(ft.t)-1] - ft.t[0]
	most := *ft.m.SlopeHigh
	if ft.rule.higher {
		most = -*ft.m.SlopeLow
	}
	change := most * span / 3600
	return change > leftOpen*ft.level && change > ft.rule.floor
}

// meetsLimit says when the trend, did it go on, would meet the run's limit.
func (ft *figureTest) meetsLimit(thresholds []Threshold) {
	for _, t := range thresholds {
		if t.Metric != ft.rule.metric || t.Scope != "" || t.upper() == ft.rule.higher {
			continue
		}
		limit := t.Limit
		if ft.rule.log {
			limit = math.Log(limit)
		} else if ft.level > 0 {
			limit /= ft.level
		}
		if at := (limit - ft.line.Start) / ft.line.Slope; at > 0 && at < 1e7 && ft.line.Slope != 0 {
			ft.m.LimitAtS = ptr(math.Round(at))
		}
	}
}

// words tell what the figure did.
func (ft *figureTest) words() string {
	m := &ft.m
	slope := fmt.Sprintf("%s an hour (%s to %s)", signed(*m.SlopePerHour, m.Unit), signed(*m.SlopeLow, m.Unit), signed(*m.SlopeHigh, m.Unit))
	switch m.Verdict {
	case DriftDegrading, DriftImproving:
		verb := "rose"
		if *m.End < *m.Start {
			verb = "fell"
		}
		s := fmt.Sprintf("%s steadily from %s to %s, %s", verb, figure(*m.Start, m.Unit), figure(*m.End, m.Unit), slope)
		if at := m.LimitAtS; at != nil {
			if end := ft.t[len(ft.t)-1]; *at > end {
				s += fmt.Sprintf("; so it would reach its limit %s after the start", length(fromSeconds(*at)))
			} else {
				s += fmt.Sprintf("; it reached its limit about %s after the start", length(fromSeconds(*at)))
			}
		}
		return s
	case DriftUnstable:
		return changesText(m.Changes, m.Unit)
	case DriftUndecided:
		most := *m.SlopeHigh
		if ft.rule.higher {
			most = *m.SlopeLow
		}
		return fmt.Sprintf("was %s, but a change by %s an hour is not ruled out", figure(*m.Median, m.Unit), signed(most, m.Unit))
	}
	return fmt.Sprintf("stayed at %s, %s", figure(*m.Median, m.Unit), slope)
}

// changesText names the first few changes.
func changesText(changes []DriftChange, unit string) string {
	var parts []string
	for i, c := range changes {
		if i == 3 && len(changes) > 4 {
			parts = append(parts, fmt.Sprintf("and %d more times", len(changes)-i))
			break
		}
		if c.Kind == "shift" {
			verb := "rose"
			if c.Level < c.Before {
				verb = "fell"
			}
			parts = append(parts, fmt.Sprintf("%s at %s from %s to %s", verb, length(fromSeconds(c.FromS)), figure(c.Before, unit), figure(c.Level, unit)))
			continue
		}
		parts = append(parts, fmt.Sprintf("was %s instead of %s from %s for %s", figure(c.Level, unit), figure(c.Before, unit),
			length(fromSeconds(c.FromS)), length(fromSeconds(c.ToS-c.FromS))))
	}
	return strings.Join(parts, ", ")
}

// figure is a value in words: of bytes, as MiB.
func figure(v float64, unit string) string {
	if unit == UnitBytes {
		return number(v/(1<<20)) + " MiB"
	}
	return amount(v, unit)
}

func signed(v float64, unit string) string {
	if v > 0 {
		return "+" + figure(v, unit)
	}
	return figure(v, unit)
}

func fromSeconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

func roundTo(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// tidyFigure is v with six significant digits: what follows is noise.
func tidyFigure(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	p := math.Pow10(5 - int(math.Floor(math.Log10(math.Abs(v)))))
	return math.Round(v*p) / p
}
