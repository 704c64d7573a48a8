package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestValidity(t *testing.T) {
	starts := func(g *Generator, n int, delay time.Duration) {
		for range n {
			g.StartDelay.Record(delay)
		}
	}
	tests := []struct {
		name       string
		thresholds []string
		change     func(*Evidence)
		fault      string // part of the only fault
		note       string // part of the only note
	}{
		{name: "healthy", change: func(e *Evidence) { starts(&e.Generator, 1000, time.Millisecond) }},
		{name: "late", change: func(e *Evidence) { starts(&e.Generator, 1000, 30*time.Millisecond) }, fault: "P99 of the start delay is 30 ms, allowed 25 ms; use fewer users"},
		{name: "late, but within 5 % of the limit", thresholds: []string{"p95 < 2s"}, change: func(e *Evidence) { starts(&e.Generator, 1000, 30*time.Millisecond) }},
		{name: "late for the tightest limit", thresholds: []string{"p95 < 2s", "p50{GET /a} < 50ms"}, change: func(e *Evidence) { starts(&e.Generator, 1000, 6*time.Millisecond) }, fault: "allowed 5 ms"},
		{name: "late for a limit that only warns", thresholds: []string{"p95 < 500ms", "p50 < 10ms warn"}, change: func(e *Evidence) { starts(&e.Generator, 1000, 20*time.Millisecond) }},
		{name: "late for the baseline", change: func(e *Evidence) {
			e.BaselineP95 = 80 * time.Millisecond
			starts(&e.Generator, 1000, 9*time.Millisecond)
		}, fault: "P99 of the start delay is 9 ms, allowed 8 ms"},
		{name: "in time for a slow baseline", change: func(e *Evidence) {
			e.BaselineP95 = 2 * time.Second
			starts(&e.Generator, 1000, 24*time.Millisecond)
		}},
		{name: "one in a hundred late", change: func(e *Evidence) { starts(&e.Generator, 990, 0); starts(&e.Generator, 10, time.Second) }},
		{name: "more than that", change: func(e *Evidence) { starts(&e.Generator, 989, 0); starts(&e.Generator, 11, time.Second) }, fault: "started late"},
		{name: "four of few late", change: func(e *Evidence) { starts(&e.Generator, 40, 0); starts(&e.Generator, 4, time.Second) }},
		{name: "unsent", change: func(e *Evidence) { e.Model, e.Iterations, e.Unsent = metric.Open, 970, 30 }, fault: "30 of 1,000 iterations due were never started though users were free (3 %, allowed 1 %)"},
		{name: "hardly any unsent", change: func(e *Evidence) { e.Model, e.Iterations, e.Unsent = metric.Open, 990, 10 }},
		{name: "unsent means nothing in the closed model", change: func(e *Evidence) { e.Iterations, e.Unsent = 900, 100 }},
		{name: "a long stall", change: func(e *Evidence) {
			e.Generator.StallMax, e.Generator.StallTotal = 1500*time.Millisecond, 1500*time.Millisecond
		}, fault: "lt stood still for 1.5s (allowed 1s)"},
		{name: "many stalls", change: func(e *Evidence) {
			e.Generator.Stalls, e.Generator.StallMax, e.Generator.StallTotal = 7, 200*time.Millisecond, 700*time.Millisecond
		}, fault: "lt stood still 7 times, 700ms in all (allowed 600ms)"},
		{name: "one hiccup of a short run", change: func(e *Evidence) {
			e.Window, e.Generator.StallMax, e.Generator.StallTotal = 10*time.Second, 150*time.Millisecond, 150*time.Millisecond
		}},
		{name: "no ports", change: func(e *Evidence) { e.Generator.Attempted, e.Generator.Failed = 1000, 2 }, fault: "2 of 1,000 requests failed by lt's own fault (0.2 %, allowed 0.1 %)"},
		{name: "one of a thousand", change: func(e *Evidence) { e.Generator.Attempted, e.Generator.Failed = 1000, 1 }},
		{name: "busy, in time", change: func(e *Evidence) { e.Generator.CPUHigh = 6 * time.Second }, note: "lt used over 80 % of its 2 cores for 6s; requests started in time"},
		{name: "busy and half late", change: func(e *Evidence) {
			e.Generator.CPUHigh, e.Generator.CPUQuota = 6*time.Second, 1
			starts(&e.Generator, 1000, 15*time.Millisecond)
		}, fault: "lt used over 80 % of its 1 core for 6s, and iterations started late (P99 15 ms)"},
		{name: "busy for a moment", change: func(e *Evidence) {
			e.Generator.CPUHigh = 4 * time.Second
			starts(&e.Generator, 1000, 15*time.Millisecond)
		}},
		{name: "a closed loop without think time", change: func(e *Evidence) { e.Think, e.Generator.CPUHigh = false, time.Minute }, note: "generator-bound: lt used over 80 %"},
		{name: "clock", change: func(e *Evidence) { e.Generator.ClockJump = -90 * time.Second }, note: "the wall clock jumped by 1m30s"},
		{name: "steal", change: func(e *Evidence) { e.Generator.Steal, e.Generator.Crowded = 12, time.Minute }, note: "shared machine: the hypervisor took up to 12 %"},
		{name: "crowded", change: func(e *Evidence) {
			e.Generator.Steal, e.Generator.Crowded, e.Generator.Foreign = -1, 4*time.Second, 38
		}, note: "shared machine: for 4s of 1m other processes used 38 %"},
		{name: "crowded for a moment", change: func(e *Evidence) { e.Generator.Crowded, e.Generator.Foreign = 3*time.Second, 90 }},
		{name: "not complete", change: func(e *Evidence) { e.Complete = false }, note: "ended before its planned end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			thresholds := parse(t, tt.thresholds...)
			e := evidence(thresholds, 12, lot{name: "GET /a", requests: 1000})
			tt.change(&e)
			j := Judge(thresholds, e)
			if j.Valid != (tt.fault == "") {
				t.Errorf("valid %v", j.Valid)
			}
			only(t, "fault", j.Validity, tt.fault)
			only(t, "note", j.Notes, tt.note)
			if tt.fault != "" && j.Verdict != Invalid {
				t.Errorf("verdict %s", j.Verdict)
			}
		})
	}
}

func only(t *testing.T, what string, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) == 0:
	case want == "" || len(got) != 1 || !strings.Contains(got[0], want):
		t.Errorf("%ss %q, want %q", what, got, want)
	}
}
