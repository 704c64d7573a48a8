package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// TestVerifyDrift runs the shortest endurance run whose drift is judged against
// the reference platform, with faults that are compressed in time: what degrades
// fails as a trend, what has episodes is called unstable, each by lt's own exit
// code and files, and the journal tells the same again.
func TestVerifyDrift(t *testing.T) {
	if os.Getenv("LT_SOAK") == "" { // simulated hours are in make verify
		t.Skip("LT_SOAK=1 runs what takes minutes")
	}
	t.Parallel() // 30 windows of 5 s, the least that drift is judged of, are 150 s
	for _, tt := range []struct {
		name, faults string
		want         verdict.DriftVerdict
		fails        string // the threshold
	}{
		{"degrading", "degrading?period=40s", verdict.DriftDegrading, "degradations"},
		{"episodes", "episodes?period=40s&length=5s", verdict.DriftUnstable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := lt(t, "run", "endurance", "--reference", "--faults", tt.faults, "-u", "60", "--spawn-rate", "60/s", "-d", "165s", "--out", "out", "--seed", "1")
			out, err := cmd.CombinedOutput()
			r, loadErr := run.Load(filepath.Join(cmd.Dir, "out", "latest"))
			if loadErr != nil {
				t.Fatalf("%v\n%s", loadErr, out)
			}
			if r.Drift == nil || r.Drift.Verdict != tt.want {
				t.Fatalf("%+v, %v\n%s", r.Drift, err, out)
			}
			if !strings.Contains(string(out), "drift      "+string(tt.want)) {
				t.Errorf("the summary does not say so:\n%s", out)
			}
			if r.Verdict == verdict.Invalid { // a machine too busy to measure: drift is shown all the same, and gates nothing
				return
			}
			for _, j := range r.Thresholds {
				if failed := j.Verdict == verdict.Fail; failed != (j.Metric == tt.fails) && j.Scope == "" {
					t.Errorf("%s: %s: %s", j.Expression, j.Verdict, j.Reason)
				}
			}
			if failed := cmd.ProcessState.ExitCode() == exitThreshold; failed != (tt.fails != "") {
				t.Errorf("exit code %d\n%s", cmd.ProcessState.ExitCode(), out)
			}
			again, err := run.Replay(filepath.Join(cmd.Dir, "out", "latest"))
			if err != nil {
				t.Fatal(err)
			}
			if d := again.Result().Drift; d.Verdict != r.Drift.Verdict || d.Reason != r.Drift.Reason || len(d.Metrics) != len(r.Drift.Metrics) {
				t.Errorf("the journal tells %s: %s, the run %s: %s", d.Verdict, d.Reason, r.Drift.Verdict, r.Drift.Reason)
			}
		})
	}
}
