package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// Judge judges a run. A threshold on the whole run must be shown to hold; one on
// endpoints must not be shown to break. Both allow for chance with 5 % at either
// side, and those on each endpoint for the number of endpoints too.
//
// Where the generator was not fit to measure, a verdict on latency or throughput
// stands only if it is the same with the stretches in question taken as all bad
// and as all good; where all stand, the run is valid, with a note.
func Judge(thresholds []Threshold, e Evidence) Judgement {
	e.thresholds, e.drift = thresholds, JudgeDrift(thresholds, &e)
	j := Judgement{Drift: e.drift}
	faults, notes := validity(thresholds, &e)
	j.Notes = notes
	located := true // in the spoilt stretches
	for _, f := range faults {
		j.Validity = append(j.Validity, f.text)
		located = located && f.located
	}
	located = located && e.Spoilt > 0
	stood, lost := false, false // verdicts that an invalid measurement could take away
	for _, t := range thresholds {
		of := judge(t, &e)
		for i := range of {
			of[i].Warn = t.Warn
			if e.Total.Requests == 0 && of[i].Verdict == Pass {
				of[i].Verdict, of[i].Reason = Inconclusive, of[i].Reason+"; but no request was measured"
			}
		}
		if len(faults) > 0 && slices.ContainsFunc(of, withheld) {
			keep := located && stands(t, of, &e)
			stood, lost = stood || keep && !t.Warn, lost || !keep && !t.Warn
			for i := range of {
				if !keep && withheld(of[i]) {
					of[i].Verdict, of[i].Reason = Invalid, "withheld, for the generator was the bottleneck: "+of[i].Reason
				}
			}
		}
		for i := range of {
			if v := of[i].Verdict; t.Warn && (v == Fail || v == Inconclusive || v == Invalid) {
				of[i].Verdict, of[i].ByTarget = Warn, false
			}
		}
		j.Thresholds = append(j.Thresholds, of...)
	}
	j.Valid = len(faults) == 0 || stood && !lost
	if len(faults) > 0 && j.Valid {
		j.Notes = append([]string{spoiltNote(&e, j.Validity)}, j.Notes...)
		j.Validity = nil
	}
	j.Verdict = combine(&j)
	j.Reasons = reasons(&j, &e)
	return j
}

// withheld reports whether an invalid measurement takes the verdict away: that
// of a latency or a throughput, unless the target's own failures decided it.
func withheld(t Judged) bool {
	m, _, _, _ := lookup(t.Metric)
	return m.gated && !t.ByTarget && t.Verdict != None
}

// combine is the run's verdict: what the first of these rules says.
func combine(j *Judgement) Verdict {
	has := func(v Verdict) bool {
		return slices.ContainsFunc(j.Thresholds, func(t Judged) bool { return t.Verdict == v && !t.Warn })
	}
	asked := slices.ContainsFunc(j.Thresholds, func(t Judged) bool { return !t.Warn })
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
	case asked: // and nothing to answer with: no data is never a pass
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
		q := question{t: t, row: row, s: &e.Total, e: e}
		f := q.find()
		j := t.judged("", f)
		if j.Verdict, j.Reason = onRun(f); row.shown && f.missing != "" {
			j.Verdict, j.Reason = None, f.missing
		}
		j.ByTarget = j.Verdict == Fail && f.byTarget
		if j.Verdict == Inconclusive {
			j.MoreS = q.more.Round(time.Second).Seconds()
		}
		return []Judged{j}
	}
	scoped := e.matching(t)
	if len(scoped) == 0 {
		j := t.judged(t.Scope, finding{})
		j.Verdict, j.Reason = t.nothingMatches()
		return []Judged{j}
	}
	found, p := make([]finding, len(scoped)), make([]float64, len(scoped))
	for i, s := range scoped {
		found[i] = (&question{t: t, row: row, s: s, e: e}).find()
		p[i] = found[i].pBroken
	}
	adjusted := Holm(p)
	all := make([]Judged, len(scoped))
	for i, f := range found {
		j := t.judged(scoped[i].Name, f)
		j.Verdict, j.Reason = onScope(f, adjusted[i], e.level())
		j.Reason = scoped[i].Name + ": " + j.Reason
		j.ByTarget = j.Verdict == Fail && f.pOwn*float64(len(found)) <= e.level()
		all[i] = j
	}
	return all
}

// find is the answer to the question.
func (q *question) find() finding {
	if q.t.For > 0 || q.t.Within > 0 {
		return q.windows()
	}
	return q.row.find(q)
}

// nothingMatches is the verdict where the scope takes in nothing that was
// measured. An endpoint that is not there says nothing; a persona or a hop was
// asked about, and no data is never a pass.
func (t Threshold) nothingMatches() (Verdict, string) {
	switch {
	case strings.HasPrefix(t.Scope, PersonaScope):
		return Inconclusive, fmt.Sprintf("no data: no persona matches {%s}", t.Scope)
	case strings.HasPrefix(t.Scope, HopScope):
		return Inconclusive, fmt.Sprintf("no data: no answer told how long {%s} took", t.Scope)
	}
	return None, fmt.Sprintf("no endpoint matches {%s}", t.Scope)
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
func onScope(f finding, p, a float64) (Verdict, string) {
	switch {
	case p <= a:
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

// matching are the series that the scope of t asks of: each endpoint, persona or
// hop, or one of them all together.
func (e *Evidence) matching(t Threshold) []*Series {
	all := e.Endpoints
	switch {
	case strings.HasPrefix(t.Scope, PersonaScope):
		all = e.Personas
	case strings.HasPrefix(t.Scope, HopScope):
		all = e.Hops
	}
	var found []*Series
	for i := range all {
		if t.Matches(all[i].Name) {
			found = append(found, &all[i])
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
	s.Service.Merge(&o.Service)
	s.addSpans(o)
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
		b.Service.Merge(&o.Blocks[i].Service)
		if sp := o.Blocks[i].Spoilt; sp != nil {
			if b.Spoilt == nil {
				b.Spoilt = &Spoilt{}
			}
			length := max(b.Spoilt.Length, sp.Length) // of the same stretches
			b.Spoilt.Add(sp)
			b.Spoilt.Length = length
		}
	}
}
