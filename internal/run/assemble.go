package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
)

// Result judges what has been gathered and makes the run's result of it. It may
// be called again, also while the run goes on. ExitCode is the caller's.
func (c *Collector) Result() *Result {
	p := c.plan
	ev := c.Evidence()
	j := verdict.Judge(p.Thresholds, ev)
	r := &Result{
		Schema: Schema, LT: p.LT, RunID: p.RunID, Scenario: p.Scenario, ScenarioDigest: p.ScenarioDigest,
		Purpose: p.Purpose, Workload: p.Workload, Target: p.Target, Reference: p.Reference, Labels: p.Labels,
		Model: p.Profile.Model, Load: p.Load(), StartedAt: p.StartedAt, DurationS: seconds(c.end),
		PlannedS: seconds(c.planned()), MeasuredS: seconds(c.window), Complete: c.final,
		Interrupted: c.interrupted(), Seed: p.Seed, Insecure: p.Insecure, Command: p.Command,
		Verdict: j.Verdict, Reasons: j.Reasons,
		Setup: p.Setup, Preflight: p.Preflight, Warmup: c.total.Warmup, WarmupS: seconds(c.warmup),
		Totals: c.totals(&ev), Thresholds: j.Thresholds, Drift: j.Drift,
		Generator: c.generatorResult(&j), Timeline: c.timeline(), Environment: p.Environment,
		NotShown: verdict.NotShown(ev, p.Thresholds, c.facts()), Notes: j.Notes,
	}
	for i := range c.each {
		r.Endpoints = append(r.Endpoints, c.endpoint(i, &ev, j.Thresholds))
	}
	if n := c.total.aborted + c.total.abortedWarm; n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d requests were still under way when the run was stopped, and cut off: they count as failed, but are not judged", n))
	}
	if !c.final && r.Verdict == verdict.Pass {
		r.Verdict = verdict.Inconclusive
		r.Reasons = append([]string{fmt.Sprintf("the run was cut off after %s of %s; what was shown until then:", brief(c.end), brief(c.planned()))}, r.Reasons...)
	}
	if p.Setup != nil {
		r.Notes = append(r.Notes, p.Setup.sentence("setup"))
	}
	r.Rows = c.rows()
	r.Distribution, r.Heatmap = c.distribution(), c.columns.heatmap()
	r.Failures = c.failureResults()
	for _, e := range c.events {
		r.Events = append(r.Events, Event{T: seconds(e.At), Kind: e.Kind, Note: e.Note})
	}
	for _, o := range c.outages {
		if o.ToS-o.FromS >= .9 {
			r.Outages = append(r.Outages, o)
		}
	}
	if r.Verdict == verdict.Fail { // an outage explains what follows it
		var first []string
		for _, o := range r.Outages {
			first = append(first, fmt.Sprintf("outage from %.0f s to %.0f s: %d of %d requests failed", o.FromS, o.ToS, o.Failed, o.Requests))
		}
		r.Reasons = append(first, r.Reasons...)
	}
	r.sanitize()
	return r
}

func (c *Collector) facts() verdict.Facts {
	return verdict.Facts{Users: int(c.plan.Profile.Peak()), ThinkMean: c.plan.Think.Mean}
}

// sanitize makes absent lists empty ones, as result.json promises.
func (r *Result) sanitize() {
	for _, l := range []*[]string{&r.Reasons, &r.NotShown} {
		if *l == nil {
			*l = []string{}
		}
	}
	if r.Thresholds == nil {
		r.Thresholds = []verdict.Judged{}
	}
	if r.Failures == nil {
		r.Failures = []Failure{}
	}
	if r.Timeline == nil {
		r.Timeline = []Point{}
	}
	if r.Endpoints == nil {
		r.Endpoints = []EndpointResult{}
	}
}

// StoppedByThreshold is why a run was stopped that broke a threshold with abort.
const StoppedByThreshold = "threshold"

// The kinds of events of judging while the run goes on, whose notes say why.
const (
	EventBroken   = "broken"   // a threshold with abort was shown to be broken
	EventExtended = "extended" // the run was not decided at its first look, and went on
)

// planned is how long the load was to last: until the first look, unless the run
// went on after it.
func (c *Collector) planned() time.Duration {
	if slices.ContainsFunc(c.events, func(e metric.Event) bool { return e.Kind == EventExtended }) {
		return c.plan.Profile.Duration()
	}
	return c.plan.planned()
}

func (p *Plan) planned() time.Duration {
	if p.FirstLook > 0 {
		return p.FirstLook
	}
	return p.Profile.Duration()
}

// interrupted is the reason for which the run ended before its planned end.
func (c *Collector) interrupted() string {
	for _, e := range c.events {
		switch e.Kind {
		case "interrupted", "killed", "journal", StoppedByThreshold:
			return e.Kind
		case "end":
			return ""
		}
	}
	return ""
}

// Evidence is what the run shows so far, to be judged or compared. It is
// independent of what is added later.
func (c *Collector) Evidence() verdict.Evidence {
	p := c.plan
	ev := verdict.Evidence{
		Total: c.total.judged(), Model: p.Profile.Model, Think: p.Think.Mean > 0, Window: c.window,
		Complete: c.final && c.interrupted() == "", Dropped: c.dropped, Unsent: c.unsent, Iterations: c.started, Nominal: c.due(),
		Generator: verdict.Generator{
			StartDelay: c.startDelay.Clone(), Failed: c.generator, Attempted: c.attempted,
			CPUQuota: c.health.quota, CPUHigh: c.health.high, CPUPercent: c.cpuMean(),
			StallMax: c.health.stallMax, StallTotal: c.health.stallTotal, Stalls: c.health.stalls,
			Steal: c.health.steal, Pressure: c.health.pressure, ClockJump: c.health.clockJump,
		},
		Steady: c.steady(), Probes: c.probes.all(),
		Limits: c.stretches.limits, Spoilt: c.stretches.spoilt, InFlight: c.inFlight.Seconds(), Residence: c.residence.Seconds(), Looks: 1,
	}
	if p.FirstLook > 0 {
		ev.Looks = 2
	}
	if !p.Profile.Staged {
		ev.Duration = c.warmup + c.window
	}
	for i := range c.each {
		ev.Endpoints = append(ev.Endpoints, c.each[i].judged())
	}
	for i := range c.personas {
		ev.Personas = append(ev.Personas, c.personas[i].judged())
	}
	return ev
}

// due is how many iterations the profile asks for in the measured window; 0: it
// sets no pace.
func (c *Collector) due() float64 {
	switch think := c.plan.Think.Mean; {
	case c.plan.Profile.Model == metric.Open:
		return c.nominal
	case think > 0:
		return c.nominal / think.Seconds()
	}
	return 0
}

// judged is the series without what lt itself cut off, with the distributions of
// its blocks.
func (s *series) judged() verdict.Series {
	j := s.Series
	j.Outcomes = maps.Clone(s.Outcomes)
	j.Response = s.Response.Clone()
	j.Service = s.service.Clone()
	j.Blocks = slices.Clone(s.Blocks)
	for i := range j.Blocks {
		b := &j.Blocks[i]
		if b.Spoilt != nil {
			sp := *b.Spoilt
			sp.Over = slices.Clone(sp.Over)
			b.Spoilt = &sp
		}
		if i < len(s.whole) {
			b.Response = s.whole[i].dist()
			if i < len(s.wholeService) {
				b.Service = s.wholeService[i].dist()
			}
			continue
		}
		b.Response, b.Service = s.Blocks[i].Response.Clone(), s.Blocks[i].Service.Clone()
	}
	j.Spans = slices.Clone(s.Spans)
	for i := range j.Spans {
		j.Spans[i].Over = slices.Clone(j.Spans[i].Over)
	}
	j.Requests -= s.aborted
	j.Failed -= s.aborted
	j.Warmup.Requests -= s.abortedWarm
	j.Warmup.Failed -= s.abortedWarm
	return j
}

func (c *Collector) cpuMean() float64 {
	if c.health.known == 0 {
		return -1
	}
	return c.health.cpuTime / c.health.known.Seconds()
}

// errorRate counts the warm-up's requests and failures too: a target that fails
// only while it warms up has failed.
func errorRate(s *verdict.Series) *float64 {
	n := s.Requests + s.Warmup.Requests
	if n == 0 {
		return nil
	}
	return new(float64(s.Failed+s.Warmup.Failed) / float64(n))
}

// perSecond is n over the measured window; nil when there was none.
func (c *Collector) perSecond(n int64) *float64 {
	if c.window <= 0 {
		return nil
	}
	return new(round(float64(n)/c.window.Seconds(), 2))
}

func (c *Collector) totals(ev *verdict.Evidence) Totals {
	t := Totals{
		Requests: c.total.Requests, Failed: c.total.Failed, ErrorRate: errorRate(&c.total.Series),
		Throughput: c.perSecond(c.total.Succeeded), Attempts: c.perSecond(c.total.Attempted),
		Iterations: c.iterations, Idle: c.idle, Dropped: c.dropped, Waited: c.waited, Unsent: c.unsent,
		Reconnects: c.total.reconnects, BytesOut: c.total.bytesOut, BytesIn: c.total.bytesIn,
		Response: withIntervals(&ev.Total), Service: NewLatency(&c.total.service), FailedLatency: NewLatency(&c.total.failed),
		Phases: newPhases(&c.total.phases),
	}
	if c.plan.Profile.Model == metric.Closed {
		t.Service = t.Response // a closed user is due when it is ready: see metric.Recorder
		if due := c.due(); due > 0 {
			t.Pace = new(round(float64(c.started)/due, 4))
		}
	}
	return t
}

func (c *Collector) endpoint(i int, ev *verdict.Evidence, thresholds []verdict.Judged) EndpointResult {
	s := &c.each[i]
	e := EndpointResult{
		Name: s.Name, Method: c.plan.Endpoints[i].Method, Path: c.plan.Endpoints[i].Path,
		Requests: s.Requests, Failed: s.Failed, ErrorRate: errorRate(&s.Series), Throughput: c.perSecond(s.Succeeded),
		Warmup: s.Warmup, Response: withIntervals(&ev.Endpoints[i]), Service: NewLatency(&s.service), FailedTime: NewLatency(&s.failed),
		Timeline: c.columns.course(i), Outcomes: map[string]int64{}, Verdict: verdict.None, Phases: newPhases(&s.phases),
	}
	if c.plan.Profile.Model == metric.Closed {
		e.Service = e.Response
	}
	for class, n := range s.Outcomes {
		if n > 0 {
			e.Outcomes[class.Key()] += n
		}
	}
	// The worst of what was judged of it.
	rank := []verdict.Verdict{verdict.None, verdict.Pass, verdict.Warn, verdict.Inconclusive, verdict.Fail}
	for _, t := range thresholds {
		if t.Scope == s.Name && slices.Index(rank, t.Verdict) > slices.Index(rank, e.Verdict) {
			e.Verdict = t.Verdict
		}
	}
	return e
}

// HasMembers reports whether the scenario also addresses members of the
// collection at path: then a POST to it creates one, and is no login or search.
func (p *Plan) HasMembers(path string) bool {
	for _, e := range p.Endpoints {
		if rest, ok := strings.CutPrefix(e.Path, strings.TrimSuffix(path, "/")+"/"); ok && strings.ContainsAny(rest, "{$") {
			return true
		}
	}
	return false
}

// rows counts the successful requests that create and delete.
func (c *Collector) rows() *Rows {
	var r Rows
	if c.plan.Preflight != nil {
		r.Created = c.plan.Preflight.Created
	}
	if s := c.plan.Setup; s != nil {
		r.Created += s.Created
		r.Deleted += s.Deleted
	}
	for i := range c.each {
		s := &c.each[i]
		ok := s.Requests - s.Failed + s.Warmup.Requests - s.Warmup.Failed
		switch e := c.plan.Endpoints[i]; e.Method {
		case "POST":
			if c.plan.HasMembers(e.Path) {
				r.Created += ok
			}
		case "DELETE":
			r.Deleted += ok
		}
	}
	if r == (Rows{}) {
		return nil
	}
	r.Left = max(r.Created-r.Deleted, 0)
	return &r
}

func (c *Collector) generatorResult(j *verdict.Judgement) Generator {
	h := &c.health
	g := Generator{
		CPUQuota: h.quota, Stalls: h.stalls, StallMaxMS: ms(h.stallMax), Failed: c.generator,
		Valid: j.Valid, Validity: j.Validity,
	}
	if h.known > 0 {
		g.CPUPercent, g.CPUMax = new(round(c.cpuMean(), 1)), new(round(h.cpuMax, 1))
		g.GCPause = &GCPause{Max: ms(h.gcMax), Total: ms(h.gcTotal)}
	}
	if h.known > 0 {
		g.SchedP99 = new(ms(h.sched))
		g.InFlight, g.Residence = new(seconds(c.inFlight)), new(seconds(c.residence))
	}
	if h.steal >= 0 {
		g.Steal = new(round(h.steal, 2))
	}
	if h.pressure >= 0 {
		g.Pressure = new(round(h.pressure, 2))
	}
	if h.throttled > 0 {
		g.ThrottledMS = new(ms(h.throttled))
	}
	if h.rss >= 0 {
		g.RSSMax = new(h.rss)
	}
	if d := &c.startDelay; d.Count > 0 {
		g.StartDelay = &StartDelay{P50: ms(d.Quantile(.5)), P99: ms(d.Quantile(.99)), Max: ms(d.Max)}
	}
	return g
}

// timeline is the points so far. A point that nothing was put into tells that
// nothing was sent.
func (c *Collector) timeline() []Point { return slices.Clone(c.points) }

// Load is the plan's load in words: "500 users, started at 50/s, 15m".
func (p *Plan) Load() string {
	d := p.Profile.Duration()
	if p.Profile.Model == metric.Open {
		random := ""
		if p.Profile.Arrivals == load.Poisson {
			random = " at random"
		}
		if !p.Profile.Staged {
			return fmt.Sprintf("%s iterations/s%s, %s, at most %d users", number(p.Profile.Peak()), random, brief(d), p.Profile.MaxUsers)
		}
		return fmt.Sprintf("stages %s of iterations/s%s, at most %d users", stages(p), random, p.Profile.MaxUsers)
	}
	if p.Profile.Staged {
		return "stages " + stages(p) + " users"
	}
	first := p.Profile.Stages[0]
	rate := "at once"
	if first.Duration > 0 {
		rate = "started at " + number(first.Target/first.Duration.Seconds()) + "/s"
	}
	return fmt.Sprintf("%s users, %s, %s", number(p.Profile.Peak()), rate, brief(d))
}

func stages(p *Plan) string {
	var s []string
	for _, st := range p.Profile.Stages {
		s = append(s, brief(st.Duration)+":"+number(st.Target))
	}
	return strings.Join(s, " ")
}

// number is x with at most two decimals, and no more than needed.
func number(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
}

// brief is a duration without its zero units: 15m, 1m30s.
func brief(d time.Duration) string { return text.Duration(d.Round(time.Millisecond)) }
