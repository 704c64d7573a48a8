//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// TestBenchManyUsers measures 15,000 users that think between their requests.
func TestBenchManyUsers(t *testing.T) {
	bench(t)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < 16_000 {
		t.Skipf("15,000 users need as many descriptors; the hard limit is %d", limit.Max)
	}
	server, _ := fine(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "many.yaml")
	text := "name: many\nload: {users: 15000, spawn_rate: 1500/s, duration: 30s}\npersonas:\n  p: {think: 5s-15s, tasks: [{get: /}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r, _, _ := measured(t, released(t), file, "--target", server, "--no-thresholds")
	peak := resident(t, r)
	t.Logf("15,000 thinking users: %.0f MiB resident at most, %.0f requests/s, start delay P50 %.2f P99 %.2f ms, failed %d, valid %v",
		peak, *r.Totals.Throughput, r.Generator.StartDelay.P50, r.Generator.StartDelay.P99, r.Totals.Failed, r.Generator.Valid)
	if peak > 300 {
		t.Error("over 300 MiB")
	}
	if r.Totals.Failed > 0 {
		t.Errorf("%d requests failed", r.Totals.Failed)
	}
}

// TestBenchTwoProcessors compares the requests per second of processor time with
// one and with two processors, in turn.
func TestBenchTwoProcessors(t *testing.T) {
	bench(t)
	server, _ := fine(t)
	bin := released(t)
	var ratios []float64
	for range 5 {
		per := map[int]float64{}
		for _, procs := range []int{1, 2} {
			script := filepath.Join(t.TempDir(), "lt")
			if err := os.WriteFile(script, []byte("#!/bin/sh\nGOMAXPROCS="+strconv.Itoa(procs)+" exec "+bin+" \"$@\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			r, usage, _ := measured(t, script, server, "-u", "64", "-d", "4s", "--no-thresholds")
			cpu := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
			per[procs] = float64(r.Totals.Requests+r.Warmup.Requests) / cpu
		}
		ratios = append(ratios, per[2]/per[1])
		t.Logf("requests per CPU-second: %.0f with one processor, %.0f with two, ratio %.2f", per[1], per[2], per[2]/per[1])
	}
	slices.Sort(ratios)
	if t.Logf("median ratio %.2f", ratios[2]); ratios[2] < .9 {
		t.Error("under 0.9")
	}
}
