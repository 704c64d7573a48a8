package report

import (
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A page is everything that the HTML template shows, as text that is ready but
// for the escaping, which html/template does.
type page struct {
	CSP    string
	Style  template.CSS
	Script template.JS
	Chart  template.JS // uPlot
	Icon   template.URL

	Word, Mark, Tone  string
	LT, RunID         string
	Scenario, Purpose string
	Date              string
	Lead              string // the first reason
	Reasons           []string
	Meta              []string
	Cautions          []caution
	Sections          []section
	Stats             []stat
	NotShown          []string

	Comparison *comparisonView // nil: nothing was compared

	Thresholds, Folded []thresholdRow
	FoldedTitle        string
	Drift              *driftView // nil: not judged
	Validity           validity
	Notes              []string

	Charts   []chart     // over time
	Plots    template.JS // their data, as JSON
	Spread   []chart     // that share no time axis
	End      float64     // of the charts' time axis, in seconds
	Legend   []bandName
	Marks    []markText
	Sampling string

	Endpoints     []endpointRow
	Sparks        bool // any endpoint has a course
	EndpointsNote string
	Total         []cell
	EndpointsCut  string
	Failures      []failureView
	FailuresCut   string

	Command   string
	Facts     []fact
	Preflight []string
}

type section struct{ ID, Title string }

type stat struct {
	Name, Value, Unit, Sub string
	Doubt                  bool // the run is invalid, and this may be the generator's
}

type fact struct{ Name, Value string }

// A validity says whether the instrument measured the target or itself.
type validity struct {
	Tone, Word, Text string
	Reasons          []string
	Facts            []fact
}

func newPage(r *run.Result) *page {
	h := headline(r)
	p := &page{
		Icon: icon(h.Class), Word: h.Word, Mark: h.Mark, Tone: h.Class,
		LT: clean(r.LT, maxName), RunID: clean(r.RunID, maxName), Scenario: clean(r.Scenario, maxName), Purpose: clean(r.Purpose, maxName),
		Date: stamp(r.StartedAt), Cautions: cautions(r), NotShown: cleanAll(r.NotShown), Notes: cleanAll(r.Notes),
		Command: cleanBlock(r.Command, maxBody),
		Sections: []section{
			{"thresholds", "Thresholds"},
			{"validity", "Validity"},
			{"timeline", "What happened"},
			{"spread", "Distribution"},
			{"endpoints", "Endpoints"},
			{"failures", "Failures"},
			{"run", "The run"},
		},
	}
	if rs := reasons(r); len(rs) > 0 {
		p.Lead, p.Reasons = tie(rs[0]), cleanAll(rs[1:])
	}
	for _, m := range []string{clean(r.Target, maxName), clean(r.Load, maxName), stamp(r.StartedAt), "ran " + length(r.DurationS)} {
		if m != "" {
			p.Meta = append(p.Meta, m)
		}
	}
	if p.Comparison = newComparisonView(r.Comparison); p.Comparison != nil {
		p.Sections = slices.Insert(p.Sections, 1, section{"comparison", "Comparison"})
	}
	p.stats(r)
	p.thresholds(r)
	if p.Drift = newDriftView(r); p.Drift != nil {
		p.Sections = slices.Insert(p.Sections, 2, section{"drift", "Drift"})
	}
	p.validity(r)
	p.timeline(r)
	p.endpoints(r)
	p.failures(r)
	p.facts(r)
	if len(p.Spread) == 0 {
		p.Sections = slices.DeleteFunc(p.Sections, func(s section) bool { return s.ID == "spread" })
	}
	return p
}

func cleanAll(ss []string) []string {
	out := make([]string, 0, len(ss))
	for _, s := range ss {
		out = append(out, tie(clean(s, maxMessage)))
	}
	return out
}

// tie keeps numbers and their units on one line.
var tie = strings.NewReplacer(" %", "\u00a0%", " ms", "\u00a0ms", " MB", "\u00a0MB", " s ", "\u00a0s ").Replace

// stats are the figures under the verdict.
func (p *page) stats(r *run.Result) {
	t := &r.Totals
	p50, p95, p99, longest, n := none, none, none, "nothing measured", "no request succeeded"
	if l := t.Response; l != nil {
		p50, p95, p99, longest, n = decimal(l.P50), decimal(l.P95), decimal(l.P99), "max "+decimal(l.Max)+" ms", "of "+plural(l.N, "success")
		if l.N != 1 {
			n = "of " + count(l.N) + " successes"
		}
	}
	errors := plural(t.Requests, "request")
	if t.Requests > 0 {
		errors = count(t.Failed+r.Warmup.Failed) + " of " + count(t.Requests+r.Warmup.Requests)
	}
	attempts := "nothing measured"
	if t.Attempts != nil {
		attempts = perSecond(*t.Attempts) + "/s attempted"
	}
	doubt := !r.Generator.Valid
	p.Stats = []stat{
		{"Throughput", optional(t.Throughput, perSecond), "/s", attempts, doubt},
		{"Error rate", optional(t.ErrorRate, percent), "%", errors, false},
		{"P50", p50, "ms", n, doubt},
		{"P95", p95, "ms", "response time", doubt},
		{"P99", p99, "ms", longest, doubt},
		{"Measured", length(r.MeasuredS), "", "of " + length(r.DurationS) + ", warm-up " + length(r.WarmupS), false},
	}
	for i := range p.Stats {
		if p.Stats[i].Value == none {
			p.Stats[i].Unit = ""
		} else if p.Stats[i].Doubt {
			p.Stats[i].Sub = "invalid run: not the target's figure alone"
		}
	}
}

// validity says how the generator did.
func (p *page) validity(r *run.Result) {
	g := &r.Generator
	v := validity{Tone: "pass", Word: "Valid", Text: "The load generator kept its own schedule: the figures are the target's."}
	switch {
	case !g.Valid:
		v = validity{Tone: "invalid", Word: "Invalid", Text: "The load generator, or its machine, was the bottleneck: response times and throughput may be its own."}
	case r.Totals.Requests == 0 && r.Warmup.Requests == 0:
		v = validity{Tone: "none", Word: "Nothing measured", Text: "No request was sent."}
	}
	v.Reasons = cleanAll(g.Validity)
	if g.Valid && len(v.Reasons) > 0 {
		v.Text = "The figures are the target's, with this to bear in mind:"
	}
	add := func(name, value string) { v.Facts = append(v.Facts, fact{name, tie(value)}) }
	if d := g.StartDelay; d != nil {
		add("Start delay", "P50 "+decimal(d.P50)+" · P99 "+decimal(d.P99)+" · max "+decimal(d.Max)+" ms")
	}
	if g.CPUPercent != nil {
		s := "mean " + cpu(*g.CPUPercent)
		if g.CPUMax != nil {
			s += " · max " + cpu(*g.CPUMax)
		}
		if g.CPUQuota > 0 {
			s += " · allowed " + cpu(g.CPUQuota*100)
		}
		add("Generator's CPU", s)
	}
	stalls := count(int64(g.Stalls))
	if g.Stalls > 0 {
		stalls += " · longest " + decimal(g.StallMaxMS) + " ms"
	}
	add("Stalls", stalls)
	if c := g.GCPause; c != nil {
		add("Garbage collection", "longest "+decimal(c.Max)+" · total "+decimal(c.Total)+" ms")
	}
	if g.RSSMax != nil {
		add("Generator's memory", "max "+size(*g.RSSMax))
	}
	add("Failed by the generator's fault", plural(g.Failed, "request"))
	p.Validity = v
}

// facts are what was run, where and when.
func (p *page) facts(r *run.Result) {
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{name, tie(value)})
		}
	}
	target := clean(r.Target, maxName)
	if r.Reference {
		target += " (lt's own reference platform)"
	}
	t := &r.Totals
	add("Target", target)
	add("Scenario", p.Scenario)
	add("Workload", clean(r.Workload, maxName))
	add("Load", clean(r.Load, maxName))
	add("Model", clean(string(r.Model), maxName))
	add("Started", stamp(r.StartedAt))
	duration := length(r.DurationS)
	if r.PlannedS > 0 {
		duration += " of " + length(r.PlannedS) + " planned"
	}
	add("Duration", duration)
	if r.WarmupS > 0 || r.Warmup.Requests > 0 {
		add("Warm-up", length(r.WarmupS)+": "+plural(r.Warmup.Requests, "request")+", "+count(r.Warmup.Failed)+" failed")
	}
	if r.Rows != nil {
		add("Target's data", rowsText(r.Rows))
	}
	iterations := count(t.Iterations)
	for _, n := range []struct {
		n    int64
		what string
	}{{t.Idle, " idle"}, {t.Dropped, " dropped"}, {t.Unsent, " unsent"}} {
		if n.n > 0 {
			iterations += ", " + count(n.n) + n.what
		}
	}
	add("Iterations", iterations)
	if t.Pace != nil {
		add("Pace", percent(*t.Pace)+" % of the nominal rate")
	}
	if t.Requests > 0 {
		add("Reconnects", count(t.Reconnects))
		add("Sent, received", size(t.BytesOut)+", "+size(t.BytesIn))
	}
	if l := t.FailedLatency; l != nil {
		add("Failed requests took", "P50 "+decimal(l.P50)+" · P95 "+decimal(l.P95)+" · max "+decimal(l.Max)+" ms")
	}
	if l := t.Service; l != nil {
		add("Service time", "P50 "+decimal(l.P50)+" · P95 "+decimal(l.P95)+" · P99 "+decimal(l.P99)+" · max "+decimal(l.Max)+" ms")
	}
	add("Seed", strconv.FormatUint(r.Seed, 10))
	add("Scenario digest", clean(r.ScenarioDigest, maxName))
	for i, k := range slices.Sorted(maps.Keys(r.Labels)) {
		if i == 40 {
			break
		}
		add("Label "+clean(k, 60), clean(r.Labels[k], maxName))
	}
	if e := r.Environment; e != (run.Environment{}) {
		add("Generator", clean(e.Host, maxName)+" · "+plural(int64(e.CPUs), "CPU")+" · "+clean(e.OS, maxName)+" · "+clean(e.Go, maxName))
	}
	if r.ExitCode != nil {
		add("Exit code", strconv.Itoa(*r.ExitCode))
	}
	if f := r.Preflight; f != nil {
		p.Preflight = append([]string{preflightLine(f)}, cleanAll(f.Warnings)...)
	}
}

// toneName is a verdict's colour and word in a table.
func toneName(v verdict.Verdict) (class, word string) {
	t := toneOf(v)
	switch v {
	case verdict.None:
		return t.Class, "not judged"
	case verdict.Warn:
		return t.Class, "warning"
	}
	return t.Class, map[string]string{"pass": "pass", "fail": "fail", "open": "not proven", "invalid": "withheld"}[t.Class]
}
