package run

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

func thresholds(t testing.TB, texts ...string) []verdict.Threshold {
	t.Helper()
	var all []verdict.Threshold
	for _, s := range texts {
		th, err := verdict.ParseThreshold(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, th)
	}
	return all
}

// A second is one second of a made-up run: n requests to the only endpoint, over
// of which took 900 ms and the others 10 ms, and the generator's state.
type second struct {
	n, over, failed int
	late            time.Duration // start delay of every iteration
	health          metric.Health
	length          time.Duration // 0: 1 s
	event           string
}

// observe runs the seconds through the journal, the first of them warm-up.
func observe(t *testing.T, j *Journal, warmup int, of []second) {
	t.Helper()
	p := j.Plan()
	recs := metric.NewRecorders(p.Profile.Model, []metric.Row{{Endpoint: p.Endpoints[0]}}, 1)
	offset := time.Duration(0)
	for i, s := range of {
		for k := range s.n {
			sm := metric.Sample{Due: offset, Sent: offset + s.late, Status: 200}
			sm.End = sm.Sent + 10*time.Millisecond
			if k < s.over {
				sm.End = sm.Sent + 900*time.Millisecond
			} else if k < s.over+s.failed {
				sm.Outcome, sm.Status = metric.Status, 503
			}
			recs.Shard(0).StartedLate(s.late)
			recs.Shard(0).Record(0, &sm)
		}
		snap := recs.Take()
		snap.Seq, snap.Offset, snap.Length, snap.Health = i, offset, time.Second, s.health
		if s.length > 0 {
			snap.Length = s.length
		}
		snap.Period = metric.Measured
		if i < warmup {
			snap.Period = metric.Warmup
		}
		if s.event != "" {
			snap.Events = []metric.Event{{At: offset, Kind: s.event}}
		}
		snap.Final = i == len(of)-1
		offset += snap.Length
		if err := j.Observe(snap); err != nil {
			t.Fatal(err)
		}
	}
}

func onePlan(t testing.TB, model metric.Model, d time.Duration, texts ...string) *Plan {
	p := testPlan(d)
	if model == metric.Open {
		p.Profile = load.Rate(100, d, 100)
	}
	p.Profile.Warmup = 2 * time.Second
	p.Endpoints = []metric.Endpoint{{Method: "GET", Path: "/a"}}
	p.Thresholds = thresholds(t, texts...)
	return p
}

func times(n int, s second) []second {
	out := make([]second, n)
	for i := range out {
		out[i] = s
	}
	return out
}

// TestSpoiltStretches: what the generator's health says of a second marks its
// requests, and no others.
func TestSpoiltStretches(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(of []second)
		length time.Duration
		want   verdict.Spoilt
	}{
		"healthy": {func([]second) {}, 0, verdict.Spoilt{}},
		"stall":   {func(of []second) { of[5].health.Stalls, of[5].over = 1, 7 }, time.Second, verdict.Spoilt{Length: time.Second, Requests: 100, Over: []int64{7}}},
		"late":    {func(of []second) { of[5].late, of[6].failed = 30*time.Millisecond, 9 }, time.Second, verdict.Spoilt{Length: time.Second, Requests: 100, Over: []int64{0}}},
		"failures": {func(of []second) { of[5].health.Stalls, of[5].failed, of[20].health.Steal = 1, 3, 50 }, 2 * time.Second, verdict.Spoilt{
			Length: 2 * time.Second, Requests: 200, Failed: 3, Over: []int64{0},
		}},
		"held up":         {func(of []second) { of[5].length = 1200 * time.Millisecond }, 1200 * time.Millisecond, verdict.Spoilt{}},
		"in the warm-up":  {func(of []second) { of[1].health.Stalls = 1 }, 0, verdict.Spoilt{}},
		"the service too": {func(of []second) { of[5].health.Stalls, of[5].over = 1, 7 }, time.Second, verdict.Spoilt{Length: time.Second, Requests: 100, Over: []int64{7}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := onePlan(t, metric.Closed, 30*time.Second, "p95 < 500ms")
			_, j := newTestRun(t, p)
			of := times(30, second{n: 100})
			tt.change(of)
			observe(t, j, 2, of)
			ev := j.Evidence()
			var got verdict.Spoilt
			for _, b := range ev.Total.Blocks {
				if b.Spoilt != nil {
					got.Add(b.Spoilt)
				}
			}
			if name == "held up" { // every later second ends late by as much
				if ev.Spoilt < tt.length || got.Requests == 0 {
					t.Errorf("%v of %v", got, ev.Spoilt)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || ev.Spoilt != tt.length {
				t.Errorf("%v spoilt, want %v; -want +got\n%s", ev.Spoilt, tt.length, diff)
			}
		})
	}
}

// TestAStallIsJudgedBothWays: a stop of 1.5 s makes a short run invalid, and not a
// long one whose verdict it cannot change.
func TestAStallIsJudgedBothWays(t *testing.T) {
	for n, want := range map[int]verdict.Verdict{20: verdict.Invalid, 300: verdict.Pass} {
		p := onePlan(t, metric.Closed, time.Duration(n)*time.Second, "p95 < 500ms", "error_rate < 1%")
		d, j := newTestRun(t, p)
		of := times(n, second{n: 50})
		of[10].health.Stalls, of[10].health.StallMax, of[10].health.StallTotal = 1, 1500*time.Millisecond, 1500*time.Millisecond
		observe(t, j, 2, of)
		r := j.Result()
		if r.Verdict != want || r.Generator.Valid != (want == verdict.Pass) {
			t.Errorf("%d s: %s %q %q", n, r.Verdict, r.Reasons, r.Notes)
		}
		if want == verdict.Pass && (len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "the generator was not fit to measure in 1s of ")) {
			t.Errorf("notes %q", r.Notes)
		}
		again, err := rebuild(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("judged again it is another one:\n%s", diff)
		}
	}
}

// TestThresholdsOfSpans goes from seconds to verdicts, and from the journal to the
// same.
func TestThresholdsOfSpans(t *testing.T) {
	for _, tt := range []struct {
		model     metric.Model
		threshold string
		change    func(of []second)
		want      verdict.Verdict
	}{
		{metric.Closed, "p95 < 500ms for 5s", func(of []second) {
			for i := 10; i < 15; i++ {
				of[i].over = 20
			}
		}, verdict.Fail},
		{metric.Closed, "p95 < 500ms for 5s", func(of []second) {
			for i := 0; i < 6; i++ { // two of these are warm-up
				of[i].over = 20
			}
		}, verdict.Pass},
		{metric.Closed, "error_rate{GET /a} < 5% within 5s", func(of []second) { of[10].failed = 100 }, verdict.Fail},
		{metric.Closed, "error_rate{GET /b} < 5% within 5s", func(of []second) { of[10].failed = 100 }, verdict.None},
		{metric.Open, "service_p95 < 500ms", func(of []second) {
			for i := range of {
				of[i].late = 600 * time.Millisecond // makes the response time, not the service time
			}
		}, verdict.Invalid},
		{metric.Open, "service_p95 < 20ms", func([]second) {}, verdict.Pass},
		{metric.Open, "service_p95 < 20ms", func(of []second) {
			for i := range of {
				of[i].over = 20
			}
		}, verdict.Fail},
		{metric.Open, "service_p95 < 500ms for 5s", func(of []second) {
			for i := 10; i < 15; i++ {
				of[i].over = 20
			}
		}, verdict.Fail},
	} {
		p := onePlan(t, tt.model, 60*time.Second, tt.threshold)
		d, j := newTestRun(t, p)
		of := times(60, second{n: 100})
		tt.change(of)
		observe(t, j, 2, of)
		r := j.Result()
		if got := r.Thresholds[0]; got.Verdict != tt.want {
			t.Errorf("%s: %s %s", tt.threshold, got.Verdict, got.Reason)
		}
		again, err := rebuild(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("%s: judged again it is another one:\n%s", tt.threshold, diff)
		}
	}
}

// TestBroken looks at a run after each second: a dead target is found at once,
// also in the warm-up.
func TestBroken(t *testing.T) {
	p := onePlan(t, metric.Closed, 30*time.Second, "error_rate < 20% abort", "p95{GET /a} < 500ms abort after 5s")
	_, j := newTestRun(t, p)
	observe(t, j, 2, times(1, second{n: 100, failed: 100}))
	if th, how, broken := j.Broken(); !broken || th.Metric != "error_rate" || how != "100 % of 100 requests failed, limit 20 %" {
		t.Errorf("%v %q", broken, how)
	}
	_, j = newTestRun(t, p)
	observe(t, j, 1, times(4, second{n: 100, over: 50}))
	if _, how, broken := j.Broken(); broken {
		t.Errorf("in the grace period: %q", how)
	}
	_, j = newTestRun(t, p)
	observe(t, j, 1, times(6, second{n: 100, over: 50}))
	if th, how, broken := j.Broken(); !broken || th.Metric != "p95" || how != "GET /a: 50 % of 500 requests failed or took over 500 ms, limit 5 %" {
		t.Errorf("%v %q", broken, how)
	}
}

// TestFirstLook: the planned time is that of the first look unless the run went
// on, and both looks are at half the error.
func TestFirstLook(t *testing.T) {
	p := onePlan(t, metric.Closed, 40*time.Second, "error_rate < 1%")
	p.FirstLook = 20 * time.Second
	_, j := newTestRun(t, p)
	of := times(20, second{n: 18}) // 360 requests: enough for 5 % (299), not for 2.5 % (368)
	of[19].event = "end"
	observe(t, j, 2, of)
	if r := j.Result(); r.PlannedS != 20 || r.Verdict != verdict.Inconclusive || !r.Complete {
		t.Errorf("%v s planned, %s %q", r.PlannedS, r.Verdict, r.Reasons)
	}
	_, j = newTestRun(t, p)
	of = times(40, second{n: 18})
	of[20].event = EventExtended
	observe(t, j, 2, of)
	if r := j.Result(); r.PlannedS != 40 || r.Verdict != verdict.Pass {
		t.Errorf("%v s planned, %s %q", r.PlannedS, r.Verdict, r.Reasons)
	}
}

// TestIntervals: the percentiles of the run and of its endpoints have intervals,
// around them, and the less is known the more bounds are missing.
func TestIntervals(t *testing.T) {
	p := testPlan(30 * time.Second)
	_, j := newTestRun(t, p)
	record(t, j, p, 30, 10, nil, 29)
	r := j.Result()
	for _, l := range []*Latency{r.Totals.Response, r.Endpoints[0].Response, r.Endpoints[1].Response} {
		in := l.Intervals
		if in == nil {
			t.Fatal("no intervals")
		}
		for _, b := range []struct {
			name  string
			value float64
			bound verdict.Bound
			top   bool
		}{{"p50", l.P50, in.P50, true}, {"p90", l.P90, in.P90, true}, {"p95", l.P95, in.P95, true}, {"p99_9", l.P999, in.P999, false}} {
			if b.bound.Low == nil || *b.bound.Low > b.value || b.top != (b.bound.High != nil) || b.top && *b.bound.High < b.value {
				t.Errorf("%s of %d: %v in %v to %v", b.name, l.N, b.value, b.bound.Low, b.bound.High)
			}
		}
	}
	if in := r.Endpoints[0].Service; in == nil || in.Intervals == nil { // closed: the same times
		t.Error("service time has none")
	}
}

// BenchmarkResult judges an hour with 30 endpoints: evidence, verdicts, intervals
// and all.
func BenchmarkResult(b *testing.B) {
	c := hour(b)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		c.Result()
	}
}
