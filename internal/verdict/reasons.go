package verdict

import (
	"fmt"
	"slices"

	"github.com/seed-42693903/lt/internal/metric"
)

// maxEach is how many endpoints the reasons name for one threshold.
const maxEach = 5

// reasons are the sentences on the run's verdict, most telling first.
func reasons(j *Judgement, e *Evidence) []string {
	var all []string
	if n := e.Total.Requests; n > 0 && e.Total.Failed == n {
		all = append(all, fmt.Sprintf("every request failed: %s, %s", count(n), mostly(e.Total.Outcomes)))
	}
	if j.Verdict == Invalid {
		all = append(all, j.Validity...)
	}
	all = append(all, sentences(j, Fail, true)...)
	all = append(all, sentences(j, Fail, false)...)
	if j.Verdict != Invalid {
		all = append(all, j.Validity...)
	}
	all = append(all, sentences(j, Inconclusive, false)...)
	for _, s := range sentences(j, Warn, false) {
		all = append(all, "warning: "+s)
	}
	if j.Verdict == Pass {
		all = append(all, sentences(j, Pass, false)...)
	}
	if j.Verdict == Inconclusive && len(all) == 0 {
		all = append(all, "no threshold could be judged: "+j.Thresholds[0].Reason)
	}
	return all
}

// sentences are the reasons of the thresholds with verdict v: those on the whole
// run, then those on endpoints, of which one expression names a few and counts
// the rest.
func sentences(j *Judgement, v Verdict, byTarget bool) []string {
	var run, scoped []string
	var expressions []string
	found := map[string][]string{}
	for _, t := range j.Thresholds {
		switch {
		case t.Verdict != v || t.ByTarget != byTarget:
		case t.Scope == "":
			run = append(run, t.Reason)
		default:
			if !slices.Contains(expressions, t.Expression) {
				expressions = append(expressions, t.Expression)
			}
			found[t.Expression] = append(found[t.Expression], t.Reason)
		}
	}
	for _, expression := range expressions {
		of := found[expression]
		switch {
		case v == Pass && len(of) > 1:
			scoped = append(scoped, fmt.Sprintf("%s: none of %s shown to break it", expression, plural(int64(len(of)), "endpoint")))
		case len(of) > maxEach:
			rest := plural(int64(len(of)-maxEach), "more endpoint")
			scoped = append(scoped, of[:maxEach]...)
			scoped = append(scoped, fmt.Sprintf("%s: broken by %s", expression, rest))
		default:
			scoped = append(scoped, of...)
		}
	}
	return append(run, scoped...)
}

// mostly names the class that most of the requests ended in.
func mostly(outcomes map[metric.Class]int64) string {
	total, most, key := int64(0), int64(0), ""
	for class, n := range outcomes {
		total += n
		if k := class.Key(); n > most || n == most && k < key {
			most, key = n, k
		}
	}
	switch {
	case most == 0:
		return "of no known class"
	case most == total:
		return "all " + key
	}
	return fmt.Sprintf("%s of them %s", count(most), key)
}
