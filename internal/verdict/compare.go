package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Change is what a comparison says of a figure, or of all of them.
type Change string

// The changes.
const (
	Regressed Change = "regressed"    // shown to be worse by what matters
	Improved  Change = "improved"     // shown to be better by what matters
	Same      Change = "same"         // shown to differ by less than what matters
	Undecided Change = "inconclusive" // the data show none of these
)

// The methods of a comparison.
const (
	MethodRuns   = "permutation" // exact permutation of five or more runs on each side
	MethodBlocks = "bootstrap"   // block bootstrap within the runs; how much runs differ by themselves is not known
)

// EnoughRuns is how many runs each side needs for their spread to be known.
const EnoughRuns = 5

const (
	changeLevel = 0.025 // to each side, for all figures together
	resamples   = 1000
)

// A Comparison is what two sides of runs, the base and the new one, differ in.
type Comparison struct {
	Verdict      Change       `json:"verdict"`
	Method       string       `json:"method"` // permutation, bootstrap
	BaseRuns     int          `json:"base_runs"`
	NewRuns      int          `json:"new_runs"`
	Arrangements int          `json:"arrangements,omitempty"` // of the permutation test
	Rows         []Difference `json:"rows"`                   // the whole run's first
	Reasons      []string     `json:"reasons"`                // most telling first
	Withheld     []string     `json:"withheld,omitempty"`     // why latency and throughput are not judged
}

// A Difference is one figure of the whole run or of an endpoint on both sides.
type Difference struct {
	Endpoint   string   `json:"endpoint,omitempty"` // empty: the whole run
	Metric     string   `json:"metric"`             // p50, p95, p99 (of all attempts, a failure being slower than anything), error_rate, throughput
	Unit       string   `json:"unit"`               // of base and new
	Base       *float64 `json:"base,omitempty"`     // absent: nothing measured, or a percentile among the failures
	New        *float64 `json:"new,omitempty"`
	BaseN      int64    `json:"base_n"`               // requests
	NewN       int64    `json:"new_n"`                //
	Change     *float64 `json:"change,omitempty"`     // new / base - 1; of error_rate: new - base
	Low        *float64 `json:"low,omitempty"`        // the interval of change, 95 % two-sided, for this figure alone
	High       *float64 `json:"high,omitempty"`       //
	Tolerance  float64  `json:"tolerance"`            // the change that matters
	Detectable *float64 `json:"detectable,omitempty"` // the smallest change for the worse that these data would have shown, all figures allowed for; of throughput negative
	P          *float64 `json:"p,omitempty"`          // of a change to the side that was seen, all figures allowed for
	Verdict    Change   `json:"verdict"`
	Reason     string   `json:"reason"`

	d, se float64 // positive: worse; logarithm of the ratio, or the difference of the error rate
}

// A comparedMetric is a row of the table of what is compared.
type comparedMetric struct {
	name      string
	unit      string
	q         float64 // of a percentile
	tolerance float64
	least     int64 // attempts that the figure needs: in one run's blocks, and (a hundredth part of 1/(1-q)) in each of several runs
	worse     float64
}

// comparedMetrics are the figures that are compared. Tolerances are the
// differences under which nobody acts: 10 % of P50 and P95, 20 % of P99, whose
// spread is larger, 5 % of the throughput, and 0.1 of a percentage point of the
// error rate. The least numbers are those from which a percentile has a finite
// two-sided 95 % interval.
var comparedMetrics = []comparedMetric{
	{name: "p50", unit: UnitMS, q: .5, tolerance: .10, least: 6, worse: 1},
	{name: "p95", unit: UnitMS, q: .95, tolerance: .10, least: 72, worse: 1},
	{name: "p99", unit: UnitMS, q: .99, tolerance: .20, least: 368, worse: 1},
	{name: "error_rate", unit: UnitRatio, tolerance: .001, least: 1, worse: 1},
	{name: "throughput", unit: UnitPerSecond, tolerance: .05, least: 1, worse: -1},
}

// gated reports whether an invalid measurement takes the figure away.
func (m *comparedMetric) gated() bool { return m.unit != UnitRatio }

// delta is the tolerance on the scale of d.
func (m *comparedMetric) delta() float64 {
	switch {
	case m.unit == UnitRatio:
		return m.tolerance
	case m.worse < 0: // 5 % fewer
		return -math.Log1p(-m.tolerance)
	}
	return math.Log1p(m.tolerance)
}

// shown is a difference on the scale of d as a reader takes it.
func (m *comparedMetric) shown(d float64) float64 {
	if m.unit == UnitRatio {
		return d
	}
	return math.Expm1(m.worse * d)
}

// Compare says in what the runs of b differ from those of a: P50, P95 and P99 of
// all attempts, error rate and throughput, of the whole run and of each endpoint
// that both sides have. With five or more runs on each side their spread is
// known, and the test is a permutation of runs; with fewer, blocks within the runs
// are resampled, and a caller must say that the spread between runs is not known.
// Both control the probability of even one false "regressed" among all figures,
// at 2.5 %.
func Compare(a, b []Evidence) Comparison {
	c := Comparison{BaseRuns: len(a), NewRuns: len(b), Method: MethodBlocks}
	names := endpointsOf(a, b)
	if len(a) >= EnoughRuns && len(b) >= EnoughRuns {
		c.Method = MethodRuns
		c.byRuns(a, b, names)
	} else {
		c.byBlocks(a, b, names)
	}
	c.conclude()
	return c
}

// endpointsOf are the whole run and the endpoints that every run has, in b's
// order, but for those that nobody asked for anything.
func endpointsOf(a, b []Evidence) []string {
	names := []string{""}
	if len(b) == 0 {
		return names
	}
	for _, s := range b[0].Endpoints {
		everywhere, asked := true, int64(0)
		for _, e := range slices.Concat(a, b) {
			if o := e.series(s.Name); o == nil {
				everywhere = false
			} else {
				asked += o.Requests
			}
		}
		if everywhere && asked > 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// series is the endpoint of that name, or the whole run; nil: there is none.
func (e *Evidence) series(name string) *Series {
	if name == "" {
		return &e.Total
	}
	for i := range e.Endpoints {
		if e.Endpoints[i].Name == name {
			return &e.Endpoints[i]
		}
	}
	return nil
}

// Sum is the series of all endpoints together.
func (e *Evidence) Sum() Series {
	all := Series{Outcomes: map[metric.Class]int64{}}
	for i := range e.Endpoints {
		all.add(&e.Endpoints[i])
	}
	return all
}

// failures are the counts of the error rate, warm-up included.
func (s *Series) failures() (k, n float64) {
	return float64(s.Failed + s.Warmup.Failed), float64(s.Requests + s.Warmup.Requests)
}

// value is a figure of one run; ok is false where it has too few requests.
func (m *comparedMetric) value(s *Series, window time.Duration) (v float64, ok bool) {
	switch m.name {
	case "error_rate":
		k, n := s.failures()
		if n == 0 {
			return 0, false
		}
		return k / n, true
	case "throughput":
		if window <= 0 {
			return 0, false
		}
		return float64(s.Succeeded) / window.Seconds(), true
	}
	if s.Requests < m.least {
		return 0, false
	}
	rank := max(math.Ceil(m.q*float64(s.Requests)-1e-6), 1)
	if at := atRank(&s.Response, rank); at != nil {
		return *at, true
	}
	return beyondMeasure, true
}

// scale puts a figure on the scale on which differences are taken.
func (m *comparedMetric) scale(v float64) float64 {
	if m.unit == UnitRatio {
		return v
	}
	return m.worse * math.Log(max(v, 1e-3))
}

// back is the inverse of scale; nil for what is beyond measure.
func (m *comparedMetric) back(v float64) *float64 {
	if m.unit == UnitRatio {
		return &v
	}
	v = math.Exp(m.worse * v)
	switch {
	case m.unit == UnitMS && v >= beyondMeasure*(1-1e-9):
		return nil
	case m.unit == UnitPerSecond && v <= 1e-3*(1+1e-9):
		v = 0
	}
	return &v
}

// byRuns compares the figures of runs.
func (c *Comparison) byRuns(a, b []Evidence, names []string) {
	var pairs []Pair
	var of []int // of each pair: its row
	for _, name := range names {
		for i := range comparedMetrics {
			m := &comparedMetrics[i]
			row := m.row(name)
			var pair Pair
			few := false
			take := func(runs []Evidence, n *int64) (out []float64) {
				for k := range runs {
					s := runs[k].series(name)
					*n += s.Requests
					perRun := *m
					perRun.least = m.leastOfRun()
					v, ok := perRun.value(s, runs[k].Window)
					few = few || !ok
					out = append(out, m.scale(v))
				}
				return out
			}
			pair.A, pair.B = take(a, &row.BaseN), take(b, &row.NewN)
			if few {
				row.Reason = fmt.Sprintf("too few requests: %s needs %d in each run", m.name, m.leastOfRun())
				c.Rows = append(c.Rows, row)
				continue
			}
			pair.Floor = m.delta() / 4
			ma, _ := moments(pair.A)
			mb, _ := moments(pair.B)
			row.Base, row.New = m.back(ma), m.back(mb)
			row.d, row.se = pair.difference()
			m.interval(&row, Welch(pair.A, pair.B, changeLevel))
			of = append(of, len(c.Rows))
			pairs = append(pairs, pair)
			c.Rows = append(c.Rows, row)
		}
	}
	p := Permute(pairs, changeLevel)
	c.Arrangements = p.Arrangements
	for i, at := range of {
		row := &c.Rows[at]
		m := row.metric()
		worse, better := p.Above[i], p.Below[i]
		if !math.IsInf(p.Critical, 0) {
			least := max(m.delta(), p.Critical*math.Hypot(row.se, pairs[i].Floor))
			row.Detectable = ptr(m.shown(least))
		}
		row.decide(m, worse <= changeLevel && row.d >= m.delta(), better <= changeLevel && -row.d >= m.delta(), worse, better)
	}
}

// leastOfRun is how many attempts each of several runs needs: one beyond the
// percentile.
func (m *comparedMetric) leastOfRun() int64 {
	if m.q == 0 {
		return 1
	}
	return int64(math.Ceil(1/(1-m.q) - 1e-9))
}

// byBlocks compares what is within the runs.
func (c *Comparison) byBlocks(a, b []Evidence, names []string) {
	type test struct {
		row           int
		worse, better float64
		a, b          *pool
	}
	var tests []test
	for _, name := range names {
		pa, pb := newPool(a, name, 1), newPool(b, name, 2)
		for i := range comparedMetrics {
			m := &comparedMetrics[i]
			row := m.row(name)
			row.BaseN, row.NewN = pa.series.Requests, pb.series.Requests
			va, okA := m.value(&pa.series, pa.window)
			vb, okB := m.value(&pb.series, pb.window)
			if !okA || !okB {
				row.Reason = fmt.Sprintf("too few requests: %s needs %d on each side", m.name, m.least)
				c.Rows = append(c.Rows, row)
				continue
			}
			row.Base, row.New = m.back(m.scale(va)), m.back(m.scale(vb))
			row.d = m.scale(vb) - m.scale(va)
			if used := min(pa.used, pb.used); used < minBlocks && m.gated() {
				row.Reason = fmt.Sprintf("too short: %s of a run tell nothing of its spread, %d are needed", plural(int64(used), "block"), minBlocks)
			} else if worse, better, ok := m.within(&row, pa, pb); ok {
				tests = append(tests, test{len(c.Rows), worse, better, pa, pb})
			} else {
				row.Reason = "too few of the blocks hold requests"
			}
			c.Rows = append(c.Rows, row)
		}
	}
	worse, better := make([]float64, len(tests)), make([]float64, len(tests))
	for i, t := range tests {
		worse[i], better[i] = t.worse, t.better
	}
	worse, better = Holm(worse), Holm(better)
	for i, t := range tests {
		row := &c.Rows[t.row]
		m := row.metric()
		row.Detectable = ptr(m.shown(m.detectable(row, t.a, t.b, changeLevel/float64(len(tests)))))
		row.decide(m, worse[i] <= changeLevel, better[i] <= changeLevel, worse[i], better[i])
	}
}

// A pool is a series of several runs taken together.
type pool struct {
	series    Series
	window    time.Duration
	used      int // blocks with requests
	seed      uint64
	resampled map[string][]float64 // figures of the resamples, once one is asked for
}

func newPool(runs []Evidence, name string, seed uint64) *pool {
	p := &pool{seed: seed, series: Series{Outcomes: map[metric.Class]int64{}}}
	for i := range runs {
		s := *runs[i].series(name)
		blocks := Thin(s.Blocks, MaxBlocks)
		s.Blocks = nil
		p.series.add(&s)
		p.series.Blocks = append(p.series.Blocks, blocks...)
		p.window += runs[i].Window
	}
	for i := range p.series.Blocks {
		if p.series.Blocks[i].Requests > 0 {
			p.used++
		}
	}
	return p
}

// figures are the metric's values in the resamples.
func (p *pool) figures(m *comparedMetric) []float64 {
	if p.resampled == nil {
		p.resampled = map[string][]float64{}
		r := NewResampled(p.series.Blocks)
		for _, d := range Draws(len(p.series.Blocks), resamples, p.seed, uint64(len(p.series.Blocks))) {
			for i := range comparedMetrics {
				switch m := &comparedMetrics[i]; {
				case m.q > 0:
					p.resampled[m.name] = append(p.resampled[m.name], r.Quantile(d, m.q))
				case m.name == "throughput":
					p.resampled[m.name] = append(p.resampled[m.name], r.Throughput(d))
				}
			}
		}
	}
	return p.resampled[m.name]
}

// effective are the counts of the error rate over the design effect of the blocks.
func (p *pool) effective() (k, n float64) {
	k, n = p.series.failures()
	effect, _ := carefulEffect(p.series.failed(), alpha)
	return k / effect, n / effect
}

// within finds the interval of a row's change, and the p-values of a change by
// more than the tolerance, from the blocks of both sides.
func (m *comparedMetric) within(row *Difference, a, b *pool) (worse, better float64, ok bool) {
	if !m.gated() {
		k1, n1 := a.effective()
		k2, n2 := b.effective()
		m.interval(row, Newcombe(k1, n1, k2, n2, changeLevel))
		return newcombeAbove(k1, n1, k2, n2, m.tolerance), newcombeAbove(k2, n2, k1, n1, m.tolerance), true
	}
	if row.se, ok = BootstrapError(a.figures(m), b.figures(m)); !ok {
		return 1, 1, false
	}
	freedom := row.freedom(a, b)
	half := tQuantile(1-changeLevel, freedom) * row.se
	m.interval(row, Interval{row.d - half, row.d + half})
	p := func(over float64) float64 {
		switch {
		case row.se > 0:
			return tAbove(over/row.se, freedom)
		case over > 0:
			return 0
		}
		return 1
	}
	return p(row.d - m.delta()), p(-row.d - m.delta()), true
}

// freedom is one less than the blocks of the side that has fewer.
func (*Difference) freedom(a, b *pool) float64 { return float64(min(a.used, b.used) - 1) }

// detectable is the smallest difference, on the scale of d, that would have been
// significant at level with this spread.
func (m *comparedMetric) detectable(row *Difference, a, b *pool, level float64) float64 {
	if m.gated() {
		return m.delta() + tQuantile(1-level, row.freedom(a, b))*row.se
	}
	k1, n1 := a.effective()
	_, n2 := b.effective()
	low, high := k1/n1, 1.0
	for range 50 {
		mid := (low + high) / 2
		if Newcombe(k1, n1, mid*n2, n2, level).Low > m.tolerance {
			high = mid
		} else {
			low = mid
		}
	}
	return high - k1/n1
}

// row is the start of a row: nothing is known yet.
func (m *comparedMetric) row(endpoint string) Difference {
	return Difference{Endpoint: endpoint, Metric: m.name, Unit: m.unit, Tolerance: m.tolerance, Verdict: Undecided}
}

// metric is the row's in the table.
func (r *Difference) metric() *comparedMetric {
	i := slices.IndexFunc(comparedMetrics, func(m comparedMetric) bool { return m.name == r.Metric })
	return &comparedMetrics[i]
}

// interval writes the change and its interval, in on the scale of d, as a reader
// takes them.
func (m *comparedMetric) interval(r *Difference, in Interval) {
	change, low, high := m.shown(r.d), m.shown(in.Low), m.shown(in.High)
	r.Change, r.Low, r.High = &change, ptr(min(low, high)), ptr(max(low, high))
	if r.Base == nil || r.New == nil { // there is no ratio to what is beyond measure
		r.Change, r.Low, r.High = nil, nil, nil
	}
}

// decide is the row's verdict, with the p-value to the side that was seen.
func (r *Difference) decide(m *comparedMetric, worse, better bool, pWorse, pBetter float64) {
	r.P = ptr(pWorse)
	if r.d < 0 {
		r.P = ptr(pBetter)
	}
	within := r.Low != nil && *r.Low > min(m.shown(-m.delta()), m.shown(m.delta())) && *r.High < max(m.shown(-m.delta()), m.shown(m.delta()))
	switch {
	case worse:
		r.Verdict = Regressed
	case better:
		r.Verdict = Improved
	case within:
		r.Verdict = Same
	}
	r.Reason = r.words(m)
}

// words is the row in a sentence, without the endpoint.
func (r *Difference) words(m *comparedMetric) string {
	of := func(v *float64) string {
		if v == nil {
			return "beyond measure"
		}
		return amount(*v, r.Unit)
	}
	s := fmt.Sprintf("%s %s, was %s", r.Metric, of(r.New), of(r.Base))
	if r.Change != nil {
		s += fmt.Sprintf(": %s (%s to %s)", m.signed(*r.Change, true), m.signed(*r.Low, false), m.signed(*r.High, true))
	}
	switch {
	case r.Verdict == Same:
		s += fmt.Sprintf(", within %s either way", m.signless(r.Tolerance))
	case r.Verdict == Undecided && r.Detectable != nil:
		s += fmt.Sprintf("; from %s on it would have shown", m.signed(*r.Detectable, true))
	}
	return s
}

// signed is a change as a reader takes it: +26 %, or of a share +0.4 points.
func (m *comparedMetric) signed(v float64, unit bool) string {
	s := number(math.Round(v*1e4)/100 + 0) // + 0: no -0
	if math.Abs(v) >= .1 && m.unit != UnitRatio {
		s = number(math.Round(v*100) + 0)
	}
	if v > 0 && !strings.HasPrefix(s, "-") {
		s = "+" + s
	}
	if !unit {
		return s
	}
	if m.unit == UnitRatio {
		return s + " points"
	}
	return s + " %"
}

func (m *comparedMetric) signless(v float64) string {
	return strings.TrimPrefix(m.signed(v, true), "+")
}

// name is where and what a row is: "p95", or "GET /orders: p95".
func (r *Difference) name() string {
	if r.Endpoint == "" {
		return ""
	}
	return r.Endpoint + ": "
}

// Withhold takes back what was said of latency and throughput, for they were not
// the target's alone. The error rate stays.
func (c *Comparison) Withhold(why string) {
	c.Withheld = append(c.Withheld, why)
	for i := range c.Rows {
		if r := &c.Rows[i]; r.metric().gated() && r.Verdict != Undecided {
			r.Verdict, r.Reason = Undecided, "withheld: "+r.Reason
		}
	}
	c.conclude()
}

// conclude is the verdict on all rows: a regression anywhere is one of the whole;
// the rest is said of the whole run, for an endpoint has fewer requests.
func (c *Comparison) conclude() {
	c.Reasons = []string{}
	has := func(v Change) (found, whole bool) {
		for i := range c.Rows {
			if c.Rows[i].Verdict == v {
				found, whole = true, whole || c.Rows[i].Endpoint == ""
			}
		}
		return found, whole
	}
	regressed, _ := has(Regressed)
	_, undecided := has(Undecided)
	_, improved := has(Improved)
	switch {
	case regressed:
		c.Verdict = Regressed
	case undecided || len(c.Rows) == 0:
		c.Verdict = Undecided
	case improved:
		c.Verdict = Improved
	default:
		c.Verdict = Same
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		told := r.Verdict == c.Verdict || c.Verdict == Undecided && r.Verdict == Improved
		if told && (r.Endpoint == "" || c.Verdict == Regressed) {
			c.Reasons = append(c.Reasons, r.name()+r.Reason)
		}
	}
	if c.Verdict == Regressed { // what else was withheld takes nothing from it
		c.Reasons = append(c.Reasons, c.Withheld...)
		return
	}
	c.Reasons = append(slices.Clone(c.Withheld), c.Reasons...)
}
