//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

// tenfold is a deadline's slack on a busy machine.
const tenfold = 10

// A started is an lt under way.
type started struct {
	*exec.Cmd
	t              *testing.T
	stdout, stderr bytes.Buffer
	ended          chan error
}

// start starts lt and sees to its end.
func start(t *testing.T, args ...string) *started {
	t.Helper()
	s := &started{Cmd: lt(t, args...), t: t, ended: make(chan error, 1)}
	s.Stdout, s.Stderr = &s.stdout, &s.stderr
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.Wait() }()
	t.Cleanup(func() { s.Process.Kill() })
	return s
}

// latest is a file of the newest run.
func (s *started) latest(name string) string {
	return filepath.Join(s.Dir, "lt-results", "latest", name)
}

// running waits until the journal has n lines.
func (s *started) running(n int) {
	s.t.Helper()
	s.until("the journal's lines", func() bool {
		b, err := os.ReadFile(s.latest(run.IntervalsFile))
		return err == nil && bytes.Count(b, []byte("\n")) >= n
	})
}

func (s *started) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(tenfold * 6 * time.Second)
	for !ok() {
		select {
		case err := <-s.ended:
			s.t.Fatalf("lt ended before %s came: %v\n%s", what, err, s.stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s did not come", what)
		}
	}
}

// exit waits for the end and returns the exit code.
func (s *started) exit(within time.Duration) int {
	s.t.Helper()
	select {
	case err := <-s.ended:
		var e *exec.ExitError
		if errors.As(err, &e) {
			return e.ExitCode()
		} else if err != nil {
			s.t.Fatal(err)
		}
		return 0
	case <-time.After(tenfold * within):
		s.t.Fatalf("lt did not end within %v\n%s", tenfold*within, s.stderr.String())
		return -1
	}
}

func (s *started) result() *run.Result {
	s.t.Helper()
	for _, mistake := range invalidFiles(filepath.Dir(s.latest(run.ResultFile))) {
		s.t.Error(mistake)
	}
	b, err := os.ReadFile(s.latest(run.ResultFile))
	if err != nil {
		s.t.Fatal(err)
	}
	var r run.Result
	if err := json.Unmarshal(b, &r); err != nil {
		s.t.Fatal(err)
	}
	return &r
}

// fine is a target that answers at once and counts what it saw.
func fine(t *testing.T) (url string, seen *atomic.Int64) {
	seen = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		io.WriteString(w, "fine")
	}))
	t.Cleanup(s.Close)
	return s.URL, seen
}

func TestASignalStopsARunAndReportsIt(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			url, seen := fine(t)
			s := start(t, "run", url, "-u", "2", "-d", "10m")
			s.running(2)
			if err := s.Process.Signal(syscall.SIGHUP); err != nil { // a lost terminal ends no run
				t.Fatal(err)
			}
			s.running(3)
			s.Process.Signal(c.signal)
			if code := s.exit(5 * time.Second); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, s.stderr.String())
			}
			r := s.result()
			if r.Interrupted != "interrupted" || !r.Complete || r.ExitCode == nil || *r.ExitCode != c.code {
				t.Errorf("interrupted %q, complete %v, exit code %v", r.Interrupted, r.Complete, r.ExitCode)
			}
			if all := r.Totals.Requests + r.Warmup.Requests + r.Preflight.Requests; all != seen.Load() {
				t.Errorf("totals + warm-up + preflight = %d, the server saw %d", all, seen.Load())
			}
			for _, name := range []string{run.HTMLFile, run.MarkdownFile} {
				if _, err := os.Stat(s.latest(name)); err != nil {
					t.Error(err)
				}
			}
			if !strings.Contains(s.stdout.String(), "INTERRUPTED") {
				t.Errorf("the summary does not say so:\n%s", s.stdout.String())
			}
		})
	}
}

func TestASecondCtrlCStopsAtOnce(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if n.Add(1) > 1 { // the preflight's is answered
			<-stuck
		}
	}))
	defer server.Close()
	defer close(stuck)
	s := start(t, "run", server.URL, "-u", "3", "-d", "10m", "--timeout", "9m")
	s.running(1)
	s.Process.Signal(syscall.SIGINT)
	s.until("the word that it stops", func() bool {
		events, _ := os.ReadFile(s.latest(run.IntervalsFile))
		return bytes.Contains(events, []byte(`"interrupted"`))
	})
	s.Process.Signal(syscall.SIGINT)
	// By the target's own fault or not: nothing was answered.
	if code := s.exit(3 * time.Second); code != 130 && code != 99 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
	if r := s.result(); len(r.Failures) != 1 || r.Failures[0].Class != "aborted" || r.Failures[0].Count != 3 {
		t.Errorf("failures %+v, want 3 aborted", r.Failures)
	}
}

func TestAKilledRunIsReportedFromItsJournal(t *testing.T) {
	t.Parallel()
	url, _ := fine(t)
	s := start(t, "run", url, "-u", "2", "-d", "10m")
	s.running(4)
	s.Process.Kill()
	<-s.ended
	partial(t, s)
}

// partial renders what a killed run left, and checks that the journal's last
// line is missing at most.
func partial(t *testing.T, s *started) {
	t.Helper()
	lines, err := os.ReadFile(s.latest(run.IntervalsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, mistake := range invalidFiles(filepath.Dir(s.latest(run.PlanFile))) {
		t.Error(mistake)
	}
	report := lt(t, "report", "latest", "--format", "json")
	report.Dir = s.Dir
	out, err := report.Output()
	if err != nil {
		t.Fatalf("lt report: %v", err)
	}
	var r run.Result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(lines, []byte("\n")); r.Complete || r.ExitCode != nil || len(r.Timeline) < n-1 {
		t.Errorf("complete %v; %d points of %d intervals", r.Complete, len(r.Timeline), n)
	}
	words := lt(t, "report", "latest")
	words.Dir = s.Dir
	if out, err := words.Output(); err != nil || !strings.Contains(string(out), "PARTIAL") {
		t.Errorf("%v: the summary does not say PARTIAL:\n%s", err, out)
	}
}

// TestVerifyKills ends runs at random moments by every signal that may come,
// several runs at a time: each leaves a run that can be read, with all that its
// journal could hold but the interval that was under way.
func TestVerifyKills(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("counted suite: make verify")
	}
	n := 100
	if os.Getenv("LT_SOAK") != "" {
		n = 500
	}
	url, _ := fine(t)
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	turn := make(chan struct{}, 8) // so many at a time
	for i := range n {
		signal := signals[i%len(signals)]
		t.Run(fmt.Sprint(i, " ", signal), func(t *testing.T) {
			t.Parallel()
			turn <- struct{}{}
			defer func() { <-turn }()
			s := start(t, "run", url, "--rate", "100/s", "-d", "10m")
			s.running(1 + rand.IntN(2))
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond) // any moment of a second
			at := time.Now()
			s.Process.Signal(signal)
			if signal == syscall.SIGHUP { // ends no run: a lost terminal
				b, err := os.ReadFile(s.latest(run.IntervalsFile))
				if err != nil {
					t.Fatal(err)
				}
				s.running(bytes.Count(b, []byte("\n")) + 1)
				at = time.Now()
				s.Process.Kill()
			}
			if signal == syscall.SIGINT || signal == syscall.SIGTERM {
				if code, want := s.exit(10*time.Second), 128+int(signal); code != want {
					t.Errorf("exit code %d, want %d\n%s", code, want, s.stderr.String())
				}
				if r := s.result(); r.Interrupted != "interrupted" || !r.Complete {
					t.Errorf("interrupted %q, complete %v", r.Interrupted, r.Complete)
				}
				return
			}
			<-s.ended
			partial(t, s)
			p, err := run.LoadPlan(filepath.Dir(s.latest(run.PlanFile)))
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(s.latest(run.IntervalsFile))
			if err != nil {
				t.Fatal(err)
			}
			// One second, tenfold on a busy machine, is all that may be missing.
			held := time.Duration(bytes.Count(b, []byte("\n"))) * time.Second
			if missing := at.Sub(p.StartedAt) - held; missing > tenfold*time.Second {
				t.Errorf("%v of the run are in no line of the journal", missing)
			}
		})
	}
}

func TestATargetThatDiesIsAnOutage(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s := start(t, "run", server.URL, "-d", "8s", "--rate", "50/s")
	s.running(3)
	server.Close()
	if code := s.exit(10 * time.Second); code != 99 {
		t.Errorf("exit code %d, want 99\n%s%s", code, s.stdout.String(), s.stderr.String())
	}
	r := s.result()
	if len(r.Outages) != 1 || r.Outages[0].FromS < 2 || r.Outages[0].ToS < 7.5 {
		t.Errorf("outages %+v, want one from about 3 s to the end", r.Outages)
	}
	if !strings.Contains(strings.Join(r.Reasons, "\n"), "outage from") {
		t.Errorf("the reasons do not name the outage: %q", r.Reasons)
	}
}

func TestADeadStderrEndsNoRun(t *testing.T) {
	t.Parallel()
	url, _ := fine(t)
	s := &started{Cmd: lt(t, "run", url, "-u", "1", "-d", "6s"), t: t, ended: make(chan error, 1)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stderr = w
	s.Stdout = w
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.Close()
	s.ended <- s.Wait()
	if code := s.exit(time.Second); code != 1 && code != 0 {
		t.Errorf("exit code %d", code)
	}
	if res := s.result(); !res.Complete || res.DurationS < 6 {
		t.Errorf("complete %v after %v s", res.Complete, res.DurationS)
	}
}

// TestAStuckStderrHoldsNoRun: a terminal that nobody reads must not keep Ctrl-C
// from the load.
func TestAStuckStderrHoldsNoRun(t *testing.T) {
	t.Parallel()
	url, _ := fine(t)
	s := &started{Cmd: lt(t, "run", url, "-u", "1", "-d", "10m"), t: t, ended: make(chan error, 1)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	s.Stderr = w
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		s.Process.Kill()
		s.Wait()
	}()
	s.running(2)
	// A description of its own, so that only this side does not block.
	full, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		skipSuite(t, "this system has no /proc/self/fd")
	}
	defer syscall.Close(full)
	for _, size := range []int{4096, 1} {
		for err = nil; err == nil; {
			_, err = syscall.Write(full, make([]byte, size))
		}
	}
	s.Process.Signal(syscall.SIGINT)
	s.until("the interrupt", func() bool {
		events, _ := os.ReadFile(s.latest(run.IntervalsFile))
		return bytes.Contains(events, []byte(`"interrupted"`)) && bytes.Contains(events, []byte(`"final":true`))
	})
}
