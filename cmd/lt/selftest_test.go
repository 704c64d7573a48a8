package main

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// TestVerifyOracles holds lt against loads whose answers are known. Counts must be
// exact on any machine; times are judged where it could keep time: others did not use
// it meanwhile, by the rule that stamps a run "shared machine", and lt's own starts were
// in time.
func TestVerifyOracles(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("counted suite: make verify")
	}
	const d = 12 * time.Second
	// In two parts, so that the burst after one freeze is not in the others' figures.
	parts := [][]*oracle{
		{paced(5000, 5*time.Second), stalled(500, time.Second, 10*time.Second, 31*time.Second, 10_000)},
		{stalled(500, time.Second, 10*time.Second, 31*time.Second, 20), stalled(100, 500*time.Millisecond, 4*time.Second, 13*time.Second, 100)},
	}
	rates, seeds := []float64{25, 50, 100, 150, 200}, uint64(3)
	if os.Getenv("LT_SOAK") == "" {
		seeds = 1
	}
	for _, rate := range rates {
		for seed := range seeds {
			parts[0] = append(parts[0], queued(rate, .6, d, seed))
		}
		parts[1] = append(parts[1], delayed(rate, time.Duration(1000/rate)*time.Millisecond, d, 1))
	}
	judged := 0
	look := func(o *oracle, found []oracleFinding) {
		for _, f := range found {
			if f.Unit == "ms" && f.Busy {
				if !f.Pass {
					t.Logf("not judged, the machine was busy: %s: %s is %.3f ms, the truth %.3f, allowed %.3f to %.3f", o.name, f.Figure, f.Measured, f.Truth, f.Low, f.High)
				}
				continue
			}
			judged++
			if !f.Pass {
				t.Errorf("%s: %s is %.3f %s, the truth %.3f, allowed %.3f to %.3f", o.name, f.Figure, f.Measured, f.Unit, f.Truth, f.Low, f.High)
			}
		}
	}
	oracles := 0
	for _, part := range parts {
		oracles += len(part)
		if err := runOracles(context.Background(), part, look); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d figures were judged", judged)
	if judged < 3*oracles { // counts are, however busy the machine is
		t.Errorf("only %d", judged)
	}
}

// TestOraclesFindAFault makes mistakes that other tools make, and sees that the
// oracle of a stall finds each.
func TestOraclesFindAFault(t *testing.T) {
	o := stalled(100, time.Second, 10*time.Second, 31*time.Second, 100)
	model := o.model()
	var due, response []time.Duration
	for i := range 3100 {
		at := time.Duration(i) * 10 * time.Millisecond
		due = append(due, at)
		response = append(response, model(at)-at+300*time.Microsecond)
	}
	snapshot := func(keep func(i int) bool, change func(i int, d time.Duration) time.Duration) *metric.Snapshot {
		e := metric.EndpointSnapshot{}
		s := &metric.Snapshot{}
		for i, d := range response {
			if keep(i) {
				s.Iterations++
				e.Response.Record(change(i, d))
			}
		}
		e.Requests = e.Response.Count
		s.Endpoints = []metric.EndpointSnapshot{e}
		return s
	}
	all := func(int) bool { return true }
	same := func(_ int, d time.Duration) time.Duration { return d }
	lateness := make([]time.Duration, len(due))
	for name, c := range map[string]struct {
		sum  *metric.Snapshot
		pass bool
	}{
		"the truth": {snapshot(all, same), true},
		"timed from the sending": {snapshot(all, func(_ int, d time.Duration) time.Duration {
			return min(d, 50*time.Millisecond)
		}), false},
		"victims left out": {snapshot(func(i int) bool { return response[i] < 500*time.Millisecond }, same), false},
		"all 4 % too slow": {snapshot(all, func(_ int, d time.Duration) time.Duration { return d * 104 / 100 }), false},
	} {
		pass := true
		for _, f := range o.judge(due, lateness, c.sum) {
			pass = pass && f.Pass
		}
		if pass != c.pass {
			t.Errorf("%s: pass is %v", name, pass)
		}
	}
	// How late the server's log says it was is the server's.
	late := slices.Repeat([]time.Duration{40 * time.Millisecond}, len(due))
	for _, f := range o.judge(due, late, snapshot(all, func(_ int, d time.Duration) time.Duration { return d + 40*time.Millisecond })) {
		if !f.Pass {
			t.Errorf("a late server: %+v", f)
		}
	}
}
