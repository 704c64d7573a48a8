//go:build linux

package main

import (
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// repetitions are how often each case of the suites below is run: a few, or with
// LT_SOAK=1 the twenty that the promise is about.
func repetitions(t *testing.T, few int) int {
	t.Helper()
	switch {
	case os.Getenv("LT_VERIFY") == "":
		t.Skip("LT_VERIFY=1 runs the counted suites")
	case os.Getenv("LT_SOAK") != "":
		return 20
	}
	return few
}

// crowded reports whether others used the machine: what such a run says of the
// generator is true, and no verdict on the rules.
func crowded(r *run.Result) bool {
	return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "shared machine") })
}

// TestVerifyHealthyRunsAreValid has the reference platform and the generator on
// one machine: no such run, shortened, is INVALID. Where the machine was busy with
// other things, the run must at least say so.
func TestVerifyHealthyRunsAreValid(t *testing.T) {
	n := repetitions(t, 1)
	loads := [][]string{
		{"light", "-d", "6s"},
		{"normal", "-d", "6s", "-u", "50", "--spawn-rate", "50"},
		{"peak", "-d", "6s", "-u", "200", "--spawn-rate", "100"},
		{"endurance", "-d", "6s", "-u", "100", "--spawn-rate", "100"},
		{"ci", "-d", "6s"},
	}
	if os.Getenv("LT_SOAK") != "" {
		loads = append(loads, []string{"peak", "-d", "20s"}, []string{"spike", "--stage", "4s:10", "--stage", "2s:200", "--stage", "6s:200", "--stage", "2s:10"},
			[]string{"step", "--stage", "5s:10", "--stage", "5s:50", "--stage", "5s:100"})
	}
	for _, args := range loads {
		t.Run(args[0]+args[2], func(t *testing.T) { healthy(t, n, args) })
	}
}

func healthy(t *testing.T, n int, args []string) {
	for i := range n {
		s := start(t, append([]string{"run", "--reference", "--on-inconclusive", "warn"}, args...)...)
		code := s.exit(30 * time.Second)
		r := s.result()
		t.Logf("%s %d: exit %d, %s, start delay P99 %.1f ms, %d stalls, %q", args[0], i+1, code, r.Verdict, delayP99(r), r.Generator.Stalls, r.Notes)
		if r.Verdict != verdict.Invalid {
			continue
		}
		if !crowded(r) {
			t.Errorf("%v is INVALID: %q", args, r.Generator.Validity)
		}
	}
}

func delayP99(r *run.Result) float64 {
	if r.Generator.StartDelay == nil {
		return 0
	}
	return r.Generator.StartDelay.P99
}

// TestVerifyStarvedGeneratorIsInvalid starves lt, not its target: by one stop of
// 1.5 s, and by a slice of a processor. Both are INVALID each time.
func TestVerifyStarvedGeneratorIsInvalid(t *testing.T) {
	n := repetitions(t, 1)
	url, _ := fine(t)
	args := []string{"run", url, "-d", "10s", "--rate", "200/s", "--threshold", "p95 < 500ms"}
	for i := range n {
		s := start(t, args...)
		s.running(3)
		s.stop(1500 * time.Millisecond)
		if code := s.exit(20 * time.Second); code != exitInvalid {
			t.Errorf("stopped for 1.5 s, run %d: exit %d\n%s", i+1, code, s.stdout.String())
		}
		s = start(t, args...)
		s.running(1)
		for s.alive() { // 50 ms in each quarter of a second
			s.stop(200 * time.Millisecond)
			time.Sleep(50 * time.Millisecond)
		}
		if code := s.exit(30 * time.Second); code != exitInvalid {
			t.Errorf("with a fifth of the time, run %d: exit %d\n%s", i+1, code, s.stdout.String())
		}
	}
}

// stop stops the process for so long.
func (s *started) stop(d time.Duration) {
	s.Process.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	s.Process.Signal(syscall.SIGCONT)
}

func (s *started) alive() bool {
	select {
	case err := <-s.ended:
		s.ended <- err
		return false
	default:
		return true
	}
}

// TestVerifyStarvedTargetIsNotInvalid starves the target, which is another
// process, of its processor in the same ways: that is the target's own trouble,
// and never makes the run INVALID.
func TestVerifyStarvedTargetIsNotInvalid(t *testing.T) {
	n := repetitions(t, 1)
	for i := range n {
		addr := freeAddr(t)
		target := lt(t, "serve", "gateway", "--addr", addr)
		target.Env = append(target.Env, "LT_UPSTREAM_KEY=0123456789abcdef0123456789")
		if err := target.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { target.Process.Kill() })
		s := start(t, "run", "http://"+addr+"/health/live", "--wait", "60s", "-d", "8s", "--rate", "100/s", "--threshold", "p95 < 100ms")
		s.running(1)
		for s.alive() {
			target.Process.Signal(syscall.SIGSTOP)
			time.Sleep(300 * time.Millisecond)
			target.Process.Signal(syscall.SIGCONT)
			time.Sleep(50 * time.Millisecond)
		}
		code := s.exit(30 * time.Second)
		r := s.result()
		target.Process.Kill()
		target.Wait()
		t.Logf("run %d: exit %d, %s %q", i+1, code, r.Verdict, r.Reasons)
		if code == exitInvalid && !crowded(r) || r.Verdict == verdict.Pass {
			t.Errorf("run %d: exit %d, %s %q", i+1, code, r.Verdict, r.Generator.Validity)
		}
	}
}

// freeAddr is a loopback address that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
