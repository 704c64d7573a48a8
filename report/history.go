package report

import (
	"cmp"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A History is many runs, for the index of a directory of results.
type History struct {
	Name       string // of the directory
	LT         string
	Runs       []HistoryRun // in any order
	Unreadable []string     // directories that hold no run that can be read, and why
}

// A HistoryRun is one of them.
type HistoryRun struct {
	Name   string // where it stands below the directory
	Href   string // its report, as a relative URL; empty: it has none
	Result *run.Result
}

const (
	historyEndpoints = 40  // of a trend
	historyRuns      = 100 // the newest of each trend
)

type historyPage struct {
	CSP   string
	Style template.CSS
	Icon  template.URL

	Tone, Mark, Word, LT, Name, Lead string
	Meta                             []string
	Latest                           []suiteRow
	Scenarios                        []string
	Thresholds                       []suiteLine
	Trends                           []planTrend
	Notes                            []string
}

// A planTrend is the runs of one plan: of one scenario, load and model.
type planTrend struct {
	ID, Title, Load string
	Hint            string
	Charts          []chart
	Endpoints       []trendEndpoint
	EndpointsCut    string
	Runs            []trendRun
}

type trendEndpoint struct {
	Method, Name string
	P95, Errors  miniChart
	First, Last  string
	Change       string
	LastErrors   string
}

// A miniChart is a line of a table's cell.
type miniChart struct {
	Path   string
	Dot    *chartTick // the last value
	Marks  []chartMark
	Label  string
	Failed bool
}

type trendRun struct {
	suiteRow
	Flag, Started, Labels, Baseline string
}

var historyAssets = sync.OnceValues(func() (*assets, error) { return sheetAssets("history.html.tmpl") })

// HistoryHTML writes the index of many runs: one page without scripts. The four
// scenarios of a release stand side by side, newest runs first; each plan's runs are
// a trend, with a mark where the baseline that they were compared with changed.
func HistoryHTML(w io.Writer, h *History) error {
	a, err := historyAssets()
	if err != nil {
		return err
	}
	p := newHistoryPage(h)
	p.CSP, p.Style = a.csp, a.style
	return a.page.Execute(w, p)
}

func newHistoryPage(h *History) *historyPage {
	runs := slices.Clone(h.Runs)
	slices.SortStableFunc(runs, func(a, b HistoryRun) int {
		return cmp.Or(a.Result.StartedAt.Compare(b.Result.StartedAt), cmp.Compare(a.Name, b.Name))
	})
	newest := map[string]*HistoryRun{}
	var names []string
	for i := range runs {
		name := runs[i].Result.Scenario
		if newest[name] == nil {
			names = append(names, name)
		}
		newest[name] = &runs[i]
	}
	slices.Sort(names)
	for i := len(run.ReleaseScenarios) - 1; i >= 0; i-- {
		name := run.ReleaseScenarios[i]
		names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		names = slices.Insert(names, 0, name)
	}
	p := &historyPage{LT: clean(h.LT, maxName), Name: clean(h.Name, maxName), Notes: cleanAll(h.Unreadable)}
	s := &Suite{}
	for _, name := range names {
		sr := SuiteRun{Name: name, Note: "No run of it is here."}
		if r := newest[name]; r != nil {
			sr.Result, sr.Note = r.Result, ""
		}
		row := newSuiteRow(&sr)
		if r := newest[name]; r != nil {
			row.Href = r.Href
			row.Load = stamp(r.Result.StartedAt) + " · " + row.Load
		}
		s.Runs = append(s.Runs, sr)
		p.Latest = append(p.Latest, row)
		p.Scenarios = append(p.Scenarios, row.Name)
	}
	// The page's word is that of the newest runs there are.
	there := &Suite{Runs: slices.DeleteFunc(slices.Clone(s.Runs), func(r SuiteRun) bool { return r.Result == nil })}
	t := tone{"NO RUNS", "none", "○"}
	if len(there.Runs) > 0 {
		t = there.headline()
		p.Lead = "Newest run of each scenario: " + there.lead()
	} else {
		p.Lead = "No run is here yet."
	}
	p.Tone, p.Mark, p.Word, p.Icon = t.Class, t.Mark, t.Word, icon(t.Class)
	p.Meta = []string{p.Name, plural(int64(len(runs)), "run")}
	if n := len(runs); n > 0 {
		p.Meta = append(p.Meta, stamp(runs[0].Result.StartedAt)+" to "+stamp(runs[n-1].Result.StartedAt))
	}
	side := &suitePage{}
	side.thresholds(s)
	p.Thresholds = side.Thresholds

	type key struct{ scenario, load, model, digest string }
	groups := map[key][]HistoryRun{}
	var order []key
	for _, r := range runs {
		k := key{r.Result.Scenario, r.Result.Load, string(r.Result.Model), r.Result.ScenarioDigest}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	slices.SortStableFunc(order, func(a, b key) int {
		return cmp.Or(cmp.Compare(slices.Index(names, a.scenario), slices.Index(names, b.scenario)),
			groups[b][len(groups[b])-1].Result.StartedAt.Compare(groups[a][len(groups[a])-1].Result.StartedAt))
	})
	for i, k := range order {
		p.Trends = append(p.Trends, newTrend("trend-"+strconv.Itoa(i), groups[k]))
	}
	return p
}

// fit reports whether a run's latencies and throughput are the target's, whole.
func fit(r *run.Result) bool { return r.Generator.Valid && r.Verdict != verdict.Invalid }

func newTrend(id string, runs []HistoryRun) planTrend {
	last := runs[len(runs)-1].Result
	t := planTrend{ID: id, Title: clean(last.Scenario, maxName), Load: clean(last.Load, maxName)}
	all := len(runs)
	if all > historyRuns {
		runs = runs[all-historyRuns:]
	}
	b := &board{end: 1}
	base := ""
	for i, r := range runs {
		x := .5
		if len(runs) > 1 {
			x = (float64(i) + .5) / float64(len(runs))
		}
		b.points = append(b.points, run.Point{T: float64(i), Length: 1})
		b.xs = append(b.xs, x)
		if step := (len(runs) + 7) / 8; i%step == 0 {
			b.ticks = append(b.ticks, chartTick{hundredths(x), strconv.Itoa(i + 1), i/step%2 == 1})
		}
		row := trendRun{
			suiteRow: newSuiteRow(&SuiteRun{Name: r.Name, Result: r.Result}), Flag: strconv.Itoa(i + 1),
			Started: stamp(r.Result.StartedAt), Labels: clean(labelList(r.Result.Labels), maxMessage),
		}
		row.Href = r.Href
		if c := r.Result.Comparison; c != nil && len(c.Base) > 0 {
			row.Baseline = clean(c.Base[0].Ref, maxName)
			if id := c.Base[0].RunID; id != base {
				b.marks = append(b.marks, chartMark{X: hundredths(x), Flag: "B"})
				base = id
				row.Baseline += " (from here on)"
			}
		}
		t.Runs = append(t.Runs, row)
	}
	slices.Reverse(t.Runs)
	if len(runs) < 2 {
		t.Hint = "One run: there is no trend yet."
		return t
	}
	t.Hint = "Runs in the order of their starts, by their numbers below. B marks the first run against another baseline. Runs that are invalid have no response times and no throughput here."
	if all > len(runs) {
		t.Hint += " The newest " + count(int64(len(runs))) + " of " + count(int64(all)) + " runs."
	}
	of := func(f func(*run.Result) *float64) []float64 {
		out := make([]float64, len(runs))
		for i := range runs {
			out[i] = math.NaN()
			if v := f(runs[i].Result); v != nil {
				out[i] = *v
			}
		}
		return out
	}
	quantile := func(q func(*run.Latency) float64) []float64 {
		return of(func(r *run.Result) *float64 {
			if r.Totals.Response == nil || !fit(r) {
				return nil
			}
			v := q(r.Totals.Response)
			return &v
		})
	}
	p50, p95, p99 := quantile(func(l *run.Latency) float64 { return l.P50 }), quantile(func(l *run.Latency) float64 { return l.P95 }), quantile(func(l *run.Latency) float64 { return l.P99 })
	errs := of(func(r *run.Result) *float64 {
		if r.Totals.ErrorRate == nil {
			return nil
		}
		v := *r.Totals.ErrorRate * 100
		return &v
	})
	rate := of(func(r *run.Result) *float64 {
		if !fit(r) {
			return nil
		}
		return r.Totals.Throughput
	})
	inPercent := func(v float64) string { return percent(v / 100) }
	t.Charts = []chart{
		b.chart(id+"-response", "Response time", "ms", linear(highest(p99)), []series{
			{name: "P50", class: "p50", format: decimal, values: p50}, {name: "P95", class: "p95", format: decimal, values: p95}, {name: "P99", class: "p99", format: decimal, values: p99},
		}),
		b.chart(id+"-errors", "Error rate", "%", linear(highest(errs)), []series{{name: "error rate", class: "failed", format: inPercent, values: errs}}),
		b.chart(id+"-throughput", "Throughput", "successes/s", linear(highest(rate)), []series{{name: "throughput", class: "attempts", format: perSecond, values: rate}}),
	}
	for i := range t.Charts {
		c := &t.Charts[i]
		c.Size = "low"
		c.Summary = "Over " + count(int64(len(runs))) + " runs: " + c.Summary
		c.Head = append([]string{"run", "verdict"}, c.Head[2:]...)
		for k := range c.Rows {
			first, lastRun := k, k
			if len(c.Rows) != len(runs) { // of many runs, stretches of them
				first, lastRun = k*len(runs)/len(c.Rows), (k+1)*len(runs)/len(c.Rows)-1
			}
			c.Rows[k][0], c.Rows[k][1] = strconv.Itoa(first+1), headline(runs[lastRun].Result).Word
		}
	}
	t.endpoints(b, runs)
	return t
}

// endpoints are a line for each endpoint that any of the runs has.
func (t *planTrend) endpoints(b *board, runs []HistoryRun) {
	var names []string
	first := map[string]*run.EndpointResult{}
	for _, r := range runs {
		for i := range r.Result.Endpoints {
			if e := &r.Result.Endpoints[i]; first[e.Name] == nil {
				first[e.Name] = e
				names = append(names, e.Name)
			}
		}
	}
	if len(names) > historyEndpoints {
		t.EndpointsCut = count(int64(len(names)-historyEndpoints)) + " more endpoints stand in the runs' own reports."
		names = names[:historyEndpoints]
	}
	for _, name := range names {
		p95, errs := make([]float64, len(runs)), make([]float64, len(runs))
		for i, r := range runs {
			p95[i], errs[i] = math.NaN(), math.NaN()
			k := slices.IndexFunc(r.Result.Endpoints, func(e run.EndpointResult) bool { return e.Name == name })
			if k < 0 {
				continue
			}
			e := &r.Result.Endpoints[k]
			if e.Response != nil && fit(r.Result) {
				p95[i] = e.Response.P95
			}
			if e.ErrorRate != nil {
				errs[i] = *e.ErrorRate * 100
			}
		}
		e := first[name]
		line := trendEndpoint{Method: clean(e.Method, 24), Name: clean(cmp.Or(e.Path, e.Name), maxName), First: none, Last: none, Change: none, LastErrors: none}
		line.P95, line.Errors = mini(b, p95, decimal, "P95 in ms"), mini(b, errs, func(v float64) string { return percent(v / 100) }, "error rate in percent")
		line.Errors.Failed = true
		var from, to float64 = math.NaN(), math.NaN()
		measured := 0
		for _, v := range p95 {
			if !math.IsNaN(v) {
				measured++
				if math.IsNaN(from) {
					from = v
				}
				to = v
			}
		}
		if !math.IsNaN(from) {
			line.First, line.Last = decimal(from), decimal(to)
			if from > 0 && measured > 1 {
				line.Change = strconv.FormatFloat((to/from-1)*100, 'f', 1, 64) + "\u00a0%"
				if to >= from {
					line.Change = "+" + line.Change
				}
			}
		}
		if v := errs[len(errs)-1]; !math.IsNaN(v) {
			line.LastErrors = percent(v / 100)
		}
		t.Endpoints = append(t.Endpoints, line)
	}
}

// mini draws values over the board's runs, from 0 up, and says them in words.
func mini(b *board, values []float64, format func(float64) string, what string) miniChart {
	a := linear(highest(values))
	m := miniChart{Path: path(b.xs, values, a), Marks: b.marks}
	var words []string
	for i, v := range values {
		if math.IsNaN(v) {
			words = append(words, none)
			continue
		}
		words = append(words, format(v))
		m.Dot = &chartTick{At: hundredths(b.xs[i]), Label: hundredths(a.place(v))}
	}
	if n := len(words); n > 40 {
		words = append([]string{"…"}, words[n-40:]...)
	}
	m.Label = what + " by run: " + strings.Join(words, ", ")
	return m
}
