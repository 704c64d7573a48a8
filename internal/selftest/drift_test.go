package selftest

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// verifying skips the counted suites where they were not asked for.
func verifying(t *testing.T) {
	t.Helper()
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs the counted suites")
	}
}

// TestDriftOfHours is a short look at what TestVerifyStats counts.
func TestDriftOfHours(t *testing.T) {
	report(t, []Table{driftTable(Options{Seed: 1, Repetitions: 6})})
}

// TestVerifyDriftOfHours: of 100 stable hours at most 5 may be called anything
// else, all tests together; what degrades and what has episodes is found in all.
func TestVerifyDriftOfHours(t *testing.T) {
	verifying(t)
	report(t, []Table{driftTable(Options{Seed: 1, Repetitions: 100})})
}

// TestVerifyStats holds what lt promises of its statistics, in full with
// LT_SOAK=1: those are the tables of docs/statistics.md.
func TestVerifyStats(t *testing.T) {
	verifying(t)
	o := Short()
	if os.Getenv("LT_SOAK") != "" {
		o = Standard()
	}
	report(t, append(thresholdTables(o), pairTables(o)...))
}

func report(t *testing.T, tables []Table) {
	t.Helper()
	var b bytes.Buffer
	if err := Markdown(&b, tables); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	for _, table := range tables {
		if len(table.Rows) == 0 || len(table.Rows[0]) != len(table.Head) {
			t.Errorf("%s: %d columns, heads for %d", table.Title, len(table.Rows), len(table.Head))
		}
		for _, s := range table.Broken {
			t.Error(s)
		}
	}
}

func TestBrokenPromisesAreSaid(t *testing.T) {
	if got := atLeast(100, .95); got != 95 {
		t.Errorf("at least %d of 100 stable hours, want 95", got)
	}
	if got := atMost(1000, .05); got != 50 {
		t.Errorf("at most %d of 1000 pairs, want 50", got)
	}
	if got := atLeast(20, .95); got < 16 || got > 18 {
		t.Errorf("at least %d of 20", got)
	}
	var b bytes.Buffer
	if err := Markdown(&b, []Table{{Title: "T", Head: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}, Broken: []string{"it leaks"}}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "| a | b |\n|---|--:|\n| 1 | 2 |\n\nNot as promised: it leaks") {
		t.Error(b.String())
	}
}
