package report

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// comparison is five runs of one build after five of another, one endpoint of
// which got slower and another faster.
func comparison() *run.Comparison {
	side := func(label string) (out []run.ComparedRun) {
		for _, n := range []string{"1", "2", "3", "4", "5"} {
			out = append(out, run.ComparedRun{
				Ref: "ab-20261121T140000Z/" + label + n, RunID: "run-" + label + n, StartedAt: origin, LT: "v0.1.0", Target: "http://127.0.0.1:8009",
				Labels: map[string]string{"commit": "4f2a91c"}, Class: "linux/amd64/2", CPU: "Some CPU", Verdict: verdict.Pass,
			})
		}
		return out
	}
	row := func(endpoint, metric, unit string, base, now, change, low, high, p float64, v verdict.Change) verdict.Difference {
		d := verdict.Difference{
			Endpoint: endpoint, Metric: metric, Unit: unit, Base: at(base), New: at(now), BaseN: 25_000, NewN: 25_400, Change: at(change), Low: at(low), High: at(high),
			Tolerance: .1, Detectable: at(.12), P: at(p), Verdict: v, Reason: metric + " changed",
		}
		return d
	}
	none := verdict.Difference{Endpoint: "DELETE /api/v1/agents/{id}", Metric: "p99", Unit: "ms", BaseN: 12, NewN: 14, Tolerance: .2, Verdict: verdict.Undecided, Reason: "too few requests: p99 needs 100 in each run"}
	c := &run.Comparison{
		Base: side("a"), New: side("b"), Gates: true, Notes: []string{"b1: shared machine: work waited for a CPU up to 12 % of the time; both sides took turns on it"},
		Comparison: verdict.Comparison{
			Verdict: verdict.Regressed, Method: verdict.MethodRuns, BaseRuns: 5, NewRuns: 5, Arrangements: 252,
			Reasons: []string{"GET /api/v1/agents/{id}: p95 15.3 ms, was 12.1 ms: +26 % (+18 to +35 %)"},
			Rows: []verdict.Difference{
				row("", "p50", "ms", 3.02, 3.04, .0066, -.02, .031, .6, verdict.Same),
				row("", "p95", "ms", 12.1, 12.6, .041, -.03, .12, .31, verdict.Undecided),
				row("", "error_rate", "ratio", .0002, .0001, -.0001, -.0004, .0002, .9, verdict.Same),
				row("", "throughput", "per_s", 812, 809, -.0037, -.01, .003, .4, verdict.Same),
				row("GET /api/v1/agents/{id}", "p95", "ms", 12.1, 15.3, .264, .18, .35, .0119, verdict.Regressed),
				row("GET /api/v1/goals/", "p95", "ms", 9.1, 7.3, -.198, -.25, -.15, .0119, verdict.Improved),
				row("GET /api/v1/goals/", "p50", "ms", 2.1, 2.1, 0, -.02, .02, 1, verdict.Same),
				none,
			},
		},
	}
	return c
}

func compared() *run.Result {
	r := passing()
	r.Comparison = comparison()
	r.Reasons = append([]string{"regressed against ab-20261121T140000Z/a1: " + r.Comparison.Reasons[0]}, r.Reasons...)
	return r
}

// regressed is a failing run after a passing one, with much to tell: each endpoint
// has figures that changed, and figures of which that is not known.
func regressed() *run.Result {
	r := failing()
	c := comparison()
	c.Withheld = []string{"main: shared machine: for 17s of 17s other processes used 67.1 % of its processors"}
	c.Rows = slices.DeleteFunc(c.Rows, func(d verdict.Difference) bool { return d.Endpoint != "" })
	for i, name := range apiEndpoints {
		d := verdict.Difference{Endpoint: name, Metric: "p50", Unit: "ms", Base: at(2.1), New: at(2.2), Change: at(.047), Low: at(-.1), High: at(.2), P: at(.4), Detectable: at(.3), Verdict: verdict.Undecided, Reason: "p50 2.2 ms, was 2.1 ms: +4.7 % (-10 to +20 %)"}
		c.Rows = append(c.Rows, d)
		d.Metric, d.New, d.Change, d.Low, d.High, d.P, d.Reason = "p95", at(4.2), at(1.), at(.8), at(1.2), at(.001), "p95 4.2 ms, was 2.1 ms: +100 % (+80 to +120 %)"
		if d.Verdict = verdict.Regressed; i%3 == 2 {
			d.Verdict = verdict.Improved
		}
		c.Rows = append(c.Rows, d)
	}
	r.Comparison = c
	r.Reasons = append([]string{"regressed against ab-20261121T140000Z/a1: " + c.Reasons[0]}, r.Reasons...)
	return r
}

func TestCompareGolden(t *testing.T) {
	c := comparison()
	for _, width := range []int{60, 80, 120} {
		var b strings.Builder
		if err := CompareTerminal(&b, c, Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		if width == 80 {
			golden(t, "compare.terminal", b.String())
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%d columns of %d: %q", n, width, line)
			}
		}
	}
	var md, page strings.Builder
	if err := CompareMarkdown(&md, c); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.markdown", md.String())
	runs := []SuiteRun{{Name: "a1", Result: passing()}, {Name: "b1", Result: failing()}}
	if err := CompareHTML(&page, &ComparePage{Title: "ab-20261121T140000Z", LT: "v0.1.0", At: origin, Comparison: c, Runs: runs}); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.html", page.String())
	if !strings.Contains(page.String(), `href="b1/report.html"`) || strings.Contains(page.String(), "<script") {
		t.Error("the page does not lead to its runs, or has a script")
	}
}

// TestARunThatRegressed: every format of a run says so.
func TestARunThatRegressed(t *testing.T) {
	r := compared()
	for name, want := range map[string][]string{
		"terminal": {"REGRESSED  regressed against ab-20261121T140000Z/a1", "GET /api/v1/agents/{id}\n✗ p95", "252 arrangements"},
		"markdown": {"❌ REGRESSED: load test", "REGRESSED against `ab-20261121T140000Z/a1 and 4 more`"},
		"html":     {`<h2 id="comparison">Comparison</h2>`, `<a href="#comparison">`, "&#43;26 %", "too few requests: p99 needs 100"},
		"junit":    {`<testsuite name="lt peak comparison"`, `failures="1"`, `<failure type="regression" message="regressed: p95 changed">`},
		"json":     {`"comparison": {`, `"gates": true`, `"verdict": "regressed"`},
	} {
		f, _ := ByName(name)
		var b strings.Builder
		if err := f.Render(&b, r, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(strings.ReplaceAll(b.String(), "\u00a0", " "), text) {
				t.Errorf("%s lacks %q", name, text)
			}
		}
	}
	r.Comparison.Gates = false
	if h := headline(r); h.Word != "PASS" {
		t.Errorf("a comparison that sets no exit code makes the run %s", h.Word)
	}
	s := suites()["passing"]
	s.Runs[1].Result = compared()
	if h := s.headline(); h.Word != "REGRESSED" || !strings.Contains(s.lead(), "1 regressed (normal)") {
		t.Errorf("the suite is %s: %s", h.Word, s.lead())
	}
}

func TestAHostileComparison(t *testing.T) {
	c := comparison()
	bad := "<script>alert(1)</script>\x1b[2J`|"
	c.Base[0].Ref, c.Base[0].Target, c.Base[0].Class, c.Notes, c.Reasons = bad, bad, bad, []string{bad}, []string{bad}
	c.Rows[4].Endpoint, c.Rows[4].Metric = bad, bad
	var terminal, documents strings.Builder
	for _, err := range []error{
		CompareTerminal(&terminal, c, Options{}), CompareMarkdown(&documents, c),
		CompareHTML(&documents, &ComparePage{Title: bad, Comparison: c, Runs: []SuiteRun{{Name: bad}}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range strings.Split(terminal.String()+documents.String(), "\n") {
		if strings.ContainsRune(line, 0x1b) {
			t.Errorf("an escape sequence got through: %q", line)
		}
	}
	for _, line := range strings.Split(documents.String(), "\n") {
		if strings.Contains(line, "<script") {
			t.Errorf("a script got through: %s", line)
		}
	}
}

func TestSpreadTerminal(t *testing.T) {
	var b strings.Builder
	if err := SpreadTerminal(&b, []*run.Result{passing(), passing(), failing()}, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Spread of 3 runs", "\nP95 ", "\nerror rate ", "cv %"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("lacks %q:\n%s", text, b.String())
		}
	}
}
