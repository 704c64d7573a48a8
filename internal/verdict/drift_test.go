package verdict

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// hour is a run of n windows of a minute. p95 gives the level of a window, failed
// its failures of 1,000 requests.
func hour(n int, level func(i int) time.Duration, failed func(i int) int64) Series {
	r := rand.New(rand.NewPCG(5, 5))
	var s Series
	for i := range n {
		b := Block{Start: 20*time.Second + time.Duration(i)*time.Minute, Length: time.Minute, Requests: 1000}
		if failed != nil {
			b.Failed = failed(i)
		}
		for range b.Requests - b.Failed {
			b.Response.Record(time.Duration(float64(level(i)) * math.Exp(.3*r.NormFloat64())))
		}
		s.Blocks = append(s.Blocks, b)
		s.Requests += b.Requests
		s.Failed += b.Failed
		s.Response.Merge(&b.Response)
	}
	s.Attempted, s.Succeeded = s.Requests, s.Requests-s.Failed
	return s
}

func always(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

func drift(t *testing.T, s Series, thresholds ...string) *Drift {
	t.Helper()
	return JudgeDrift(parse(t, thresholds...), &Evidence{Total: s, Steady: true})
}

func (d *Drift) of(metric, scope string) *DriftMetric {
	for i := range d.Metrics {
		if m := &d.Metrics[i]; m.Metric == metric && m.Scope == scope {
			return m
		}
	}
	return nil
}

func TestDriftVerdicts(t *testing.T) {
	const base = 10 * time.Millisecond
	tests := []struct {
		name   string
		s      Series
		want   DriftVerdict
		p95    DriftVerdict
		errors DriftVerdict
		words  string
	}{
		{"stable", hour(60, always(base), nil), DriftStable, DriftStable, DriftStable, "P95 stayed at 16"},
		{"rises", hour(60, func(i int) time.Duration { return base + time.Duration(i)*base/30 }, nil), DriftDegrading, DriftDegrading, DriftStable, "rose steadily"},
		{"falls", hour(60, func(i int) time.Duration { return 3*base - time.Duration(i)*base/30 }, nil), DriftImproving, DriftImproving, DriftStable, "fell steadily"},
		{"shifts", hour(60, func(i int) time.Duration {
			if i >= 29 {
				return 2 * base
			}
			return base
		}, nil), DriftUnstable, DriftUnstable, DriftStable, "rose at 29m from"},
		{"one bad minute", hour(60, func(i int) time.Duration {
			if i == 40 {
				return 5 * base
			}
			return base
		}, nil), DriftUnstable, DriftUnstable, DriftStable, "from 40m for 1m"},
		{"16 failures in the last minute", hour(60, always(base), func(i int) int64 {
			if i == 59 {
				return 16
			}
			return 0
		}), DriftUnstable, DriftStable, DriftUnstable, "error rate was 1.6 % instead of 0 % from 59m for 1m"},
		{"failures by chance", hour(60, always(base), func(i int) int64 { return int64(i * 7 % 5) }), DriftStable, DriftStable, DriftStable, "stayed"},
		{"failures grow", hour(60, always(base), func(i int) int64 { return int64(i) }), DriftDegrading, DriftStable, DriftDegrading, "error rate rose steadily"},
		{"windows too few", hour(29, always(base), nil), DriftUndecided, "", "", "29 windows of 1m; 30 are needed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := drift(t, tt.s, "p95 < 500ms", "error_rate < 1%")
			if d.Verdict != tt.want || !strings.Contains(d.Reason, tt.words) {
				t.Errorf("%s: %s; want %s, %q", d.Verdict, d.Reason, tt.want, tt.words)
			}
			for metric, want := range map[string]DriftVerdict{"p95": tt.p95, "error_rate": tt.errors} {
				if m := d.of(metric, ""); want != "" && (m == nil || m.Verdict != want) {
					t.Errorf("%s: %+v, want %s", metric, m, want)
				}
			}
		})
	}
}

// TestDriftOfTheStory is the endurance run that was declared stable: six quiet
// minutes, then bursts, one of which broke 500 ms, a shift at minute 29, and all
// 16 failures at the very end.
func TestDriftOfTheStory(t *testing.T) {
	d := drift(t, hour(60, func(i int) time.Duration {
		switch {
		case i == 17:
			return 600 * time.Millisecond
		case i > 6 && i%7 == 0:
			return 93 * time.Millisecond
		case i >= 29:
			return 9 * time.Millisecond
		}
		return 6 * time.Millisecond
	}, func(i int) int64 {
		if i == 59 {
			return 16
		}
		return 0
	}), "p95 < 500ms", "error_rate < 1%")
	p95, errors := d.of("p95", ""), d.of("error_rate", "")
	if d.Verdict != DriftUnstable || p95.Verdict != DriftUnstable || errors.Verdict != DriftUnstable {
		t.Fatalf("%s: %s; P95 %s, errors %s", d.Verdict, d.Reason, p95.Reason, errors.Reason)
	}
	shift, episodes, broke := 0.0, 0, false
	for _, c := range p95.Changes {
		if c.Kind == "shift" {
			shift = c.FromS
		} else {
			episodes++
			broke = broke || c.FromS == 20+17*60 && c.Level > 500
		}
	}
	if shift < 20+28*60 || shift > 20+30*60 || episodes < 7 || !broke {
		t.Errorf("shift at %v s, %d episodes, the minute over 500 ms among them: %v", shift, episodes, broke)
	}
	// 17 broke the latency limit, 59 the error rate's.
	if c := d.Compliance; c == nil || len(c.Bad) != 2 || c.Bad[0] != 20+17*60 || c.InARow != 1 || math.Abs(c.Share-58.0/60) > 1e-12 {
		t.Errorf("compliance %+v", c)
	}
}

func TestDriftMeetsTheLimit(t *testing.T) {
	// From 20 to 60 ms in an hour, P95 = 1.64 times that: 100 ms are met at 60.8.
	rise := func(i int) time.Duration { return 20*time.Millisecond + time.Duration(i)*40*time.Millisecond/59 }
	d := drift(t, hour(60, rise, nil), "p95 < 200ms")
	m := d.of("p95", "")
	if m.LimitAtS == nil || *m.LimitAtS < 3620 || *m.LimitAtS > 4*3600 {
		t.Fatalf("%+v: %s", m, m.Reason)
	}
	if *m.SlopeLow > *m.SlopePerHour || *m.SlopeHigh < *m.SlopePerHour || *m.SlopePerHour < 50 || *m.SlopePerHour > 80 {
		t.Errorf("slope %v (%v to %v) ms an hour, want about 65", *m.SlopePerHour, *m.SlopeLow, *m.SlopeHigh)
	}
	if !strings.Contains(m.Reason, "would reach its limit") {
		t.Error(m.Reason)
	}
}

func TestDriftOfProbes(t *testing.T) {
	probe := func(name string, v func(minute float64) float64) Probed {
		p := Probed{Source: "gateway", Name: name}
		for at := 22 * time.Second; at < time.Hour; at += 5 * time.Second {
			p.At, p.Values = append(p.At, at), append(p.Values, v(at.Minutes()))
		}
		return p
	}
	const mib = 1 << 20
	noise := rand.New(rand.NewPCG(1, 2))
	tests := []struct {
		name string
		p    Probed
		want DriftVerdict
	}{
		{"a leak", probe("memory", func(m float64) float64 { return (100 + 2*m + noise.NormFloat64()) * mib }), DriftDegrading},
		{"filled and then level", probe("memory", func(m float64) float64 { return (100 + 60*(1-math.Exp(-m/5)) + noise.NormFloat64()) * mib }), DriftStable},
		{"garbage collected", probe("memory", func(m float64) float64 { return (100 + 40*math.Mod(m, 1.3)) * mib }), DriftStable},
		{"goroutines that never end", probe("goroutines", func(m float64) float64 { return math.Floor(50 + 10*m) }), DriftDegrading},
		{"descriptors as ever", probe("fds", func(float64) float64 { return 64 }), DriftStable},
		{"a figure nobody knows", probe("entropy", func(m float64) float64 { return m }), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := JudgeDrift(nil, &Evidence{Total: hour(60, always(time.Millisecond), nil), Steady: true, Probes: []Probed{tt.p}})
			m := d.of(tt.p.Name, "gateway")
			switch {
			case tt.want == "" && m == nil:
			case m == nil || m.Verdict != tt.want:
				t.Errorf("%+v: %v", m, m.Changes)
			}
		})
	}
}

func TestDriftOfOneEndpointShows(t *testing.T) {
	rise := func(i int) time.Duration { return 20*time.Millisecond + time.Duration(i)*time.Millisecond }
	e := Evidence{Total: hour(60, always(20*time.Millisecond), nil), Steady: true}
	for i, level := range []func(int) time.Duration{always(20 * time.Millisecond), rise, always(5 * time.Millisecond)} {
		s := hour(60, level, nil)
		s.Name = []string{"GET /a", "GET /b", "GET /c"}[i]
		e.Endpoints = append(e.Endpoints, s)
	}
	d := JudgeDrift(nil, &e)
	if d.Verdict != DriftDegrading || !strings.Contains(d.Reason, "P95 of GET /b rose steadily") {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
	if d.of("p95", "GET /a").Verdict != DriftStable || d.of("p95", "GET /a").Values != nil || d.of("p95", "").Values == nil {
		t.Error("the other endpoints are stable, and values stand with the run's own figures only")
	}
}

func TestDriftGates(t *testing.T) {
	limits := []string{"p95 < 500ms", "error_rate < 1%", "compliance >= 95%", "degradations == 0"}
	rise := func(i int) time.Duration { return 20*time.Millisecond + time.Duration(i)*time.Millisecond }
	slow := func(minutes ...int) func(int) time.Duration {
		return func(i int) time.Duration {
			for _, m := range minutes {
				if m == i {
					return time.Second
				}
			}
			return 20 * time.Millisecond
		}
	}
	tests := []struct {
		name         string
		s            Series
		staged       bool
		run          Verdict
		compliance   Verdict
		degradations Verdict
		words        string
	}{
		{"stable", hour(60, always(20*time.Millisecond), nil), false, Pass, Pass, Pass, "60 of 60 windows"},
		{"degrading", hour(60, rise, nil), false, Fail, Pass, Fail, "rose steadily"},
		{"two bad minutes", hour(60, slow(10, 11), nil), false, Inconclusive, Pass, Pass, "not those from 10m, 11m"},
		{"three in a row", hour(60, slow(10, 11, 12), nil), false, Fail, Fail, Pass, "3 in a row are never allowed"},
		{"four apart", hour(60, slow(10, 20, 30, 40), nil), false, Fail, Fail, Pass, "56 of 60 windows"},
		{"too short", hour(20, always(20*time.Millisecond), nil), false, Pass, None, None, "30 are needed"},
		{"stages", hour(60, rise, nil), true, Pass, None, None, "the load changes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := Judge(parse(t, limits...), Evidence{Total: tt.s, Steady: !tt.staged, Window: time.Hour, Complete: true})
			if j.Verdict != tt.run || j.Thresholds[2].Verdict != tt.compliance || j.Thresholds[3].Verdict != tt.degradations {
				t.Errorf("run %s, compliance %s (%s), degradations %s (%s)", j.Verdict, j.Thresholds[2].Verdict, j.Thresholds[2].Reason,
					j.Thresholds[3].Verdict, j.Thresholds[3].Reason)
			}
			if !strings.Contains(j.Thresholds[2].Reason+j.Thresholds[3].Reason, tt.words) {
				t.Errorf("%q, %q: want %q", j.Thresholds[2].Reason, j.Thresholds[3].Reason, tt.words)
			}
		})
	}
}

// BenchmarkDrift judges an hour of 30 endpoints.
func BenchmarkDrift(b *testing.B) {
	s := hour(60, always(20*time.Millisecond), func(i int) int64 { return int64(i % 3) })
	e := Evidence{Total: s, Steady: true}
	for range 30 {
		one := s
		one.Name = "GET /x"
		e.Endpoints = append(e.Endpoints, one)
	}
	thresholds := Default()
	for b.Loop() {
		JudgeDrift(thresholds, &e)
	}
}
