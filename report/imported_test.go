package report

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

// ofLocust is passing, had Locust run it: without what its files do not tell.
func ofLocust() *run.Result {
	r := passing()
	r.Imported = &run.Imported{
		Tool: "Locust", Format: "locust", SummaryOnly: true,
		Files:      []run.ImportedFile{{Name: "run_stats.csv", Bytes: 512, SHA256: strings.Repeat("ab", 32)}},
		CannotGive: []string{"Locust's percentiles over time are cumulative"},
		Absent:     []string{"seed", "generator.stalls", "environment.cpus", "failures.first_seen_s", "totals.dropped", "timeline.users"},
	}
	r.Generator, r.Environment, r.Seed = run.Generator{Valid: true}, run.Environment{}, 0
	r.StartedAt, r.Thresholds, r.Verdict, r.Reasons = time.Time{}, nil, "none", nil
	for _, l := range append([]*run.Latency{r.Totals.Response}, r.Endpoints[0].Response) {
		l.P99, l.P999 = math.NaN(), math.NaN()
	}
	for i := range r.Timeline {
		p := &r.Timeline[i]
		p.Users, p.P50, p.P95, p.P99, p.Max, p.Mean = 0, nil, nil, nil, nil, at(4321.5)
	}
	return r
}

// TestImported holds that every format says where an imported run comes from, and
// shows nothing for what was not measured.
func TestImported(t *testing.T) {
	for _, f := range Formats() {
		var b bytes.Buffer
		if err := f.Render(&b, ofLocust(), Options{Verbose: true, Width: 100}); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		says := map[string][]string{
			"terminal": {"IMPORTED  Imported from Locust (run_stats.csv)", "generator  not measured: the run was imported from Locust", "sha256 abab"},
			"html":     {"IMPORTED", "Imported from Locust (run_stats.csv)", "Not measured", "Mean response time", "cumulative"},
			"markdown": {"**IMPORTED**: Imported from Locust", "Generator: not measured: the run was imported from Locust"},
			"junit":    {`<skipped message="Imported from Locust (run_stats.csv)`},
			"csv":      {",mean_ms\r\n", ",4321.5\r\n"},
			"json":     {`"tool": "Locust"`},
		}[f.Name]
		for _, s := range says {
			if !strings.Contains(text, s) {
				t.Errorf("%s does not say %q", f.Name, s)
			}
		}
		for _, s := range []string{"NaN", "0001-01-01", "0 stalls", "kept its own schedule", "Virtual users", `"stalls"`, "<error"} {
			if strings.Contains(text, s) {
				t.Errorf("%s says %q", f.Name, s)
			}
		}
	}
}

// TestAlertsOfImported holds that no rule is made of a P95 that nobody knows.
func TestAlertsOfImported(t *testing.T) {
	r := ofLocust()
	for i := range r.Endpoints {
		r.Endpoints[i].Response.P95 = math.NaN()
	}
	rules, _, warnings, err := Alerts(r, AlertOptions{Name: "x", Duration: "d", Requests: "r", MethodLabel: "m", PathLabel: "p", StatusLabel: "s", Margin: .2, For: time.Minute, Window: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(rules), "NaN") || strings.Contains(string(rules), "LatencyP95AboveBaseline") || !strings.Contains(strings.Join(warnings, " "), "do not tell its P95") {
		t.Errorf("%s\n%q", rules, warnings)
	}
}
