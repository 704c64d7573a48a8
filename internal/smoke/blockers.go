package smoke

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// gateShare is the share of requests that breaks the gate by itself: the error rate
// of a run must stay below it.
const gateShare = 0.01

// clusterKey is equal for rows that fail for one cause.
func (e *engine) clusterKey(r *Operated) string {
	x := e.answers[r.Name]
	switch {
	case x != nil && x.wrong != nil:
		return "wrong_id|" + x.wrong.collection + "|" + x.wrong.used
	case r.State == Unauthorised && r.Status == 401:
		return "unauthorised|401"
	case r.State == NoAnswer:
		return "no_answer|" + x.sample.Class().Key()
	case r.State == Missing && r.Hop != hop.Upstream:
		return fmt.Sprintf("missing|%d|%s|%s", r.Status, r.Hop, run.Pattern(routeSign(x)))
	}
	return fmt.Sprintf("%s|%s|%d|%d|%s|%s", r.Name, r.State, r.Status, r.UpstreamStatus, r.Hop, r.pattern)
}

// cluster makes the blockers of the rows that fail.
func (e *engine) cluster() []Blocker {
	byKey := map[string]*Blocker{}
	var keys []string
	rows := map[string]*Operated{}
	for i := range e.result.Operations {
		r := &e.result.Operations[i]
		rows[r.Name] = r
		if r.State.Works() || r.State == NotExercised || r.State == Undocumented {
			continue
		}
		key := e.clusterKey(r)
		b := byKey[key]
		if b == nil {
			b = &Blocker{
				Key: key, State: r.State, Fault: r.Fault, Hop: r.Hop, Evidence: r.HopEvidence, Status: r.Status, Upstream: r.UpstreamStatus,
				Message: r.Reason, Pattern: r.pattern, Hints: r.signs, Exemplar: r.exemplar,
			}
			byKey[key] = b
			keys = append(keys, key)
		}
		b.Endpoints = append(b.Endpoints, r.Name)
		b.Requests += r.Requests
		b.Failed += r.Failed
		b.Share += r.Weight
	}
	if e.refused != "" {
		b := &Blocker{
			Key: "credential", State: Unauthorised, Fault: FaultUnknown, Hop: hop.Client, Message: e.refused,
			Evidence: []string{"operations that ask for a credential answer 401 or 403, whichever is tried"}, Endpoints: []string{},
			Hints: []string{"set --api-key env:NAME, or LT_API_KEY, to a key of this target"},
		}
		if x := e.answers[credentialRow]; x != nil {
			b.Status, b.Exemplar, b.Requests, b.Failed = x.status(), e.exemplar(x), 2, 2
		}
		byKey["credential"] = b
		keys = append(keys, "credential")
	}
	for i := range e.result.Operations {
		r := &e.result.Operations[i]
		if r.ExplainedBy == "" {
			continue
		}
		for _, key := range keys {
			b := byKey[key]
			if slices.Contains(b.Endpoints, r.ExplainedBy) || key == "credential" && r.ExplainedBy == credentialRow {
				b.AlsoFails = append(b.AlsoFails, r.Name)
				b.Share += r.Weight
				break
			}
		}
	}
	for _, c := range e.result.Health {
		if c.State == "failed" && c.Name != "credential" && c.Name != "tls" {
			byKey["health|"+c.Name] = &Blocker{
				Key: "health|" + c.Name, State: Broken, Fault: FaultAPI, Hop: hop.Unknown, Message: c.Text, Share: 1,
				Evidence: []string{"the target says so itself"}, Endpoints: []string{}, Title: c.Name + ": " + c.Text,
			}
			keys = append(keys, "health|"+c.Name)
		}
	}
	var out []Blocker
	for _, key := range keys {
		b := byKey[key]
		b.Share = math.Round(min(b.Share, 1)*1e6) / 1e6
		b.Priority = priority(b)
		if b.Title == "" {
			b.Title = title(b)
		}
		out = append(out, *b)
	}
	slices.SortStableFunc(out, func(a, b Blocker) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Share, a.Share), cmp.Compare(a.Title, b.Title))
	})
	for i := range out {
		out[i].ID = fmt.Sprintf("B%d", i+1)
		for _, name := range out[i].Endpoints {
			rows[name].Blocker = out[i].ID
		}
	}
	return out
}

// priority: P0 breaks the gate by itself; P1 fails without that, or answers off
// contract.
func priority(b *Blocker) string {
	switch {
	case b.State == OffContract:
		return "P1"
	case b.Share > gateShare:
		return "P0"
	}
	return "P1"
}

// title is a blocker in one line.
func title(b *Blocker) string {
	what := ""
	switch {
	case strings.HasPrefix(b.Key, "wrong_id|"):
		what = "404 on ids that exist: the wrong id field is used"
	case b.Key == "credential":
		return "the credential is refused"
	case b.State == Missing:
		what = "missing (404)"
	case b.State == WrongMethod:
		what = "wrong method (405)"
	case b.State == Unauthorised:
		what = fmt.Sprintf("unauthorised (%d)", b.Status)
	case b.State == Unimplemented:
		what = "not implemented (501)"
	case b.State == NoAnswer:
		what = "no answer"
	case b.State == OffContract:
		what = "off contract"
	case b.State == Failed:
		what = "a check of the scenario fails"
	case b.Upstream > 0 && b.Upstream != b.Status && b.Upstream >= 400:
		what = fmt.Sprintf("%d behind a %d", b.Upstream, b.Status)
	case b.State == Refused && b.Fault == FaultScenario:
		what = fmt.Sprintf("%d to a request that breaks the contract", b.Status)
	case b.State == Refused && b.Fault == FaultAPI:
		what = fmt.Sprintf("%d to a valid request", b.Status)
	default:
		what = statusLine(b.Status)
	}
	if n := len(b.Endpoints); n > 1 {
		return fmt.Sprintf("%d operations: %s", n, what)
	} else if n == 1 {
		return b.Endpoints[0] + ": " + what
	}
	return what
}

// Finish computes what follows from rows and blockers: coverage, what fixes would
// bring, verdict and reasons. It may be called again when something was added.
func (r *Result) Finish() {
	r.Coverage, r.AfterFixes = Coverage{}, AfterFixes{}
	blockers := map[string]bool{}
	for i := range r.Blockers {
		for _, name := range append(slices.Clone(r.Blockers[i].Endpoints), r.Blockers[i].AlsoFails...) {
			blockers[name] = true
		}
	}
	for i := range r.Operations {
		o := &r.Operations[i]
		if o.State == Undocumented {
			continue
		}
		r.Coverage.Operations++
		if o.State != NotExercised {
			r.Coverage.Exercised++
		}
		if o.State.Works() {
			r.Coverage.Working++
		}
		if o.State.Works() || blockers[o.Name] {
			r.AfterFixes.Working++
		}
	}
	if r.Coverage.Operations > 0 {
		r.Coverage.Share = math.Round(float64(r.Coverage.Exercised)/float64(r.Coverage.Operations)*1e6) / 1e6
	}
	r.AfterFixes.Operations = r.Coverage.Operations
	p0, p1 := r.count("P0"), r.count("P1")
	r.Verdict, r.Reasons = verdict.Pass, []string{}
	fail := func(format string, args ...any) {
		r.Verdict = verdict.Fail
		r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...))
	}
	if p0 > r.Gate.MaxP0 {
		fail("%s of priority P0 (at most %d allowed)", blockersText(p0), r.Gate.MaxP0)
	}
	if p1 > r.Gate.MaxP1 {
		fail("%s of priority P1 (at most %d allowed)", blockersText(p1), r.Gate.MaxP1)
	}
	if r.Coverage.Share < r.Gate.MinCoverage {
		fail("coverage %.1f %% (at least %.1f %% asked)", r.Coverage.Share*100, r.Gate.MinCoverage*100)
	}
	if r.Coverage.Exercised == 0 {
		fail("no operation was exercised: there is nothing to judge")
	}
	if r.Verdict == verdict.Pass {
		text := fmt.Sprintf("%d of %d operations work", r.Coverage.Working, r.Coverage.Operations)
		if n := p0 + p1; n > 0 {
			text += fmt.Sprintf("; %s within what the gate allows", blockersText(n))
		}
		r.Reasons = append(r.Reasons, text)
	}
}

func blockersText(n int) string {
	if n == 1 {
		return "1 blocker"
	}
	return fmt.Sprintf("%d blockers", n)
}

func (r *Result) count(priority string) (n int) {
	for i := range r.Blockers {
		if r.Blockers[i].Priority == priority {
			n++
		}
	}
	return n
}
