package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// TestPersonasAndHopsAreJudged runs two personas, one of them with a slow page,
// against a target that says how long its upstream took, and a journal judged
// again says the same.
func TestPersonasAndHopsAreJudged(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/told" {
			w.Header().Set("Server-Timing", "gateway;dur=1, upstream;dur=40")
		}
	}))
	t.Cleanup(target.Close)
	const scenario = `
name: scopes
load: {users: 4, duration: 3s, warmup: 0s}
personas:
  buyer: {weight: 1, think: 10ms, tasks: [{name: a, steps: [{get: /told}]}]}
  browser: {weight: 1, think: 10ms, tasks: [{name: b, steps: [{get: /untold}]}]}
`
	try := func(args ...string) (*run.Result, string, int) {
		cmd := lt(t, append([]string{"run", "scopes.yaml", "--target", target.URL, "--no-thresholds", "--on-inconclusive", "warn", "--out", "out", "-v"}, args...)...)
		if err := os.WriteFile(filepath.Join(cmd.Dir, "scopes.yaml"), []byte(scenario), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _ := cmd.CombinedOutput()
		dir := filepath.Join(cmd.Dir, "out", "latest")
		r, err := run.Load(dir)
		if err != nil {
			return nil, string(out), cmd.ProcessState.ExitCode()
		}
		again, err := run.Replay(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i, j := range again.Result().Thresholds {
			if i >= len(r.Thresholds) || j.Reason != r.Thresholds[i].Reason || j.Verdict != r.Thresholds[i].Verdict {
				t.Errorf("the journal says otherwise: %+v", j)
			}
		}
		return r, string(out), cmd.ProcessState.ExitCode()
	}

	r, out, _ := try("--threshold", "p95{persona:buyer} < 10s", "--threshold", "error_rate{persona:b*} < 1% within 1s",
		"--threshold", "p95{hop:upstream} < 30ms", "--threshold", "p50{hop:upstream} < 50ms for 1s", "--threshold", "p99{persona:browser} < 10s for 1s")
	if r == nil {
		t.Fatal(out)
	}
	want := map[string]verdict.Verdict{
		"p95{persona:buyer} < 10s": verdict.Pass, "error_rate{persona:b*} < 1% within 1s": verdict.Pass,
		"p95{hop:upstream} < 30ms": verdict.Fail, "p50{hop:upstream} < 50ms for 1s": verdict.Pass, "p99{persona:browser} < 10s for 1s": verdict.Pass,
	}
	for _, j := range r.Thresholds {
		if j.Verdict != want[j.Expression] && (r.Verdict != verdict.Invalid || j.Metric == "error_rate") {
			t.Errorf("%s: %s: %s", j.Expression, j.Verdict, j.Reason)
		}
		delete(want, j.Expression)
	}
	if len(want) > 0 {
		t.Errorf("not judged: %v", want)
	}
	for _, e := range r.Endpoints {
		told := e.Path == "/told"
		if (e.Hops != nil) != told {
			t.Errorf("%s: hops %+v", e.Name, e.Hops)
		}
		if told && (e.Hops.Upstream.P50 < 39 || e.Hops.Upstream.P50 > 41 || e.Hops.Upstream.N != e.Requests || e.Hops.Gateway.N != e.Requests) {
			t.Errorf("%s: %d requests, upstream %+v, gateway %+v", e.Name, e.Requests, e.Hops.Upstream, e.Hops.Gateway)
		}
	}
	if !strings.Contains(out, "hops: gateway P50 ") {
		t.Errorf("the summary does not tell of the hops:\n%s", out)
	}

	// Nobody tells: no data is no pass.
	r, out, _ = try("--workload", "health", "--threshold", "p95{hop:upstream} < 1s", "-d", "1s")
	if r == nil || len(r.Thresholds) != 1 || r.Thresholds[0].Verdict != verdict.Inconclusive || !strings.Contains(r.Thresholds[0].Reason, "no answer told") {
		t.Errorf("%+v\n%s", r, out)
	}

	// What is not there is refused before the run.
	if r, out, code := try("--threshold", "p95{persona:byer} < 1s"); r != nil || code != exitUsage || !strings.Contains(out, "persona:browser") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
