package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
)

// details is what Verbose adds below the summary.
func (t *terminal) details(r *run.Result) {
	t.list("Notes", r.Notes)
	if p := r.Preflight; p != nil {
		t.list("Preflight", append([]string{preflightLine(p)}, p.Warnings...))
	}
	events := make([]string, 0, len(r.Events))
	for _, e := range r.Events {
		events = append(events, strings.TrimSpace(clock(e.T)+" "+e.Kind+" "+e.Note))
	}
	t.list("Events", events)
	var times []string
	for _, line := range []string{phasesLine(r.Totals.Phases), hopsLine(r.Totals.Hops)} {
		if line != "" {
			times = append(times, line)
		}
	}
	t.list("Time", times)

	env := r.Environment
	facts := []string{"run " + r.RunID + " · lt " + r.LT + " · scenario digest " + r.ScenarioDigest}
	if im := r.Imported; im != nil {
		for _, f := range im.Files {
			facts = append(facts, f.Name+" · "+size(f.Bytes)+" · sha256 "+f.SHA256)
		}
	} else {
		facts = append(facts, "seed "+strconv.FormatUint(r.Seed, 10), env.Host+" · "+plural(int64(env.CPUs), "CPU")+" · "+env.OS+" · "+env.Go)
	}
	if r.Command != "" {
		facts = append(facts, "again: "+r.Command)
	}
	t.list("Run", facts)
}

// preflightLine is what the requests before the load met, in one sentence.
func preflightLine(p *run.Preflight) string {
	s := plural(p.Requests, "request") + " before the load"
	if p.Failed == 0 {
		return s + ", all answered as expected"
	}
	return s + ", " + count(p.Failed) + " failed"
}

// labelList is "branch=main, commit=4f2a" in order of the names.
func labelList(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ", ")
}
