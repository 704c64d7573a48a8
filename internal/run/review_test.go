package run

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/verdict"
)

var reviewDay = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

// reviewed is a whole, valid run of a scenario that kept error_rate < 1%, changed by edit.
func reviewed(scenario string, edit func(*Result)) *ReviewedRun {
	r := &Result{
		Schema: Schema, LT: "devel", RunID: scenario, Scenario: scenario, Target: "http://127.0.0.1:1", Labels: map[string]string{"commit": "abc"},
		StartedAt: testStart, DurationS: 600, PlannedS: 600, Complete: true, Verdict: verdict.Pass, Totals: Totals{Requests: 9000}, Generator: Generator{Valid: true},
		Thresholds: []verdict.Judged{{Expression: "error_rate < 1%", Metric: "error_rate", Op: "<", Unit: "ratio", Value: new(0.), Limit: .01, N: 9000, Verdict: verdict.Pass, Reason: "none failed"}},
	}
	if edit != nil {
		edit(r)
	}
	return NewReviewed("lt-results/"+scenario, r, map[string]string{})
}

func smokeOf(t *testing.T, text string) *ReviewedRun {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, SmokeFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReviewed(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const blockedSmoke = `{"schema": 1, "labels": {"commit": "abc"}, "verdict": "fail", "coverage": {"operations": 13, "exercised": 13, "working": 12}, "gate": {"min_coverage": 0.9},
	"blockers": [{"id": "B1", "priority": "P0", "title": "refused", "endpoints": ["PATCH /agents/{id}"], "hop": "upstream", "status": 422, "requests": 48, "failed": 48}]}`

func undecided(r *Result) {
	r.Verdict = verdict.Inconclusive
	r.Thresholds = append(r.Thresholds, verdict.Judged{
		Expression: "p95 < 500ms", Metric: "p95", Op: "<", Unit: "ms", Value: new(498.), Low: new(470.), High: new(530.), Limit: 500,
		Verdict: verdict.Inconclusive, MoreS: 700, Reason: "p95 498 ms; not proven",
	})
}

func broken(r *Result) {
	r.Verdict = verdict.Fail
	r.Endpoints = []EndpointResult{{Name: "PATCH /agents/{id}", Requests: 46, Failed: 46, Warmup: verdict.Count{Requests: 2, Failed: 2}}}
	r.Failures = []Failure{{Endpoint: "PATCH /agents/{id}", Class: "status_422", Count: 48}, {Endpoint: "PATCH /agents/{id}", Class: "timeout", Count: 1}}
	r.Thresholds = append(r.Thresholds, verdict.Judged{
		Expression: "error_rate{*} < 1%", Scope: "PATCH /agents/{id}", Metric: "error_rate", Op: "<", Unit: "ratio", Value: new(1.), Limit: .01, N: 48, Verdict: verdict.Fail, Reason: "all failed",
	})
}

func invalid(r *Result) {
	r.Verdict, r.Generator = verdict.Invalid, Generator{Validity: []string{"it stood still"}}
	r.Thresholds = append(r.Thresholds, verdict.Judged{Expression: "p95 < 500ms", Metric: "p95", Op: "<", Unit: "ms", Limit: 500, Verdict: verdict.Invalid, Reason: "withheld"})
}

func slow(r *Result) {
	r.Verdict = verdict.Fail
	r.Thresholds = append(r.Thresholds, verdict.Judged{Expression: "p95 < 500ms", Metric: "p95", Op: "<", Unit: "ms", Value: new(612.), Limit: 500, Verdict: verdict.Fail, Reason: "p95 612 ms"})
}

func regressed(r *Result) {
	r.Comparison = &Comparison{Base: []ComparedRun{{Ref: "main"}}, Gates: true, Comparison: verdict.Comparison{Verdict: verdict.Regressed, Reasons: []string{"p95 +23 %"}}}
}

func TestReview(t *testing.T) {
	waiver := func(criterion, expires string) []verdict.Waiver {
		day, err := time.Parse(time.DateOnly, expires)
		if err != nil {
			t.Fatal(err)
		}
		return []verdict.Waiver{{Criterion: criterion, Owner: "ann", Reason: "known", Expires: day}}
	}
	all := verdict.Needs{Scenarios: []verdict.NeededRun{{Name: "light"}, {Name: "peak", DurationS: 900, Thresholds: []string{"p95 < 500ms"}}}, Labels: []string{"commit"}, Baseline: true, Smoke: &verdict.NeededSmoke{Coverage: .95}}
	for _, c := range []struct {
		name    string
		runs    []*ReviewedRun
		needs   verdict.Needs
		waivers []verdict.Waiver
		code    int
		lead    string
	}{
		{"all holds", []*ReviewedRun{reviewed("light", nil)}, verdict.Needs{}, nil, 0, "GO. Each of 3 criteria holds."},
		{
			"the issue's example",
			[]*ReviewedRun{reviewed("normal", undecided), smokeOf(t, blockedSmoke)},
			verdict.Needs{},
			nil, 99,
			"NO-GO. 1 blocker: PATCH /agents/{id} 48 of 48 failed (422, upstream). Undecided: p95 of normal 470-530 ms against 500; about 12 more minutes would decide it.",
		},
		{
			"one cause under load and in a smoke is one blocker",
			[]*ReviewedRun{reviewed("normal", broken), reviewed("peak", broken), smokeOf(t, blockedSmoke)},
			verdict.Needs{},
			nil, 99,
			"NO-GO. 1 blocker: PATCH /agents/{id} 48 of 48 failed (422, upstream).",
		},
		{"broken under load", []*ReviewedRun{reviewed("normal", broken)}, verdict.Needs{}, nil, 99, "NO-GO. 1 blocker: PATCH /agents/{id} 48 of 48 failed (422)."},
		{"undecided", []*ReviewedRun{reviewed("normal", undecided)}, verdict.Needs{}, nil, 5, "NOT PROVEN. Undecided: p95 of normal 470-530 ms against 500; about 12 more minutes would decide it."},
		{"undecided, waived", []*ReviewedRun{reviewed("normal", undecided)}, verdict.Needs{}, waiver("normal: p95 < 500ms", "2026-11-22"), 0, "GO. Each of 3 criteria holds. 1 waived."},
		{
			"the waiver has expired",
			[]*ReviewedRun{reviewed("normal", undecided)},
			verdict.Needs{},
			waiver("normal: p95 < 500ms", "2026-11-21"), 99,
			"NO-GO. Failed: p95 of normal 470-530 ms against 500; about 12 more minutes would decide it (the waiver of ann expired on 2026-11-21).",
		},
		{"a waiver that expired and is not needed", []*ReviewedRun{reviewed("light", nil)}, verdict.Needs{}, waiver("light: error_rate < 1%", "2020-01-01"), 0, "GO. Each of 3 criteria holds."},
		{"invalid", []*ReviewedRun{reviewed("peak", invalid)}, verdict.Needs{}, nil, 4, "NOT PROVEN. Invalid: peak (the generator was measured, not the target)."},
		{"no waiver makes it valid", []*ReviewedRun{reviewed("peak", invalid)}, verdict.Needs{}, waiver("peak: valid measurement", "2030-01-01"), 4, "NOT PROVEN. Invalid: peak (the generator was measured, not the target)."},
		{"slow", []*ReviewedRun{reviewed("peak", slow)}, verdict.Needs{}, nil, 99, "NO-GO. Failed: p95 of peak 612 ms against 500."},
		{
			"slow, and another invalid: the order of the exit codes",
			[]*ReviewedRun{reviewed("normal", invalid), reviewed("peak", slow)},
			verdict.Needs{},
			nil, 4,
			"NO-GO. Failed: p95 of peak 612 ms against 500. Invalid: normal (the generator was measured, not the target).",
		},
		{"regressed", []*ReviewedRun{reviewed("peak", regressed)}, verdict.Needs{}, nil, 98, "NO-GO. Regressed: peak: p95 +23 %."},
		{
			"all evidence is missing",
			[]*ReviewedRun{reviewed("light", func(r *Result) { r.Labels = nil })},
			all, nil, 99,
			"NO-GO. Missing: a comparison of light with a baseline; the label commit of light; a run of peak; a smoke.",
		},
		{
			"too short, and judged by something else",
			[]*ReviewedRun{reviewed("peak", nil)},
			verdict.Needs{Scenarios: all.Scenarios[1:]},
			nil, 99,
			"NO-GO. Missing: a run of peak of 15m (it ran 10m); peak judged by p95 < 500ms.",
		},
		{"partial", []*ReviewedRun{reviewed("peak", func(r *Result) { r.Complete, r.DurationS = false, 500 })}, verdict.Needs{}, nil, 5, "NOT PROVEN. Undecided: peak is partial: 8m20s of 10m."},
		{
			"partial where it is needed",
			[]*ReviewedRun{reviewed("light", func(r *Result) { r.Interrupted = "interrupted" })},
			verdict.Needs{Scenarios: all.Scenarios[:1]},
			nil, 99,
			"NO-GO. Missing: light was stopped (interrupted) after 10m of 10m.",
		},
		{"nothing asked", []*ReviewedRun{reviewed("light", func(r *Result) { r.Thresholds, r.Verdict = nil, verdict.None })}, verdict.Needs{}, nil, 5, "NOT PROVEN. Undecided: light was judged by no threshold."},
		{
			"little coverage",
			[]*ReviewedRun{reviewed("light", nil), smokeOf(t, `{"schema":1,"labels":{"commit":"abc"},"verdict":"pass","coverage":{"operations":10,"exercised":9,"working":9}}`)},
			verdict.Needs{Smoke: &verdict.NeededSmoke{Coverage: .95}},
			nil, 99, "NO-GO. Failed: contract coverage 9 of 10 operations.",
		},
		{"a smoke that failed otherwise", []*ReviewedRun{smokeOf(t, `{"schema":1,"verdict":"fail","reasons":["not ready"],"coverage":{"operations":1,"exercised":1}}`)}, verdict.Needs{}, nil, 99, "NO-GO. Failed: not ready."},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := NewReview(c.runs, c.needs, c.waivers, reviewDay, "devel")
			if err != nil {
				t.Fatal(err)
			}
			if v.Lead != c.lead || v.ExitCode != c.code {
				t.Errorf("exit %d, %q\nwant %d, %q", v.ExitCode, v.Lead, c.code, c.lead)
			}
			if (v.Decision == verdict.Go) != (c.code == 0) {
				t.Errorf("decision %s with exit code %d", v.Decision, v.ExitCode)
			}
			slices.Reverse(c.runs)
			again, err := NewReview(c.runs, c.needs, c.waivers, reviewDay, "devel")
			a, _ := json.Marshal(v)
			b, _ := json.Marshal(again)
			if err != nil || string(a) != string(b) {
				t.Errorf("the order of the arguments changes the review (%v)", err)
			}
		})
	}
}

func TestReviewRefusesDifferentBuilds(t *testing.T) {
	with := func(name string, labels map[string]string) *ReviewedRun {
		return reviewed(name, func(r *Result) { r.Labels = labels })
	}
	for _, c := range []struct {
		name   string
		labels []string
		a, b   map[string]string
		want   string // empty: they agree
	}{
		{"alike", nil, map[string]string{"commit": "a"}, map[string]string{"commit": "a"}, ""},
		{"without any", nil, nil, nil, ""},
		{"other", nil, map[string]string{"commit": "a"}, map[string]string{"commit": "b"}, "runs of different builds: lt-results/light has commit=a, and lt-results/peak has commit=b"},
		{"lacking", nil, map[string]string{"commit": "a"}, nil, "runs of different builds, perhaps: lt-results/light has commit=a, and lt-results/peak has no label commit"},
		{"another that does not matter", []string{"commit"}, map[string]string{"commit": "a", "try": "1"}, map[string]string{"commit": "a", "try": "2"}, ""},
	} {
		_, err := NewReview([]*ReviewedRun{with("light", c.a), with("peak", c.b)}, verdict.Needs{Labels: c.labels}, nil, reviewDay, "devel")
		if got := errorText(err); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReviewTellsWhatWasNotTested(t *testing.T) {
	a := reviewed("light", func(r *Result) {
		r.Labels = nil
		r.Endpoints = []EndpointResult{{Name: "GET /a"}, {Name: "GET /b", Requests: 1}}
		r.NotShown = []string{"P99.9"}
	})
	b := reviewed("light", func(r *Result) {
		r.StartedAt = r.StartedAt.Add(time.Hour)
		r.Labels = nil
		r.Endpoints = []EndpointResult{{Name: "GET /a", Requests: 2}, {Name: "GET /c"}}
	})
	v, err := NewReview([]*ReviewedRun{a, b}, verdict.Needs{}, nil, reviewDay, "devel")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(slices.Concat(v.NotTested, v.NotShown, v.Notes), "\n")
	want := `No run of normal, peak, endurance.
No smoke: nothing shows that every endpoint of the contract works.
No comparison with a baseline: light, light 2.
Endpoints without a measured request in any run: GET /c.
light: P99.9
No run carries a label: nothing shows that they are of the same build (lt run --label commit=SHA).`
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A result that is not what its journal shows is named, whatever was changed in it.
func TestReviewVerifies(t *testing.T) {
	p := testPlan(20 * time.Second)
	d, j := newTestRun(t, p)
	record(t, j, p, 22, 30, func(_, i int) bool { return i == 0 }, 21)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*Result){
		"":           func(r *Result) { r.ExitCode = new(99) },
		"thresholds": func(r *Result) { r.Thresholds[0].Verdict = verdict.Pass },
		"verdict":    func(r *Result) { r.Verdict = verdict.Pass },
		"complete":   func(r *Result) { r.Complete = !r.Complete },
		"totals":     func(r *Result) { r.Totals.Failed = 0 },
		"labels":     func(r *Result) { r.Labels = map[string]string{"commit": "other"} },
	} {
		replayed, err := Replay(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		r := replayed.Result()
		edit(r)
		if err := d.WriteJSON(ResultFile, r); err != nil {
			t.Fatal(err)
		}
		opened, err := OpenReviewed(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		said, err := opened.Verify("devel")
		switch {
		case name == "" && (err != nil || !strings.Contains(said, "all figures and verdicts the same")):
			t.Errorf("as it was: %q, %v", said, err)
		case name != "" && (err == nil || !strings.Contains(err.Error(), "result.json is not what its journal shows: judged again, "+name+" differ")):
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

func TestScan(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"light-1", "suite-1/light", "suite-1/light-1", "suite-1/peak", "a/b/c/d", "x"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o777); err != nil {
			t.Fatal(err)
		}
		if path != "x" {
			if err := os.WriteFile(filepath.Join(dir, path, PlanFile), []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = os.Symlink("light-1", filepath.Join(dir, "latest"))
	got, err := Scan(dir)
	for i := range got {
		got[i], _ = filepath.Rel(dir, got[i])
	}
	if want := []string{"light-1", filepath.Join("suite-1", "light"), filepath.Join("suite-1", "peak")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := Scan(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a directory that is not there was read")
	}
}
