package run

import (
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A stretcher finds the stretches of a run, as long as a group of histograms, in
// which the generator was not fit to measure, and gathers what thresholds ask of
// stretches. It keeps counts, not distributions.
type stretcher struct {
	limits  []verdict.Limit
	service bool   // distributions of service times are kept for each block
	spans   bool   // of the run
	spansOf []bool // of the endpoints

	spansOfPersona  []bool
	spansOfUpstream bool

	health verdict.Stretch // since the last group
	spoilt time.Duration   // measured
}

func newStretcher(p *Plan) stretcher {
	st := stretcher{
		limits:  verdict.LatencyLimits(p.Thresholds, p.Profile.Model),
		service: verdict.NeedsService(p.Thresholds, p.Profile.Model),
		spans:   verdict.NeedsSpans(p.Thresholds, ""),
		spansOf: make([]bool, len(p.Endpoints)),
	}
	for i, e := range p.Endpoints {
		st.spansOf[i] = verdict.NeedsSpans(p.Thresholds, e.Name())
	}
	for _, name := range p.Personas {
		st.spansOfPersona = append(st.spansOfPersona, verdict.NeedsSpans(p.Thresholds, verdict.PersonaScope+name))
	}
	st.spansOfUpstream = verdict.NeedsSpans(p.Thresholds, verdict.HopScope+HopUpstream)
	return st
}

// note takes an interval's health, and how late it ended: intervals end on whole
// seconds, or at the end of the warm-up, unless the Runner was held up.
func (st *stretcher) note(iv *Interval) {
	h := &st.health
	h.Stalls += iv.Health.Stalls
	due := iv.Offset.Truncate(time.Second) + time.Second
	h.Late = max(h.Late, iv.Offset+iv.Length-due)
	h.Steal = max(h.Steal, iv.Health.Steal)
	h.CPUHigh = h.CPUHigh || iv.Health.CPUQuota > 0 && iv.Health.CPU > 80*iv.Health.CPUQuota
	for _, e := range iv.Endpoints {
		h.Attempted += e.Requests
		h.Failed += e.Outcomes[metric.Generator.String()]
	}
}

// spoils says whether the stretch that ends with a group is spoilt, and begins
// the next.
func (st *stretcher) spoils(p *Plan, startDelay *metric.Dist) bool {
	h := st.health
	h.StartDelay = startDelay
	st.health = verdict.Stretch{}
	return h.Spoils(p.Thresholds)
}

// over counts a group's successful requests above each of the limits.
func (st *stretcher) over(response, service *metric.Dist) []int64 {
	over := make([]int64, len(st.limits))
	for i, l := range st.limits {
		if l.Service {
			over[i] = service.CountAbove(l.At)
		} else {
			over[i] = response.CountAbove(l.At)
		}
	}
	return over
}

// A part is one group's share of a series.
type part struct {
	response, service metric.Dist // of successful requests
}

// span closes the span in hand with a group. What drains belongs to the span
// before it: it started there.
func (s *series) span(c *Collector, period metric.Period, g *group, of *part, spoilt bool) {
	now := s.now
	s.now = verdict.Span{}
	now.Spoilt = spoilt
	now.Start, now.Length, now.Warmup, now.Over = g.index.Offset, g.index.Length, period == metric.Warmup, c.stretches.over(&of.response, &of.service)
	if n := len(s.Spans); n > 0 && period == metric.Drain {
		last := &s.Spans[n-1]
		last.Requests += now.Requests
		last.Failed += now.Failed
		last.Checks += now.Checks
		for i := range last.Over {
			last.Over[i] += now.Over[i]
		}
		return
	}
	s.Spans = append(s.Spans, now)
}

// Broken is the first threshold that was to end the run and is shown to be broken
// by now, and how. It must not be called while an interval is added.
func (c *Collector) Broken() (t verdict.Threshold, how string, broken bool) {
	if !c.stretches.spans {
		return t, "", false
	}
	ev := verdict.Evidence{Model: c.plan.Profile.Model, Window: c.window, Limits: c.stretches.limits}
	ev.Total = verdict.Series{Requests: c.total.Requests, Spans: c.total.Spans}
	for i := range c.each {
		s := &c.each[i]
		ev.Endpoints = append(ev.Endpoints, verdict.Series{Name: s.Name, Requests: s.Requests, Spans: s.Spans})
	}
	for i := range c.personas {
		s := &c.personas[i]
		ev.Personas = append(ev.Personas, verdict.Series{Name: s.Name, Requests: s.Requests, Spans: s.Spans})
	}
	ev.Hops = []verdict.Series{{Name: c.upstream.Name, Requests: c.upstream.Requests, Spans: c.upstream.Spans}}
	looks := int(c.plan.Profile.Duration() / max(c.plan.Resolution, time.Second))
	for _, t := range c.plan.Thresholds {
		if how, broken := verdict.Broken(t, &ev, looks); broken {
			return t, how, true
		}
	}
	return t, "", false
}

// Judge judges the run as it is now. It must not be called while an interval is
// added.
func (c *Collector) Judge() verdict.Judgement { return verdict.Judge(c.plan.Thresholds, c.Evidence()) }
