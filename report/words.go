package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A tone is how a verdict looks: the name of its colour and its mark.
type tone struct {
	Word  string // PASS
	Class string // pass: a CSS class
	Mark  string // ✓
}

var tones = map[verdict.Verdict]tone{
	verdict.Pass:         {"PASS", "pass", "✓"},
	verdict.Fail:         {"FAIL", "fail", "✗"},
	verdict.Inconclusive: {"NOT PROVEN", "open", "?"},
	verdict.Invalid:      {"INVALID", "invalid", "!"},
	verdict.Warn:         {"WARN", "open", "!"},
	verdict.None:         {"NO VERDICT", "none", "○"},
}

// toneOf is how v looks; a verdict of a later version looks like none.
func toneOf(v verdict.Verdict) tone {
	if t, ok := tones[v]; ok {
		return t
	}
	return tones[verdict.None]
}

// headline is the word that a report starts with. A failure that was shown stays
// one however the run ended; otherwise a run that was cut short says so first.
func headline(r *run.Result) tone {
	t := toneOf(r.Verdict)
	switch {
	case r.Verdict == verdict.Fail:
	case r.Interrupted != "":
		t.Word, t.Class, t.Mark = "INTERRUPTED", "open", "■"
	case r.Verdict == verdict.Invalid:
	case !r.Complete:
		t.Word, t.Class, t.Mark = "PARTIAL", "open", "■"
	case r.Comparison.Regressed():
		t.Word, t.Class, t.Mark = "REGRESSED", "fail", "✗"
	}
	return t
}

// A caution is what a reader has to know before any figure.
type caution struct {
	Word string // PARTIAL
	Text string
}

// cautions are the stamps of a run: cut short, not verified, no requests.
func cautions(r *run.Result) []caution {
	var cs []caution
	if !r.Complete {
		text := "The load generator ended before the run did. This is what its journal shows: " + span(r.DurationS)
		if r.PlannedS > 0 {
			text += " of " + span(r.PlannedS)
		}
		cs = append(cs, caution{"PARTIAL", text + "."})
	}
	if r.Interrupted != "" {
		text := "The run was stopped early (" + clean(r.Interrupted, maxName) + ") after " + span(r.DurationS)
		if r.PlannedS > 0 {
			text += " of " + span(r.PlannedS)
		}
		cs = append(cs, caution{"INTERRUPTED", text + "."})
	}
	if r.Insecure {
		cs = append(cs, caution{"INSECURE", "TLS certificates were not verified (-k): nothing shows that the target is the one it says it is."})
	}
	return cs
}

// reasons are the Result's, cleaned, or one that can always be said.
func reasons(r *run.Result) []string {
	out := make([]string, 0, len(r.Reasons))
	for _, s := range r.Reasons {
		out = append(out, clean(s, maxMessage))
	}
	if len(out) == 0 {
		switch {
		case r.Totals.Requests == 0 && r.Warmup.Requests == 0:
			out = append(out, "No request was sent: there is nothing to judge.")
		case len(r.Thresholds) == 0:
			out = append(out, "No threshold was asked for.")
		}
	}
	return out
}

// shape is the run in one line: "peak: 500 users, 50/s, 15m (closed model)".
func shape(r *run.Result) string {
	parts := []string{clean(r.Scenario, maxName)}
	if r.Load != "" {
		parts = append(parts, clean(r.Load, maxName))
	}
	if r.Model != "" {
		parts = append(parts, clean(string(r.Model), maxName)+" model")
	}
	if r.Workload != "" {
		parts = append(parts, "workload "+clean(r.Workload, maxName))
	}
	return strings.Join(parts, " · ")
}

// rank puts what needs a reader's eye first.
func rank(v verdict.Verdict) int {
	return max(0, slices.Index([]verdict.Verdict{verdict.Fail, verdict.Invalid, verdict.Inconclusive, verdict.Warn, verdict.None, verdict.Pass}, v))
}

// sorted are the thresholds, broken ones first, those on the whole run before
// those on one endpoint, else in their own order.
func sorted(js []verdict.Judged) []verdict.Judged {
	key := func(j verdict.Judged) int {
		if j.Scope != "" {
			return 2*rank(j.Verdict) + 1
		}
		return 2 * rank(j.Verdict)
	}
	out := slices.Clone(js)
	slices.SortStableFunc(out, func(a, b verdict.Judged) int { return key(a) - key(b) })
	return out
}

// byCount are the failures, the most frequent first.
func byCount(fs []run.Failure) []run.Failure {
	out := slices.Clone(fs)
	slices.SortStableFunc(out, func(a, b run.Failure) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// split parts the thresholds into those to show and those that may be folded
// away: a threshold on each endpoint that holds (or had no requests) for more
// than three of them.
func split(js []verdict.Judged) (shown, folded []verdict.Judged) {
	quiet := func(j verdict.Judged) bool {
		return j.Scope != "" && (j.Verdict == verdict.Pass || j.Verdict == verdict.None)
	}
	perMetric := map[string]int{}
	for _, j := range js {
		if quiet(j) {
			perMetric[j.Metric]++
		}
	}
	for _, j := range sorted(js) {
		if quiet(j) && perMetric[j.Metric] > 3 {
			folded = append(folded, j)
		} else {
			shown = append(shown, j)
		}
	}
	return shown, folded
}

// label names a threshold: its expression, after the endpoint where it does not
// name that itself.
func label(j *verdict.Judged) string {
	s := clean(j.Expression, maxName)
	if scope := clean(j.Scope, maxName); scope != "" && !strings.Contains(s, scope) {
		return scope + " · " + s
	}
	return s
}

// share is "0.31 % of 5 %", the part of a latency threshold's requests
// that were over the limit; empty for others.
func share(j *verdict.Judged) string {
	if j.Share == nil {
		return ""
	}
	s := percent(*j.Share) + " %"
	if j.ShareLimit != nil {
		s += " of " + limit(*j.ShareLimit, "ratio")
	}
	return s
}

// outcomeList is "ok 412, status_500 48": by size, then by name.
func outcomeList(m map[string]int64) string {
	keys := slices.Sorted(maps.Keys(m))
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(m[b], m[a]) })
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		parts = append(parts, clean(k, 40)+" "+count(m[k]))
	}
	return strings.Join(parts, ", ")
}

// generatorLine is lt's own state in one line.
func generatorLine(g *run.Generator) string {
	var parts []string
	if d := g.StartDelay; d != nil {
		if d.Max == 0 {
			parts = append(parts, "start delay P99 "+decimal(d.P99)+" ms")
		} else {
			parts = append(parts, "start delay P50 "+decimal(d.P50)+", P99 "+decimal(d.P99)+", max "+decimal(d.Max)+" ms")
		}
	}
	if g.CPUPercent != nil {
		s := "CPU " + cpu(*g.CPUPercent)
		if g.CPUMax != nil {
			s += " (max " + cpu(*g.CPUMax) + ")"
		}
		if g.CPUQuota > 0 {
			s += " of " + cpu(g.CPUQuota*100)
		}
		parts = append(parts, s)
	}
	if g.RSSMax != nil {
		parts = append(parts, size(*g.RSSMax))
	}
	parts = append(parts, plural(int64(g.Stalls), "stall"))
	if g.Failed > 0 {
		parts = append(parts, plural(g.Failed, "request")+" failed by the generator's own fault")
	}
	return strings.Join(parts, " · ")
}

// cpu is a share of one core in whole percent.
func cpu(v float64) string {
	if v > 0 && v < 1 {
		return "<1 %"
	}
	return count(int64(v+0.5)) + " %"
}
