package scenarios

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// Every mistake of a file is reported, at its place, in words that say what to
// write instead.
func TestMistakes(t *testing.T) {
	files, _ := filepath.Glob("testdata/broken/*.yaml")
	if len(files) < 60 {
		t.Fatalf("only %d broken files", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			s, err := Parse(name+".yaml", data)
			// Tenfold, and as much again for the race detector: what is quadratic takes far longer.
			if took := time.Since(start); took > 60*time.Second {
				t.Errorf("took %v", took)
			}
			var ms Mistakes
			if !errors.As(err, &ms) || s != nil {
				t.Fatalf("Parse = %v, %v; want Mistakes", s, err)
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, _ := os.ReadFile(golden)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

// A hostile file costs seconds at most.
func TestHostile(t *testing.T) {
	rows := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "%d", strconv.Itoa(i)))
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"values":    "personas: {a: {tasks: [{post: /, body: \"" + strings.Repeat("${a}", 200_000) + "\"}]}}",
		"open":      "personas: {a: {tasks: [{post: /, body: \"" + strings.Repeat("${", 400_000) + "\"}]}}",
		"variables": "personas:\n  a:\n    start:\n      - {get: /, save: {" + rows(5_000, "v%d: $.a, ") + "}}\n    tasks:\n      - {post: /, body: '" + rows(10_000, "${w%d}") + "'}\n" + rows(990, "      - {get: '/%d'}\n"),
		"keys":      rows(20_000, "k%d: 1\n"),
		"personas":  "personas:\n" + rows(20_000, "  p%d: {weight: 999, tasks: [{get: /}]}\n"),
		"pools":     "personas: {a: {tasks: [{post: /, push: {" + rows(20_000, "p%d: $.a, ") + "}}]}}",
		"scopes":    "thresholds: [" + rows(10_000, "'p95{GET /%d*x*y} < 1s', ") + "]\npersonas: {a: {tasks: [" + rows(990, "{get: '/%d'}, ") + "]}}",
		"depth":     strings.Repeat("[", 500_000),
		"braces":    "personas: {a: {tasks: [{post: /, json: \"${" + strings.Repeat("(", 4000) + "}\", check: '" + strings.Repeat("(", 4000) + "'}]}}",
		"filter":    "personas: {a: {tasks: [{post: /, save: {a: '$[?" + strings.Repeat("(", 4000) + "'}}]}}",
		"too large": "# " + strings.Repeat("x", maxFile),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse("hostile.yaml", []byte(text))
			var ms Mistakes
			if !errors.As(err, &ms) {
				t.Errorf("Parse = %v", err)
			}
			// Tenfold, and as much again for the race detector: what is quadratic takes far longer.
			if took := time.Since(start); took > 60*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// The example of the package's documentation is a scenario.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(data), "how many there are:\n//\n")
	example, _, _ = strings.Cut(example, "//\n// A file goes")
	if _, err := Parse("doc.yaml", []byte(strings.ReplaceAll(example, "//\t", ""))); err != nil {
		t.Error(err)
	}
}
