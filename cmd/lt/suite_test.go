//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCtrlCEndsASuiteAndWritesItsIndex(t *testing.T) {
	t.Parallel()
	url, seen := fine(t)
	workload := filepath.Join(t.TempDir(), "quick.yaml")
	if err := os.WriteFile(workload, []byte("personas: {one: {tasks: [{name: t, steps: [{get: /}]}]}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := start(t, "run", "suite", "--target", url, "--workload", workload, "-u", "2", "--spawn-rate", "100", "-d", "10m", "--cooldown", "10m")
	s.running(2)
	s.Process.Signal(syscall.SIGINT)
	if code := s.exit(5 * time.Second); code != 130 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
	r := s.result()
	if all := r.Totals.Requests + r.Warmup.Requests + r.Preflight.Requests; r.Scenario != "light" || all != seen.Load() {
		t.Errorf("%s: %d requests, the server saw %d", r.Scenario, all, seen.Load())
	}
	dirs, _ := filepath.Glob(filepath.Join(s.Dir, "lt-results", "suite-*", "*"))
	if len(dirs) != 2 {
		t.Errorf("%q, want light and index.html", dirs)
	}
	page, err := os.ReadFile(dirs[0])
	if err != nil || !strings.Contains(string(page), "NOT RUN") || !strings.Contains(string(page), "INTERRUPTED") || !strings.Contains(string(page), "The suite was interrupted before it.") {
		t.Errorf("%v: the index does not tell what was not run: %s", err, page)
	}
	if !strings.Contains(s.stderr.String(), "--continue lt-results/suite-") {
		t.Errorf("nothing says how to go on:\n%s", s.stderr.String())
	}
}

func TestCtrlCEndsACooldown(t *testing.T) {
	t.Parallel()
	url, _ := fine(t)
	workload := filepath.Join(t.TempDir(), "quick.yaml")
	if err := os.WriteFile(workload, []byte("personas: {one: {tasks: [{name: t, steps: [{get: /}]}]}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := start(t, "run", "suite", "--target", url, "--workload", workload, "-u", "2", "--spawn-rate", "100", "-d", "1s", "--cooldown", "50m")
	s.until("the index after the first scenario", func() bool {
		found, _ := filepath.Glob(filepath.Join(s.Dir, "lt-results", "suite-*", "index.html"))
		return len(found) == 1
	})
	s.Process.Signal(syscall.SIGTERM)
	if code := s.exit(2 * time.Second); code != 143 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
	if r := s.result(); r.Scenario != "light" || r.Interrupted != "" {
		t.Errorf("%s, interrupted %q", r.Scenario, r.Interrupted)
	}
	if !strings.Contains(s.stdout.String(), "INCOMPLETE  Of 4 scenarios: 1 passed, 3 not run") {
		t.Errorf("the table does not say what is missing:\n%s", s.stdout.String())
	}
}

func TestSuiteExitCode(t *testing.T) {
	const target, own = true, false
	for _, c := range []struct {
		codes  []suiteCode
		signal int32
		want   int
	}{
		{[]suiteCode{{0, own}, {0, own}}, 0, 0},
		{[]suiteCode{{0, own}, {5, own}}, 0, 5},
		{[]suiteCode{{5, own}, {98, own}}, 0, 98},
		{[]suiteCode{{98, own}, {99, own}, {5, own}}, 0, 99},
		{[]suiteCode{{4, own}, {99, own}}, 0, 4},
		{[]suiteCode{{4, own}, {99, target}}, 0, 99},
		{[]suiteCode{{4, own}, {0, own}}, 130, 130},
		{[]suiteCode{{99, target}, {130, own}}, 130, 99},
		{[]suiteCode{{99, target}, {1, own}}, 0, 1},
		{[]suiteCode{{3, own}, {1, own}}, 0, 3},
		{[]suiteCode{{0, own}, {0, own}}, 143, 143},
	} {
		u := &suite{codes: c.codes, signals: &interrupts{}}
		u.signals.code.Store(c.signal)
		if got := u.exitCode(); got != c.want {
			t.Errorf("%v, signal %d: exit code %d, want %d", c.codes, c.signal, got, c.want)
		}
	}
}
