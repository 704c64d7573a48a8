package run

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
)

func evidence(subject, what string, v verdict.Verdict, reason string) verdict.Criterion {
	name := what
	if subject != "" {
		name = subject + ": " + what
	}
	return verdict.Criterion{Name: name, Kind: verdict.KindEvidence, Subject: subject, Text: what, Verdict: v, Reason: reason, Short: reason, Firm: v == verdict.Fail}
}

// criteria are those that a run is the evidence for.
func (r *ReviewedRun) criteria(needs verdict.Needs) (cs []verdict.Criterion) {
	res := r.Result
	needed := slices.ContainsFunc(needs.Scenarios, func(n verdict.NeededRun) bool { return n.Name == res.Scenario })
	lacks := verdict.Inconclusive // evidence that is not whole
	if needed {
		lacks = verdict.Fail
	}
	ran := text.Duration(time.Duration(res.DurationS * float64(time.Second)).Round(time.Second))
	planned := text.Duration(time.Duration(res.PlannedS * float64(time.Second)).Round(time.Second))
	whole := evidence(r.Name, "ran to its end", verdict.Pass, "it ran to its planned end: "+ran)
	switch {
	case !res.Complete:
		whole = evidence(r.Name, "ran to its end", lacks, fmt.Sprintf("%s is partial: %s of %s", r.Name, ran, planned))
	case res.Interrupted != "" && res.Interrupted != StoppedByThreshold:
		whole = evidence(r.Name, "ran to its end", lacks, fmt.Sprintf("%s was stopped (%s) after %s of %s", r.Name, res.Interrupted, ran, planned))
	case res.Interrupted != "":
		whole.Reason = "it was stopped after " + ran + " by a threshold that was shown to be broken"
	}
	cs = append(cs, whole)

	valid := verdict.Criterion{
		Name: r.Name + ": valid measurement", Kind: verdict.KindValidity, Subject: r.Name, Text: "valid measurement",
		Verdict: verdict.Pass, Reason: "the generator kept its schedule", Short: r.Name,
	}
	switch {
	case !res.Generator.Valid || res.Verdict == verdict.Invalid:
		valid.Verdict, valid.Reason = verdict.Invalid, "the generator was measured, not the target"
		if len(res.Generator.Validity) > 0 {
			valid.Reason += ": " + res.Generator.Validity[0]
		}
		valid.Short = r.Name + " (the generator was measured, not the target)"
	case res.Totals.Requests == 0 && res.Warmup.Requests == 0:
		valid.Verdict, valid.Reason = verdict.Invalid, "no request was measured"
		valid.Short = r.Name + " (no request was measured)"
	}
	cs = append(cs, valid)
	cs = append(cs, r.thresholds()...)
	if len(res.Thresholds) == 0 {
		cs = append(cs, evidence(r.Name, "thresholds", lacks, r.Name+" was judged by no threshold"))
	}
	cs = append(cs, r.comparison(needs.Baseline)...)
	for _, k := range needs.Labels {
		if _, ok := r.Labels[k]; !ok {
			cs = append(cs, evidence(r.Name, "label "+k, verdict.Fail, fmt.Sprintf("the label %s of %s", k, r.Name)))
		}
	}
	return cs
}

// thresholds are one criterion for each on the run, one for each endpoint that does
// not hold one, and one for all the endpoints that do.
func (r *ReviewedRun) thresholds() (cs []verdict.Criterion) {
	hold := map[string]int{} // by expression: place in cs
	for i := range r.Result.Thresholds {
		j := &r.Result.Thresholds[i]
		if j.Scope == "" && !j.Warn && j.Verdict == verdict.None {
			continue // it asked for nothing that there was
		}
		c := j.Criterion(r.Name, r.Result.Verdict)
		if cmp := r.Result.Comparison; cmp != nil {
			for k := range cmp.Rows {
				if d := &cmp.Rows[k]; d.Endpoint == j.Scope && d.Metric == j.Metric {
					c.Change = d.Change
				}
			}
		}
		if j.Verdict == verdict.Invalid { // told once, by the validity
			c.Verdict = verdict.None
			c.Reason = "withheld: " + c.Reason
		}
		if c.Kind != verdict.KindEndpoint || j.Verdict != verdict.Pass && j.Verdict != verdict.None {
			cs = append(cs, r.broken(c))
			continue
		}
		at, ok := hold[j.Expression]
		if !ok {
			at = len(cs)
			hold[j.Expression] = at
			cs = append(cs, verdict.Criterion{
				Name: r.Name + ": " + j.Expression, Kind: verdict.KindThreshold, Subject: r.Name, Text: j.Expression, Limit: c.Limit, Unit: j.Unit, Verdict: verdict.None,
			})
		}
		if j.Verdict == verdict.Pass {
			cs[at].N++
			cs[at].Verdict = verdict.Pass
		}
	}
	for _, at := range hold {
		c := &cs[at]
		c.Reason = fmt.Sprintf("%d endpoints not shown to break it", c.N)
		if c.N == 1 {
			c.Reason = "1 endpoint not shown to break it"
		}
		c.Short, c.N = c.Text+" of "+r.Name, 0
	}
	return cs
}

// broken names in c what an endpoint's requests failed with.
func (r *ReviewedRun) broken(c verdict.Criterion) verdict.Criterion {
	if c.Kind != verdict.KindEndpoint || c.Verdict != verdict.Fail || c.Unit != verdict.UnitRatio {
		return c
	}
	i := slices.IndexFunc(r.Result.Endpoints, func(e EndpointResult) bool { return e.Name == c.Endpoint })
	if i < 0 {
		return c
	}
	e := &r.Result.Endpoints[i]
	all, failed := e.Requests+e.Warmup.Requests, e.Failed+e.Warmup.Failed
	c.Failed = failed
	var most *Failure
	for i := range r.Result.Failures {
		if f := &r.Result.Failures[i]; f.Endpoint == c.Endpoint && (most == nil || f.Count > most.Count) {
			most = f
		}
	}
	c.Short = fmt.Sprintf("%s %s of %s failed", c.Endpoint, text.Thousands(fmt.Sprint(failed)), text.Thousands(fmt.Sprint(all)))
	if most != nil {
		c.Short += tail(strings.TrimPrefix(most.Class, "status_"), r.hops[[2]string{most.Endpoint, most.Class}])
	}
	return c
}

// tail is " (422, upstream)".
func tail(class, hop string) string {
	var words []string
	for _, w := range []string{class, hop} {
		if w != "" && w != "unknown" && w != "0" {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// comparison is the run's with its baseline.
func (r *ReviewedRun) comparison(needed bool) []verdict.Criterion {
	c := r.Result.Comparison
	if c == nil {
		if needed {
			return []verdict.Criterion{evidence(r.Name, "baseline", verdict.Fail, "a comparison of "+r.Name+" with a baseline")}
		}
		return nil
	}
	out := verdict.Criterion{
		Name: r.Name + ": baseline", Kind: verdict.KindComparison, Subject: r.Name, Text: "baseline", Verdict: verdict.Pass,
		Reason: "not shown to regress", Short: r.Name,
	}
	if len(c.Base) > 0 {
		out.Reason += " against " + c.Base[0].Ref
	}
	if len(c.Reasons) > 0 {
		out.Reason = c.Reasons[0]
	}
	for i := range c.Rows {
		if d := &c.Rows[i]; d.Endpoint == "" && d.Metric == "p95" {
			out.Change, out.Value, out.Unit = d.Change, d.New, d.Unit
		}
	}
	if c.Verdict == verdict.Regressed {
		out.Verdict, out.Short = verdict.Warn, r.Name+": "+out.Reason
		if c.Gates {
			out.Verdict = verdict.Fail
		}
	}
	return []verdict.Criterion{out}
}

// smokeCriteria are those that a smoke is the evidence for: what the release needs,
// or the smoke's own gate.
func (r *ReviewedRun) smokeCriteria(needs *verdict.NeededSmoke) (cs []verdict.Criterion) {
	s := r.smoke
	gate := verdict.NeededSmoke{Coverage: s.Gate.MinCoverage, MaxP0: s.Gate.MaxP0, MaxP1: s.Gate.MaxP1}
	if needs != nil {
		gate = *needs
	}
	many := map[string]int{}
	for _, b := range s.Blockers {
		many[b.Priority]++
	}
	for i := range s.Blockers {
		b := &s.Blockers[i]
		what := b.Title
		if len(b.Endpoints) > 0 {
			what = b.Endpoints[0]
			if n := len(b.Endpoints) - 1; n > 0 {
				what += fmt.Sprintf(" and %d more", n)
			}
		}
		c := verdict.Criterion{
			Name: r.Name + ": " + cmp.Or(b.ID, what), Kind: verdict.KindBlocker, Subject: r.Name, Text: strings.TrimSpace(b.ID + " " + b.Priority + " " + what),
			N: b.Requests, Verdict: verdict.Warn, Reason: cmp.Or(b.Title, b.Message, what), Failed: b.Failed,
		}
		if len(b.Endpoints) > 0 {
			c.Endpoint = b.Endpoints[0]
		}
		class := fmt.Sprint(b.Status)
		if b.Status == 0 {
			class = strings.ReplaceAll(b.State, "_", " ")
		}
		c.Short = fmt.Sprintf("%s %d of %d failed%s", what, b.Failed, b.Requests, tail(class, b.Hop))
		if b.Requests == 0 {
			c.Short = what + tail(class, b.Hop)
		}
		if b.Priority == "P0" && many["P0"] > gate.MaxP0 || b.Priority == "P1" && many["P1"] > gate.MaxP1 {
			c.Verdict, c.Firm = verdict.Fail, true
		}
		cs = append(cs, c)
	}
	c := verdict.Criterion{
		Name: r.Name + ": coverage", Kind: verdict.KindContract, Subject: r.Name, Text: "contract coverage", Unit: verdict.UnitRatio, Limit: &gate.Coverage,
		N: int64(s.Coverage.Operations), Verdict: verdict.Pass,
		Reason: fmt.Sprintf("%d of %d operations were exercised, %d work", s.Coverage.Exercised, s.Coverage.Operations, s.Coverage.Working),
	}
	c.Short = fmt.Sprintf("contract coverage %d of %d operations", s.Coverage.Exercised, s.Coverage.Operations)
	share := 0.
	if s.Coverage.Operations > 0 {
		share = float64(s.Coverage.Exercised) / float64(s.Coverage.Operations)
		c.Value = &share
	}
	if share < gate.Coverage || s.Coverage.Operations == 0 {
		c.Verdict, c.Firm = verdict.Fail, true
	}
	cs = append(cs, c)
	if failed := slices.ContainsFunc(cs, func(c verdict.Criterion) bool { return c.Verdict == verdict.Fail }); s.Verdict == verdict.Fail && !failed && needs == nil {
		why := "the smoke failed"
		if len(s.Reasons) > 0 {
			why = s.Reasons[0]
		}
		cs = append(cs, verdict.Criterion{
			Name: r.Name + ": verdict", Kind: verdict.KindContract, Subject: r.Name, Text: "verdict of the smoke", Verdict: verdict.Fail, Reason: why, Short: why, Firm: true,
		})
	}
	return cs
}

// missing are the criteria on evidence that a release needs, and nothing given is.
func missing(runs []*ReviewedRun, needs verdict.Needs) (cs []verdict.Criterion) {
	for _, n := range needs.Scenarios {
		var of []*ReviewedRun
		for _, r := range runs {
			if r.Result != nil && r.Scenario == n.Name {
				of = append(of, r)
			}
		}
		if len(of) == 0 {
			cs = append(cs, evidence("", "a run of "+n.Name, verdict.Fail, "a run of "+n.Name))
			continue
		}
		for _, r := range of {
			if n.DurationS > 0 && r.DurationS < n.DurationS {
				d := func(s float64) string {
					return text.Duration(time.Duration(s * float64(time.Second)).Round(time.Second))
				}
				cs = append(cs, evidence(r.Name, "duration", verdict.Fail, fmt.Sprintf("a run of %s of %s (it ran %s)", r.Name, d(n.DurationS), d(r.DurationS))))
			}
			for _, t := range n.Thresholds {
				judged := slices.ContainsFunc(r.Result.Thresholds, func(j verdict.Judged) bool { return j.Expression == t && !j.Warn })
				if !judged {
					cs = append(cs, evidence(r.Name, "judged by "+t, verdict.Fail, fmt.Sprintf("%s judged by %s", r.Name, t)))
				}
			}
		}
	}
	if needs.Smoke != nil && !slices.ContainsFunc(runs, func(r *ReviewedRun) bool { return r.smoke != nil }) {
		cs = append(cs, evidence("", "a smoke", verdict.Fail, "a smoke"))
	}
	return cs
}
