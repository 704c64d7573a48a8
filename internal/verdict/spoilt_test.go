package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// spoil marks the first requests of a block as made in a spoilt stretch.
func spoil(e *Evidence, block int, length time.Duration, requests, failed int64, over ...int64) {
	e.Total.Blocks[block].Spoilt = &Spoilt{Length: length, Requests: requests, Failed: failed, Over: over}
	e.Spoilt += length
}

func TestBothWays(t *testing.T) {
	// A stall of 1.5 s in a minute: one second or two of sixty are spoilt.
	stalled := func(e *Evidence) {
		e.Generator.Stalls, e.Generator.StallMax, e.Generator.StallTotal = 1, 1500*time.Millisecond, 1500*time.Millisecond
	}
	tests := []struct {
		name       string
		thresholds []string
		lot        lot
		change     func(*Evidence)
		want       Verdict
		each       []Verdict
		note       string // part of the first note; empty: none
	}{
		{
			"passes both ways",
			[]string{"p95 < 500ms"},
			lot{requests: 6000},
			func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0, 0) }, Pass, nil,
			"the generator was not fit to measure in 2s of 1m: with these taken as all bad and as all good, the verdict is the same; lt stood still for 1.5s (allowed 1s)",
		},
		{"fails both ways", []string{"p95 < 500ms"}, lot{requests: 6000, over: 900}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0, 100) }, Fail, nil, "not fit to measure in 2s"},
		{"would fail if all were bad", []string{"p95 < 500ms"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 5*time.Second, 500, 0, 0) }, Invalid, nil, ""},
		{"a p99 has less room", []string{"p99 < 500ms"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0, 0) }, Invalid, nil, ""},
		{"fails by the spoilt stretch alone", []string{"p95 < 500ms"}, lot{requests: 6000, over: 500}, func(e *Evidence) { stalled(e); spoil(e, 3, 5*time.Second, 500, 0, 500) }, Invalid, nil, ""},
		{"one of two does not stand", []string{"p95 < 500ms", "p99 < 500ms"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0, 0) }, Invalid, []Verdict{Pass, Invalid}, ""},
		{"one that only warns does not", []string{"p95 < 500ms", "p99 < 500ms warn"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0, 0) }, Pass, []Verdict{Pass, Warn}, "not fit"},
		{"all of it spoilt", []string{"p95 < 500ms"}, lot{requests: 6000}, func(e *Evidence) {
			stalled(e)
			for i := range e.Total.Blocks {
				spoil(e, i, 5*time.Second, 500, 0, 0)
			}
		}, Invalid, nil, ""},
		{"nobody knows when", []string{"p95 < 500ms"}, lot{requests: 6000}, func(e *Evidence) { stalled(e) }, Invalid, nil, ""},
		{"nobody knows when, of one of two", []string{"p95 < 500ms"}, lot{requests: 6000}, func(e *Evidence) {
			stalled(e)
			spoil(e, 3, 2*time.Second, 200, 0, 0)
			e.Model, e.Unsent = metric.Open, 1000
		}, Invalid, nil, ""},
		{"a mean is not known", []string{"mean < 500ms"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0) }, Invalid, nil, ""},
		{"an error rate needs no timing, but something must be timed", []string{"error_rate < 1%"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0) }, Invalid, []Verdict{Pass}, ""},
		{"throughput both ways", []string{"throughput >= 90/s"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0) }, Pass, nil, "not fit"},
		{"throughput without the spoilt", []string{"throughput >= 98/s"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0) }, Invalid, nil, ""},
		{"goodput both ways", []string{"goodput >= 90%", "p95 < 500ms"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0, 0) }, Pass, nil, "not fit"},
		{"goodput with no room", []string{"goodput >= 98%"}, lot{requests: 6000}, func(e *Evidence) { stalled(e); spoil(e, 3, 2*time.Second, 200, 0) }, Invalid, nil, ""},
		{"windows both ways", []string{"p95 < 500ms for 10s"}, lot{requests: 6000}, func(e *Evidence) {
			stalled(e)
			spoil(e, 3, 2*time.Second, 200, 0, 0)
			e.Total.Spans = seconds(100, 60, nil, nil)
			e.Total.Spans[15].Spoilt, e.Total.Spans[16].Spoilt = true, true
		}, Pass, nil, "not fit"},
		{"a window that the spoilt decide", []string{"p95 < 500ms for 2s"}, lot{requests: 6000}, func(e *Evidence) {
			stalled(e)
			spoil(e, 3, 2*time.Second, 200, 0, 0)
			e.Total.Spans = seconds(100, 60, nil, nil)
			e.Total.Spans[15].Spoilt, e.Total.Spans[16].Spoilt = true, true
		}, Invalid, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			thresholds := parse(t, tt.thresholds...)
			e := evidence(thresholds, 12, tt.lot)
			e.Limits = LatencyLimits(thresholds, metric.Closed)
			e.Endpoints = nil
			for i := range e.Total.Blocks {
				e.Total.Blocks[i].Length = 5 * time.Second
			}
			tt.change(&e)
			j := Judge(thresholds, e)
			checkJudgement(t, j, tt.want, tt.each, "")
			if valid := tt.want != Invalid; j.Valid != valid || valid == (len(j.Validity) > 0) {
				t.Errorf("valid %v, %q", j.Valid, j.Validity)
			}
			if tt.note == "" && len(j.Notes) > 0 || tt.note != "" && (len(j.Notes) == 0 || !strings.Contains(j.Notes[0], tt.note)) {
				t.Errorf("notes %q, want %q", j.Notes, tt.note)
			}
		})
	}
}

func TestStretchSpoils(t *testing.T) {
	thresholds := parse(t, "p95 < 500ms", "p50 < 10ms warn")
	delays := func(n, late int, by time.Duration) *metric.Dist {
		var d metric.Dist
		for i := range n {
			if i < late {
				d.Record(by)
			} else {
				d.Record(time.Millisecond)
			}
		}
		return &d
	}
	for name, tt := range map[string]struct {
		s    Stretch
		want bool
	}{
		"nothing":             {Stretch{}, false},
		"in time":             {Stretch{StartDelay: delays(100, 0, 0), Attempted: 100}, false},
		"one of a hundred":    {Stretch{StartDelay: delays(100, 1, time.Second)}, false},
		"two of a hundred":    {Stretch{StartDelay: delays(100, 2, 26*time.Millisecond)}, true},
		"late within budget":  {Stretch{StartDelay: delays(100, 2, 24*time.Millisecond)}, false},
		"and busy":            {Stretch{StartDelay: delays(100, 2, 24*time.Millisecond), CPUHigh: true}, true},
		"busy, but in time":   {Stretch{StartDelay: delays(100, 0, 0), CPUHigh: true}, false},
		"a stall":             {Stretch{Stalls: 1}, true},
		"held up":             {Stretch{Late: 101 * time.Millisecond}, true},
		"a little late":       {Stretch{Late: 90 * time.Millisecond}, false},
		"stolen":              {Stretch{Steal: 6}, true},
		"steal not known":     {Stretch{Steal: -1}, false},
		"no ports":            {Stretch{Attempted: 1000, Failed: 2}, true},
		"one of a thousand":   {Stretch{Attempted: 1000, Failed: 1}, false},
		"nothing was started": {Stretch{StartDelay: &metric.Dist{}}, false},
	} {
		if got := tt.s.Spoils(thresholds); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLittle(t *testing.T) {
	thresholds := parse(t, "p95 < 500ms")
	for name, tt := range map[string]struct {
		requests            int64
		inFlight, residence float64
		bad                 bool
	}{
		"holds":                       {20000, 2000, 2000, false},
		"holds within 5 %":            {20000, 2000, 1905, false},
		"lost records":                {20000, 2000, 1890, true},
		"the clock is wrong":          {20000, 1890, 2000, true},
		"too few requests":            {10000, 2000, 1000, false},
		"not known":                   {20000, 0, 1000, false},
		"likewise":                    {20000, 2000, 0, false},
		"long against the window":     {20000, 20000, 13000, false}, // 0.65 s of 60 s each
		"not quite so long":           {20000, 20000, 11000, true},
		"an infinity of them is none": {0, 2000, 2000, false},
	} {
		e := evidence(thresholds, 12, lot{requests: tt.requests})
		e.InFlight, e.Residence = tt.inFlight, tt.residence
		j := Judge(thresholds, e)
		if got := len(j.Validity) == 1 && strings.Contains(j.Validity[0], "Little's law does not hold"); got != tt.bad {
			t.Errorf("%s: %q", name, j.Validity)
		}
	}
}
