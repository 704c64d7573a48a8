package verdict

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestForecast(t *testing.T) {
	of := func(requests float64) Expected {
		return Expected{Requests: requests, Window: 30 * time.Second, Total: 40 * time.Second}
	}
	tests := []struct {
		threshold string
		expected  Expected
		want      string // empty: nothing is in the way
		needs     int64
		duration  time.Duration
	}{
		{"error_rate < 1%", of(90), "error_rate < 1% needs 299 requests without a failure; about 90 are expected; a run of 1m50s could decide", 299, 109667 * time.Millisecond},
		{"error_rate < 1%", of(298.9), "error_rate < 1% needs 299 requests without a failure; about 298 are expected; a run of 41s could decide", 299, 40010 * time.Millisecond},
		{"error_rate < 1%", of(299), "", 0, 0},
		{"p95 < 500ms", of(58), "p95 < 500ms needs 59 requests without a slower or failed one; about 58 are expected; a run of 41s could decide", 59, 40517 * time.Millisecond},
		{"p95 < 500ms", of(59), "", 0, 0},
		{"p99 < 1s", of(59), "p99 < 1s needs 299 requests without a slower or failed one; about 59 are expected; a run of 2m50s could decide", 299, 162034 * time.Millisecond},
		{"p99.9 < 1s", of(2994), "p99.9 < 1s needs 2,995 requests without a slower or failed one; about 2,994 are expected; a run of 41s could decide", 2995, 40010 * time.Millisecond},
		{"availability >= 99.9%", of(1000), "availability >= 99.9% needs 2,995 requests without a failure; about 1,000 are expected; a run of 1m40s could decide", 2995, 99850 * time.Millisecond},
		{"checks > 99%", of(10), "checks > 99% needs 299 requests without a failed check; about 10 are expected; a run of 16m could decide", 299, 907 * time.Second},
		{"error_rate < 1%", Expected{}, "error_rate < 1% needs 299 requests without a failure; about 0 are expected", 299, 0},
		{"error_rate == 0", of(5), "", 0, 0},
		{"error_rate{*} < 1%", of(5), "", 0, 0},
		{"p95 > 1ms", of(5), "", 0, 0},
		{"throughput >= 100/s", Expected{Requests: 5000, Ceiling: 100}, "throughput >= 100/s cannot be met: the load asks for at most 100/s", 0, 0},
		{"throughput >= 100/s", Expected{Requests: 5000, Ceiling: 250}, "", 0, 0},
		{"throughput >= 100/s", Expected{Requests: 5000}, "", 0, 0},
		{"count >= 1000", of(900), "count >= 1000 cannot be met: about 900 requests are expected", 1000, 43333 * time.Millisecond},
		{"max < 1s", of(5), "", 0, 0},
	}
	for _, tt := range tests {
		got, ok := Forecast(parse(t, tt.threshold)[0], tt.expected)
		if ok != (tt.want != "") || got.Sentence != tt.want || got.Requests != tt.needs || got.Duration.Round(time.Millisecond) != tt.duration {
			t.Errorf("%s of %v:\n got %q %d %v\nwant %q %d %v", tt.threshold, tt.expected.Requests, got.Sentence, got.Requests, got.Duration, tt.want, tt.needs, tt.duration)
		}
	}
}

// TestForecastIsKept: what the forecast asks for, without a failure, passes; one
// request less does not.
func TestForecastIsKept(t *testing.T) {
	for _, s := range []string{"error_rate < 1%", "error_rate < 0.1%", "p50 < 500ms", "p95 < 500ms", "p99 < 500ms", "availability > 99.5%", "checks >= 97%"} {
		thresholds := parse(t, s)
		short, ok := Forecast(thresholds[0], Expected{Requests: 1, Window: time.Second})
		if !ok {
			t.Fatalf("%s: no forecast", s)
		}
		for _, blocks := range []int{0, 4, 12} {
			for less, want := range []Verdict{Pass, Inconclusive} {
				e := evidence(thresholds, blocks, lot{requests: short.Requests - int64(less)})
				if got := Judge(thresholds, e); got.Verdict != want {
					t.Errorf("%s with %d requests in %d blocks: %s %q", s, e.Total.Requests, blocks, got.Verdict, got.Reasons)
				}
			}
		}
	}
}

// TestMoreIsEnough: a run as much longer as the verdict asks for, with the share
// it had, is decided.
func TestMoreIsEnough(t *testing.T) {
	for _, l := range []lot{{requests: 2000, over: 90}, {requests: 2000, over: 112}, {requests: 300, over: 10}, {requests: 100, over: 2}} {
		thresholds := parse(t, "p95 < 500ms")
		e := evidence(thresholds, 12, l)
		limit := tidy(1 - .95)
		s := sample{k: l.over, n: l.requests, blocks: (&question{t: thresholds[0], row: percentile, s: &e.Total, e: &e}).above(500 * time.Millisecond)}
		if in := s.estimate(alpha).interval(); in.High <= limit || in.Low > limit {
			t.Fatalf("%+v is decided: %+v", l, in)
		}
		needed := s.estimate(alpha).needed(limit)
		factor := needed / float64(l.requests)
		in := Wilson(float64(l.over)*factor, needed, alpha)
		if in.High > limit+1e-9 && in.Low < limit-1e-9 {
			t.Errorf("%+v: %v requests leave %+v", l, needed, in)
		}
	}
}

func TestNotShown(t *testing.T) {
	thresholds := parse(t, "p95 < 500ms", "p99.99 < 1s")
	peak := Facts{Users: 500, ThinkMean: 2 * time.Second}
	tests := []struct {
		name   string
		lots   []lot
		change func(*Evidence)
		facts  Facts
		want   []string
	}{
		{"a closed run with think time", []lot{{name: "GET /a", requests: 15000}, {name: "GET /b"}}, nil, peak, []string{
			"500 users who think for 2s ask for at most 250 iterations/s, however fast the target is: they made 250, and what more it could do is not shown",
			"1 of 2 endpoints had fewer than 5 requests and are not shown to work: GET /b",
			"P99.99 rests on the slowest 1 of 15,000 requests: it says little, and no more than the next run would",
			"1m were measured: leaks, garbage collection, caches and other effects of minutes are not shown",
			"This is 1 run: how much runs differ by themselves is not shown",
		}},
		{"a closed loop", []lot{{name: "GET /a", requests: 500000}}, func(e *Evidence) { e.Think, e.Window = false, 10*time.Minute }, Facts{Users: 64, Runs: 5, Baseline: true}, []string{
			"64 users that each wait for their answer made 833 iterations/s: how the target does when more arrive than it can serve is not shown",
		}},
		{"an open run", []lot{{name: "GET /a", requests: 200}}, func(e *Evidence) { e.Model, e.Window = metric.Open, 10*time.Minute }, Facts{}, []string{
			"P99 rests on the slowest 2 of 200 requests: it says little, and no more than the next run would",
			"This is 1 run: how much runs differ by themselves is not shown",
			"0 baselines were compared: whether this build is faster or slower than another is not shown",
		}},
		{"many endpoints never asked", []lot{{name: "GET /a", requests: 200000}, {name: "b"}, {name: "c"}, {name: "d"}, {name: "e"}, {name: "f"}}, func(e *Evidence) { e.Model, e.Window = metric.Open, 10*time.Minute }, Facts{Runs: 2, Baseline: true}, []string{
			"5 of 6 endpoints had fewer than 5 requests and are not shown to work: b, c, d and 2 more",
		}},
		{"nothing", nil, func(e *Evidence) { e.Model, e.Window = metric.Open, 0 }, Facts{Runs: 2, Baseline: true}, []string{
			"0 requests were measured: the run shows nothing of the target",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := evidence(thresholds, 12, tt.lots...)
			if tt.change != nil {
				tt.change(&e)
			}
			if diff := cmp.Diff(tt.want, NotShown(e, thresholds, tt.facts)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", 12.345: "12.3", 123.45: "123", 1234.5: "1,234", 1234567: "1,234,567", .0512: "0.0512", .000012: "0.000012",
		-1500: "-1,500", 99.99: "100", 1e-9: "0", 420: "420", 8431: "8,431",
	} {
		if got := number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", .012: "1.2", .0123456: "1.23", .999: "99.9", .99995: "99.995", .95: "95", 1: "100", .5: "50", .99999999: "100"} {
		if got := percent(v); got != want {
			t.Errorf("%v: %s %%, want %s", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 1500 * time.Millisecond: "1.5s", 45 * time.Second: "45s", 12 * time.Minute: "12m", 90 * time.Minute: "1h30m", time.Hour: "1h", 90 * time.Second: "1m30s",
	} {
		if got := length(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
