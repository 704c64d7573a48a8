//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

// bench skips but for make bench: what it measures depends on the machine.
func bench(t *testing.T) {
	t.Helper()
	if os.Getenv("LT_BENCH") == "" {
		t.Skip("measures this machine: make bench")
	}
}

// released builds lt as it is released.
func released(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "lt")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func TestBenchBinary(t *testing.T) {
	bench(t)
	bin := released(t)
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("binary: %.1f MB", float64(info.Size())/1e6)
	if info.Size() > 40e6 {
		t.Error("the binary is over 40 MB")
	}
	var times []time.Duration
	for range 11 {
		begin := time.Now()
		if err := exec.Command(bin, "--help").Run(); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	t.Logf("lt --help: median %v, slowest %v", times[5], times[10])
	if times[5] > 50*time.Millisecond {
		t.Error("lt --help takes over 50 ms")
	}
}

// measured runs lt and gives its result and what it cost.
func measured(t *testing.T, bin string, args ...string) (*run.Result, *syscall.Rusage, string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(bin, append([]string{"run"}, append(args, "-q")...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	cmd.Run() // whatever its verdict
	b, err := os.ReadFile(filepath.Join(dir, "lt-results", "latest", run.ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	var r run.Result
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r, cmd.ProcessState.SysUsage().(*syscall.Rusage), dir
}

// resident is the most memory that the run found itself to have, in MiB. What the
// system says of a child that has ended may be the memory of its parent.
func resident(t *testing.T, r *run.Result) float64 {
	t.Helper()
	if r.Generator.RSSMax == nil {
		t.Fatal("this system does not tell")
	}
	return float64(*r.Generator.RSSMax) / (1 << 20)
}

// TestBenchWaitingUsers measures 5,000 users that each wait 1 s for their answer.
func TestBenchWaitingUsers(t *testing.T) {
	bench(t)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }))
	defer server.Close()
	r, _, _ := measured(t, released(t), server.URL, "-u", "5000", "--spawn-rate", "1000/s", "-d", "20s", "--no-thresholds")
	peak := resident(t, r)
	t.Logf("5,000 waiting users: %.0f MiB resident at most, %.0f requests/s, p50 %.1f ms", peak, *r.Totals.Throughput, r.Totals.Response.P50)
	if peak > 100 {
		t.Error("over 100 MiB")
	}
}

// TestBenchEndurance runs minutes at a high rate: memory must not grow after the
// first one. The number of users is capped, for a busy machine would add some.
func TestBenchEndurance(t *testing.T) {
	bench(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }))
	defer server.Close()
	_, _, dir := measured(t, released(t), server.URL, "--rate", "3000/s", "--max-users", "200", "-d", "11m", "--no-thresholds")
	f, err := os.Open(filepath.Join(dir, "lt-results", "latest", run.IntervalsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var minutes []float64 // highest resident size in MiB
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var iv run.Interval
		if err := json.Unmarshal(line, &iv); err != nil {
			t.Fatal(err)
		}
		m := int(iv.Offset / time.Minute)
		for len(minutes) <= m {
			minutes = append(minutes, 0)
		}
		minutes[m] = max(minutes[m], float64(iv.Health.RSS)/(1<<20))
	}
	t.Logf("resident MiB, minute by minute: %.1f", minutes)
	if len(minutes) < 10 {
		t.Fatalf("only %d minutes", len(minutes))
	}
	if first, last := minutes[1], minutes[9]; last > first*1.1+1 {
		t.Errorf("memory grew from %.1f to %.1f MiB", first, last)
	}
}

// TestBenchCost compares requests per second of the generator's processor time
// with wrk's, each on a core of its own beside the server's, in turn.
func TestBenchCost(t *testing.T) {
	bench(t)
	for _, tool := range []string{"wrk", "taskset"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED SUITE: %s is not installed", tool)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 200)) }))
	defer server.Close()
	// The server's threads go to core 1 as far as they exist; generators to core 0.
	exec.Command("taskset", "-a", "-p", "-c", "1", strconv.Itoa(os.Getpid())).Run()
	defer exec.Command("taskset", "-a", "-p", "-c", "0,1", strconv.Itoa(os.Getpid())).Run()
	bin := released(t)
	requests := regexp.MustCompile(`(\d+) requests in`)
	cpu := func(u *syscall.Rusage) float64 { return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9 }
	var ratios []float64
	for range 5 {
		wrk := exec.Command("taskset", "-c", "0", "wrk", "-t1", "-c64", "-d5s", server.URL)
		out, err := wrk.Output()
		if err != nil {
			t.Fatal(err)
		}
		m := requests.FindSubmatch(out)
		if m == nil {
			t.Fatalf("wrk says:\n%s", out)
		}
		n, _ := strconv.ParseFloat(string(m[1]), 64)
		his := n / cpu(wrk.ProcessState.SysUsage().(*syscall.Rusage))

		pinned := filepath.Join(t.TempDir(), "lt")
		script := "#!/bin/sh\nGOMAXPROCS=1 exec taskset -c 0 " + bin + " \"$@\"\n"
		if err := os.WriteFile(pinned, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		r, usage, _ := measured(t, pinned, server.URL, "-u", "64", "-d", "5s", "--no-thresholds")
		ours := float64(r.Totals.Requests+r.Warmup.Requests) / cpu(usage)
		ratios = append(ratios, ours/his)
		t.Logf("requests per CPU-second: lt %.0f, wrk %.0f, ratio %.2f", ours, his, ours/his)
	}
	slices.Sort(ratios)
	t.Logf("median ratio %.2f", ratios[len(ratios)/2])
}
