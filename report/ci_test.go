package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/verdict"
)

func annotationsOf(t *testing.T, fixture string) []string {
	t.Helper()
	var b strings.Builder
	if err := Annotations(&b, fixtures()[fixture]); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func TestAnnotations(t *testing.T) {
	if got := annotationsOf(t, "passing"); got[0] != "" || len(got) != 1 {
		t.Errorf("a run that passed has annotations: %q", got)
	}
	got := annotationsOf(t, "failing")
	for i, want := range []string{
		"::error title=lt%3A normal%3A FAIL::error_rate < 1%25 is broken: ",
		"::warning title=lt%3A normal%3A INSECURE::TLS certificates were not verified",
		"::error title=lt%3A normal%3A error_rate < 1%25::broken: ",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("line %d: %q, want %q…", i, got[i], want)
		}
	}
	if !strings.Contains(got[0], "%0Ap95 < 500ms is broken") {
		t.Errorf("the reasons are not lines of one annotation: %q", got[0])
	}
	if last := got[len(got)-1]; !strings.HasPrefix(last, "::warning title=lt%3A normal%3A p99{GET /health/*} < 50ms::not proven: ") {
		t.Errorf("the undecided threshold: %q", last)
	}
	if got := annotationsOf(t, "inconclusive"); !strings.HasPrefix(got[0], "::error title=lt%3A light%3A NOT PROVEN::") {
		t.Errorf("NOT PROVEN that fails the job: %q", got[0])
	}
}

// TestAnnotationsHoldHostileText: whatever a target says, each line is one command
// with one title, and GitHub shows all of them.
func TestAnnotationsHoldHostileText(t *testing.T) {
	r := hostile()
	r.Scenario = "x::error::y,file=z\n::stop-commands::t"
	for i := range r.Thresholds {
		r.Thresholds[i].Verdict = verdict.Fail
		r.Thresholds[i].Reason = "first\r\n::add-mask::secret %0A"
	}
	var b strings.Builder
	if err := Annotations(&b, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	form := regexp.MustCompile(`^::(error|warning) title=([^:,\r\n]*)::[^\r\n]*$`)
	errors := 0
	for _, l := range lines {
		if !form.MatchString(l) || len(l) > 16<<10 {
			t.Errorf("%.300q", l)
		}
		if strings.HasPrefix(l, "::error") {
			errors++
		}
	}
	if errors != maxAnnotations {
		t.Errorf("%d errors of %d thresholds; GitHub shows %d", errors, len(r.Thresholds), maxAnnotations)
	}
}

// openMetricsSample is a line of OpenMetrics 1.0 that is no comment.
var openMetricsSample = regexp.MustCompile(`^[a-z_]+\{[a-zA-Z0-9_]+="(\\.|[^"\\])*"(,[a-zA-Z0-9_]+="(\\.|[^"\\])*")*\} (NaN|[-+]?[0-9.e+-]+)$`)

func TestOpenMetricsForm(t *testing.T) {
	for name := range fixtures() {
		text := render(t, "openmetrics", name, Options{})
		if !strings.HasSuffix(text, "\n# EOF\n") {
			t.Errorf("%s has no end", name)
		}
		seen, families := map[string]bool{}, map[string]bool{}
		for _, l := range strings.Split(strings.TrimSuffix(text, "# EOF\n"), "\n") {
			switch {
			case l == "":
			case strings.HasPrefix(l, "# TYPE "):
				family := strings.Fields(l)[2]
				if families[family] {
					t.Errorf("%s: family %s comes twice", name, family)
				}
				families[family] = true
			case strings.HasPrefix(l, "#"):
			case !openMetricsSample.MatchString(l):
				t.Errorf("%s: %.200q", name, l)
			default:
				id := l[:strings.LastIndexByte(l, ' ')]
				if seen[id] {
					t.Errorf("%s: twice %.200q", name, id)
				}
				seen[id] = true
			}
		}
	}
	text := render(t, "openmetrics", "failing", Options{})
	for _, want := range []string{
		`lt_verdict{scenario="normal",run_id="normal-20261121T140000Z",lt_verdict="fail"} 1`,
		`lt_requests_total{scenario="normal",run_id="normal-20261121T140000Z",endpoint="POST /api/v1/goals/",outcome="status_500"} `,
		`lt_response_time_seconds{scenario="normal",run_id="normal-20261121T140000Z",endpoint="",quantile="0.95"} 0.02714`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}
