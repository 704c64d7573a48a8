package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/run"
)

// suites are the fixtures of the suite's index.
func suites() map[string]*Suite {
	of := func(names []string, results ...*run.Result) *Suite {
		s := &Suite{Name: "suite-20261121T140000Z", Dir: "lt-results/suite-20261121T140000Z", LT: "v0.1.0", Cooldown: 30 * time.Second, ExitCode: 99, Meaning: "a threshold failed"}
		for i, r := range results {
			sr := SuiteRun{Name: names[i], Result: r, Note: "The suite was interrupted before it."}
			if r != nil {
				sr.Note = ""
			}
			s.Runs = append(s.Runs, sr)
		}
		return s
	}
	four := []string{"light", "normal", "peak", "endurance"}
	whole := of(four, passing(), passing(), passing(), passing())
	whole.ExitCode, whole.Meaning = 0, "pass"
	return map[string]*Suite{
		"passing": whole,
		"mixed":   of(four, inconclusive(), passing(), failing(), invalid()),
		"broken":  of(four, passing(), partial(), nil, nil),
		"hostile": of([]string{`<script>alert(1)</script>`, "../../etc", strings.Repeat("W", 1<<16), "\x1b[2J"}, hostile(), hostile(), nil, empty()),
	}
}

func suiteText(t *testing.T, s *Suite) (page, table string) {
	t.Helper()
	var p, tb strings.Builder
	if err := SuiteHTML(&p, s); err != nil {
		t.Fatal(err)
	}
	if err := SuiteTerminal(&tb, s, Options{}); err != nil {
		t.Fatal(err)
	}
	return p.String(), tb.String()
}

func TestSuiteGolden(t *testing.T) {
	for name, s := range suites() {
		page, table := suiteText(t, s)
		if name != "hostile" {
			golden(t, "suite-"+name+".terminal", table)
		}
		if name == "broken" {
			golden(t, "suite-"+name+".html", page)
		}
		if again, _ := suiteText(t, s); again != page {
			t.Errorf("%s: two renderings differ", name)
		}
		for _, line := range strings.Split(table, "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s: %d columns: %q", name, n, line)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, `href="../`) || strings.ContainsRune(table, 0x1b) {
			t.Errorf("%s: a hostile name got through", name)
		}
	}
}

func TestSuiteHeadline(t *testing.T) {
	for name, want := range map[string]string{"passing": "PASS", "mixed": "FAIL", "broken": "PARTIAL"} {
		s := suites()[name]
		if got := s.headline().Word; got != want && !(name == "broken" && got == "INTERRUPTED") {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	s := suites()["passing"]
	s.Runs[2].Result = nil
	if got := s.headline().Word; got != "INCOMPLETE" {
		t.Errorf("a suite without peak is %s", got)
	}
	s = suites()["mixed"]
	if got, want := s.lead(), "Of 4 scenarios: 1 passed, 1 failed (peak), 1 not proven (light), 1 invalid (endurance)."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// golden holds a text against its file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs from its golden file (go test ./report -update writes it anew):\n%.4000s", path, diff)
	}
}

// TestBrowserSuite: the index fits every width, asks nobody for anything, and
// its links lead to the reports beside it.
func TestBrowserSuite(t *testing.T) {
	b := newBrowser(t)
	for name, s := range suites() {
		t.Run(name, func(t *testing.T) {
			page, _ := suiteText(t, s)
			ctx := b.show(t, "suite-"+name, page)
			for _, theme := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1280, 1920} {
					view(t, ctx, width, theme)
					if over := eval[float64](t, ctx, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
						t.Errorf("at %d px the page scrolls sideways by %v px", width, over)
					}
					if theme == "light" && width < 1920 {
						b.screenshot(t, ctx, "suite-"+name+"-"+map[int64]string{360: "360", 1280: "1280"}[width])
					}
				}
			}
			ran := 0.0
			for _, r := range s.Runs {
				if r.Result != nil {
					ran++
				}
			}
			if n := eval[float64](t, ctx, "document.querySelectorAll('.suite a[href$=\"/report.html\"]').length"); n != ran {
				t.Errorf("%v links, want %v", n, ran)
			}
		})
	}
}
