package verdict

import (
	"fmt"
	"slices"

	"github.com/seed-42693903/lt/internal/metric"
)

// Judge judges a run. A threshold on the whole run must be shown to hold; one on
// endpoints must not be shown to break. Both allow for chance with 5 % at either
// side, and those on each endpoint for the number of endpoints too.
func Judge(thresholds []Threshold, e Evidence) Judgement {
	e.drift = JudgeDrift(thresholds, &e)
	j := Judgement{Drift: e.drift}
	faults, notes := validity(thresholds, &e)
	j.Validity, j.Notes, j.Valid = faults, notes, len(faults) == 0
	for _, t := range thresholds {
		j.Thresholds = append(j.Thresholds, judge(t, &e)...)
	}
	for i := range j.Thresholds {
		t := &j.Thresholds[i]
		if e.Total.Requests == 0 && t.Verdict == Pass {
			t.Verdict, t.Reason = Inconclusive, t.Reason+"; but no request was measured"
		}
		if !j.Valid && withheld(t) {
			t.Verdict, t.Reason = Invalid, "withheld, for the generator was the bottleneck: "+t.Reason
		}
	}
	j.Verdict = combine(&j)
	j.Reasons = reasons(&j, &e)
	return j
}

// withheld reports whether an invalid measurement takes the verdict away: that
// of a latency or a throughput, unless the target's own failures decided it.
//
// Here belongs the rule that has yet to come: judge with the seconds that the
// generator spoilt all bad and all good, and let a verdict stand that is the same
// both ways.
func withheld(t *Judged) bool {
	m, _, _, _ := lookup(t.Metric)
	return m.gated && !t.ByTarget && t.Verdict != None
}

// combine is the run's verdict: what the first of these rules says.
func combine(j *Judgement) Verdict {
	has := func(v Verdict) bool {
		return slices.ContainsFunc(j.Thresholds, func(t Judged) bool { return t.Verdict == v })
	}
	switch {
	case slices.ContainsFunc(j.Thresholds, func(t Judged) bool { return t.Verdict == Fail && t.ByTarget }):
		return Fail
	case !j.Valid:
		return Invalid
	case has(Fail):
		return Fail
	case has(Inconclusive):
		return Inconclusive
	case has(Pass):
		return Pass
	case len(j.Thresholds) > 0: // asked, and nothing to answer with: no data is never a pass
		return Inconclusive
	}
	return None
}

// judge is one threshold's verdict, or one for each endpoint.
func judge(t Threshold, e *Evidence) []Judged {
	row, _, _, known := lookup(t.Metric)
	if !known {
		j := t.judged("", finding{})
		j.Verdict, j.Reason = Inconclusive, fmt.Sprintf("this version of lt has no metric %q", t.Metric)
		return []Judged{j}
	}
	if t.Scope == "" {
		q := question{t, row, &e.Total, e}
		f := row.find(&q)
		j := t.judged("", f)
		if j.Verdict, j.Reason = onRun(f); row.shown && f.missing != "" {
			j.Verdict, j.Reason = None, f.missing
		}
		j.ByTarget = j.Verdict == Fail && f.byTarget
		return []Judged{j}
	}
	scoped := e.matching(t)
	if len(scoped) == 0 {
		j := t.judged(t.Scope, finding{})
		j.Verdict, j.Reason = None, fmt.Sprintf("no endpoint matches {%s}", t.Scope)
		return []Judged{j}
	}
	found, p := make([]finding, len(scoped)), make([]float64, len(scoped))
	for i, s := range scoped {
		found[i] = row.find(&question{t, row, s, e})
		p[i] = found[i].pBroken
	}
	adjusted := Holm(p)
	all := make([]Judged, len(scoped))
	for i, f := range found {
		j := t.judged(scoped[i].Name, f)
		j.Verdict, j.Reason = onScope(f, adjusted[i], t)
		j.Reason = scoped[i].Name + ": " + j.Reason
		j.ByTarget = j.Verdict == Fail && f.pOwn*float64(len(found)) <= alpha
		all[i] = j
	}
	return all
}

func (t Threshold) judged(scope string, f finding) Judged {
	return Judged{
		Expression: t.Expression, Scope: scope, Metric: t.Metric, Op: t.Op, Unit: t.Unit, Limit: t.Limit, Source: t.Source,
		Value: f.value, Low: f.low, High: f.high, Share: f.share, ShareLimit: f.shareLimit, N: f.n,
	}
}

// onRun says what a finding means for a threshold on the whole run.
func onRun(f finding) (Verdict, string) {
	switch {
	case f.broken:
		return Fail, f.figures
	case f.missing != "":
		return Inconclusive, "no data: " + f.missing
	case f.holds:
		return Pass, f.figures
	}
	return Inconclusive, f.figures + "; not proven: " + f.advice
}

// onScope says what a finding means for a threshold on an endpoint, with the
// p-value that allows for the other endpoints.
func onScope(f finding, p float64, t Threshold) (Verdict, string) {
	switch {
	case p <= alpha:
		return Fail, f.figures
	case f.n < minExpected && f.few:
		return None, fmt.Sprintf("not exercised (%s)", requests(f.n))
	case f.missing != "":
		return None, f.missing
	case f.few:
		return None, f.figures + "; too few requests for this limit"
	}
	return Pass, f.figures + "; not shown to break it"
}

// matching are the series that the scope of t asks of: each endpoint, or one of
// them all together.
func (e *Evidence) matching(t Threshold) []*Series {
	var found []*Series
	for i := range e.Endpoints {
		if t.Matches(e.Endpoints[i].Name) {
			found = append(found, &e.Endpoints[i])
		}
	}
	if t.Each || len(found) < 2 {
		return found
	}
	sum := &Series{Name: t.Scope, Outcomes: map[metric.Class]int64{}}
	for _, s := range found {
		sum.add(s)
	}
	return []*Series{sum}
}

func (s *Series) add(o *Series) {
	s.Requests += o.Requests
	s.Failed += o.Failed
	s.Attempted += o.Attempted
	s.Succeeded += o.Succeeded
	s.Warmup.Requests += o.Warmup.Requests
	s.Warmup.Failed += o.Warmup.Failed
	s.Response.Merge(&o.Response)
	for class, n := range o.Outcomes {
		s.Outcomes[class] += n
	}
	for i := range o.Blocks {
		if i == len(s.Blocks) {
			s.Blocks = append(s.Blocks, Block{Start: o.Blocks[i].Start, Length: o.Blocks[i].Length})
		}
		b := &s.Blocks[i]
		b.Requests += o.Blocks[i].Requests
		b.Failed += o.Blocks[i].Failed
		b.Response.Merge(&o.Blocks[i].Response)
	}
}
