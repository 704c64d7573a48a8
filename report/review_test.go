package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// sheets are the fixtures of the go/no-go sheet.
func sheets(t *testing.T) map[string]*ReviewSheet {
	t.Helper()
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	of := func(needs verdict.Needs, waivers []verdict.Waiver, results ...*run.Result) *ReviewSheet {
		var runs []*run.ReviewedRun
		for i, res := range results {
			runs = append(runs, run.NewReviewed(fmt.Sprintf("lt-results/%d", i), res, map[string]string{run.ResultFile: strings.Repeat("0f", 32)}))
		}
		v, err := run.NewReview(runs, needs, waivers, day, "v0.1.0")
		if err != nil {
			t.Fatal(err)
		}
		s := &ReviewSheet{Review: v, Links: map[string]string{}, Meaning: "a meaning"}
		for i := range v.Runs {
			s.Links[v.Runs[i].Name] = fmt.Sprintf("lt-results/%d/report.html", i)
		}
		return s
	}
	named := func(name string, r *run.Result) *run.Result {
		r.Scenario, r.Labels = name, map[string]string{"commit": "4f2a91c"}
		return r
	}
	bad := hostile()
	bad.Labels = nil
	worse := hostile()
	worse.Labels, worse.Scenario = nil, `"><img src=x onerror=alert(1)>`+strings.Repeat("W", 2000)
	return map[string]*ReviewSheet{
		"go": of(verdict.Needs{}, nil, named("light", passing()), named("normal", passing()), named("peak", passing()), named("endurance", passing())),
		"no-go": of(verdict.Needs{Scenarios: []verdict.NeededRun{{Name: "endurance"}}, Smoke: &verdict.NeededSmoke{Coverage: .95}},
			[]verdict.Waiver{{Criterion: "a smoke", Owner: "ann", Reason: "checked by hand", Expires: day}, {Criterion: "a run of endurance", Owner: "bob", Reason: "next week", Expires: day.AddDate(0, 0, -1)}},
			named("light", passing()), named("normal", inconclusive()), named("peak", failing())),
		"invalid": of(verdict.Needs{}, nil, named("light", passing()), named("peak", invalid()), named("endurance", partial())),
		"hostile": of(verdict.Needs{}, []verdict.Waiver{{Criterion: "<script>", Owner: "<b>", Reason: "\x1b[2J", Expires: day}}, bad, worse),
	}
}

func sheetText(t *testing.T, s *ReviewSheet) (html, markdown, json, terminal string) {
	t.Helper()
	var b [4]strings.Builder
	for i, err := range []error{ReviewHTML(&b[0], s), ReviewMarkdown(&b[1], s), ReviewJSON(&b[2], s), ReviewTerminal(&b[3], s, Options{})} {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	return b[0].String(), b[1].String(), b[2].String(), b[3].String()
}

func TestReviewGolden(t *testing.T) {
	for name, s := range sheets(t) {
		html, markdown, json, terminal := sheetText(t, s)
		if again, _, _, _ := sheetText(t, sheets(t)[name]); again != html {
			t.Errorf("%s: two renderings differ", name)
		}
		if name == "no-go" {
			golden(t, "review.html", html)
			golden(t, "review.json", json)
		}
		if name != "hostile" {
			golden(t, "review-"+name+".markdown", markdown)
			golden(t, "review-"+name+".terminal", terminal)
		}
		if n := strings.Count(markdown, "\n"); n > 60 {
			t.Errorf("%s: %d lines of Markdown", name, n)
		}
		for _, line := range strings.Split(terminal, "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s: %d columns: %q", name, n, line)
			}
		}
		for _, bad := range []string{"<script", "<img", "<b>", "\x1b"} {
			for format, text := range map[string]string{"html": strings.ReplaceAll(html, "<b><bdi>", ""), "markdown": markdown, "terminal": terminal} {
				if bad == "<b>" && format == "html" || format == "terminal" && bad != "\x1b" {
					continue
				}
				if strings.Contains(text, bad) {
					t.Errorf("%s: %s holds %q", name, format, bad)
				}
			}
		}
	}
}

// histories are the fixtures of the index.
func histories() map[string]*History {
	runAt := func(i int, r *run.Result, scenario string) HistoryRun {
		r.Scenario, r.StartedAt, r.RunID = scenario, r.StartedAt.AddDate(0, 0, i), fmt.Sprintf("%s-%d", scenario, i)
		if l := r.Totals.Response; l != nil {
			f := 1 + float64(i%5)/8
			l.P50, l.P95, l.P99 = l.P50*f, l.P95*f, l.P99*f
		}
		return HistoryRun{Name: fmt.Sprintf("suite-%d/%s", i, scenario), Href: fmt.Sprintf("suite-%d/%s/report.html", i, scenario), Result: r}
	}
	whole := &History{Name: "lt-results", LT: "v0.1.0", Unreadable: []string{"x could not be read: it is torn"}}
	for i := range 12 {
		for _, s := range []string{"light", "normal", "peak"} {
			r := passing()
			if i == 7 && s == "peak" {
				r = invalid()
				r.Load, r.Model, r.ScenarioDigest = passing().Load, passing().Model, passing().ScenarioDigest
			}
			r.Comparison = &run.Comparison{Base: []run.ComparedRun{{Ref: fmt.Sprintf("main-%d", i/6), RunID: fmt.Sprint(i / 6)}}}
			whole.Runs = append(whole.Runs, runAt(i, r, s))
		}
	}
	whole.Runs = append(whole.Runs, runAt(13, failing(), "peak"))
	evil := &History{Name: "<script>", LT: "v"}
	for i := range 3 {
		evil.Runs = append(evil.Runs, runAt(i, hostile(), `<script>alert(1)</script>`+strings.Repeat("W", 1000)))
	}
	many := &History{Name: "many", LT: "v0.1.0"}
	for i := range 250 {
		many.Runs = append(many.Runs, runAt(i, passing(), "ci"))
	}
	return map[string]*History{"whole": whole, "hostile": evil, "empty": {Name: "none"}, "many": many}
}

func historyText(t *testing.T, h *History) string {
	t.Helper()
	var b strings.Builder
	if err := HistoryHTML(&b, h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHistory(t *testing.T) {
	for name, h := range histories() {
		page := historyText(t, h)
		if page != historyText(t, histories()[name]) {
			t.Errorf("%s: two renderings differ", name)
		}
		if strings.Contains(page, "<script") {
			t.Errorf("%s: a hostile name got through", name)
		}
		if name == "whole" {
			golden(t, "history.html", page)
			for _, want := range []string{">No run of it is here.", `href="suite-11/light/report.html"`, "main-1 (from here on)", "x could not be read"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: no %s", name, want)
				}
			}
			for _, tr := range newHistoryPage(h).Trends {
				if tr.Title != "peak" || len(tr.Charts) == 0 {
					continue
				}
				rows := tr.Charts[0].Rows
				if len(rows) != 12 || rows[7][1] != "INVALID" || rows[7][3] != none || rows[0][3] == none {
					t.Errorf("peak: %v", rows)
				}
				if n := len(tr.Charts[0].Marks); n != 2 {
					t.Errorf("peak: %d marks of a baseline, want 2", n)
				}
			}
		}
	}
}

// TestBrowserSheets: the sheet and the index fit every width, and ask nobody for
// anything; the sheet of four runs prints on one page.
func TestBrowserSheets(t *testing.T) {
	b := newBrowser(t)
	pages := map[string]string{}
	for name, s := range sheets(t) {
		pages["review-"+name], _, _, _ = sheetText(t, s)
	}
	for name, h := range histories() {
		pages["history-"+name] = historyText(t, h)
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			ctx := b.show(t, name, page)
			for _, theme := range []string{"light", "dark"} {
				for _, width := range []int64{360, 1280, 1920} {
					view(t, ctx, width, theme)
					if over := eval[float64](t, ctx, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
						t.Errorf("at %d px the page scrolls sideways by %v px", width, over)
					}
					if name != "history-many" {
						b.screenshot(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, theme))
					}
				}
			}
			if got := eval[string](t, ctx, "getComputedStyle(document.querySelector('section')).borderTopStyle"); got != "solid" {
				t.Errorf("the page's own style does not apply: border %q", got)
			}
			if n := eval[float64](t, ctx, "document.querySelectorAll('img, iframe, script, [onerror]').length"); n != 0 {
				t.Errorf("%v elements that lt does not write", n)
			}
		})
	}
}
