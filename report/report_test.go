package report

import (
	"bytes"
	"flag"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render is the format's text of a fixture.
func render(t *testing.T, format, fixture string, o Options) string {
	t.Helper()
	f, ok := ByName(format)
	if !ok {
		t.Fatalf("no format %q", format)
	}
	var b bytes.Buffer
	if err := f.Render(&b, fixtures()[fixture], o); err != nil {
		t.Fatalf("%s of %s: %v", format, fixture, err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	small := map[string]bool{"failing": true, "inconclusive": true, "empty": true}
	large := map[string]bool{"html": true, "csv": true, "junit": true, "failures": true}
	for name := range fixtures() {
		for _, f := range Formats() {
			if f.Name == "json" || large[f.Name] && !small[name] {
				continue
			}
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				got := render(t, f.Name, name, Options{Dir: "lt-results/run"})
				if f.Name == "html" {
					got = withoutPlotter(t, got)
				}
				golden(t, name+"."+f.Name, got)
			})
		}
	}
}

func TestRenderingIsDeterministic(t *testing.T) {
	for name := range fixtures() {
		for _, f := range Formats() {
			if a, b := render(t, f.Name, name, Options{}), render(t, f.Name, name, Options{}); a != b {
				t.Errorf("%s of %s: two renderings differ", f.Name, name)
			}
		}
	}
}

func TestTerminalFits(t *testing.T) {
	for name := range fixtures() {
		for _, o := range []Options{{}, {Verbose: true}, {Width: 120, Verbose: true}, {Width: 60}} {
			width := o.Width
			if width == 0 {
				width = 80
			}
			for _, line := range strings.Split(render(t, "terminal", name, o), "\n") {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("%s %+v: %d columns: %q", name, o, n, line)
				}
			}
		}
	}
	for name, most := range map[string]int{"passing": 40, "invalid": 50, "failing": 58} {
		if n := strings.Count(render(t, "terminal", name, Options{Dir: "d"}), "\n"); n > most || n < 24 {
			t.Errorf("%s: the summary of 13 endpoints has %d lines, want 24 to %d", name, n, most)
		}
	}
}

func TestMarkdownIsShort(t *testing.T) {
	for name := range fixtures() {
		if n := strings.Count(render(t, "markdown", name, Options{}), "\n"); n >= 60 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
}

func TestNothingControlsTheReader(t *testing.T) {
	for _, f := range []string{"terminal", "markdown", "html"} {
		text := render(t, f, "hostile", Options{Verbose: true})
		for _, r := range text {
			if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Errorf("%s carries %U", f, r)
				break
			}
		}
		if f != "terminal" && strings.Contains(text, "<script>alert") {
			t.Errorf("%s carries a script of the target", f)
		}
		if !utf8.ValidString(text) {
			t.Errorf("%s is not UTF-8", f)
		}
	}
}

func TestColorIsAsked(t *testing.T) {
	if strings.Contains(render(t, "terminal", "failing", Options{}), "\x1b") {
		t.Error("colours without Options.Color")
	}
	if !strings.Contains(render(t, "terminal", "failing", Options{Color: true}), "\x1b[1;31mFAIL\x1b[0m") {
		t.Error("no colour with Options.Color")
	}
}

func TestNoLineIsACommandToGitHub(t *testing.T) {
	r := failing()
	r.Reasons = []string{"first", "::add-mask::x", strings.Repeat("w ", 36) + "::stop-commands::abc"}
	for i := range r.Failures {
		if e := r.Failures[i].First(); e != nil {
			e.Message = "##[error]x"
		}
	}
	var b strings.Builder
	if err := Terminal(&b, r, Options{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if text := strings.TrimSpace(line); strings.HasPrefix(text, "::") || strings.HasPrefix(text, "##[") {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(b.String(), "add-mask") || !strings.Contains(b.String(), "[error]x") {
		t.Error("the texts do not show at all")
	}
}

// withoutPlotter is a page without the text of uPlot, which golden files need not
// repeat.
func withoutPlotter(t *testing.T, page string) string {
	t.Helper()
	a, err := pageAssets()
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(page, string(a.chart))
	if !ok {
		t.Fatal("the page does not hold uPlot as it is shipped")
	}
	return before + "[uPlot]" + after
}
