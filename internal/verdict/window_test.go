package verdict

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// seconds are spans of a second each: n requests, of which bad(s) failed or, by
// latency, took over the only limit.
func seconds(n int64, of int, failed, over func(s int) int64) []Span {
	spans := make([]Span, of)
	for i := range spans {
		spans[i] = Span{Start: time.Duration(i) * time.Second, Length: time.Second, Requests: n, Over: []int64{0}}
		if failed != nil {
			spans[i].Failed = failed(i)
		}
		if over != nil {
			spans[i].Over[0] = over(i)
		}
	}
	return spans
}

func between(from, to int, k int64) func(int) int64 {
	return func(s int) int64 {
		if s >= from && s < to {
			return k
		}
		return 0
	}
}

func TestWindows(t *testing.T) {
	tests := []struct {
		threshold string
		n         int64
		failed    func(int) int64
		over      func(int) int64
		change    func([]Span)
		want      Verdict
		reason    string
	}{
		{"p95 < 500ms for 10s", 100, nil, between(20, 30, 6), nil, Fail, "p95 at or over 500 ms for 10s on end at most, from 20s on, limit 10s"},
		{"p95 < 500ms for 10s", 100, nil, between(20, 29, 99), nil, Pass, "for 9s on end at most, from 20s on"},
		{"p95 < 500ms for 10s", 100, nil, between(0, 60, 5), nil, Pass, "in no second of the run"},
		{"p95 < 500ms for 10s", 100, between(50, 60, 6), nil, nil, Fail, "from 50s on"},
		{"p95 < 500ms for 10s", 100, nil, between(20, 30, 6), func(s []Span) { s[24].Requests, s[24].Over[0] = 0, 0 }, Fail, "10s on end"},
		{"p95 < 500ms for 10s", 100, nil, between(20, 30, 6), func(s []Span) { s[24].Over[0] = 5 }, Pass, "5s on end at most, from 25s on"},
		{"p95 < 500ms for 10s", 100, nil, between(20, 30, 6), func(s []Span) { s[20].Warmup = true }, Pass, "9s on end"},
		{"throughput >= 90/s for 5s", 100, between(10, 15, 11), nil, nil, Fail, "throughput under 90/s for 5s on end at most, from 10s on"},
		{"throughput >= 90/s for 5s", 100, between(10, 15, 10), nil, nil, Pass, "in no second"},
		{"attempts >= 90/s for 5s", 100, between(10, 15, 11), nil, nil, Pass, "in no second"},

		{"error_rate < 5% within 10s", 100, between(20, 30, 30), nil, nil, Fail, "error_rate: 30 % of 1,000 requests failed at worst, in the 10s from 20s on, limit 5 %"},
		{"error_rate < 5% within 10s", 100, between(20, 24, 12), nil, nil, Pass, "4.8 % of 1,000 requests failed at worst"},
		{"error_rate < 5% within 10s", 2, between(20, 22, 1), nil, nil, Inconclusive, "10 % of 20 requests failed at worst, in the 10s from 12s on, limit 5 %; not proven: so few requests do not show it; a higher rate or a longer window would"},
		{"availability >= 95% within 10s", 100, between(20, 30, 30), nil, nil, Fail, "30 % of 1,000 requests failed at worst"},
		{"p95 < 500ms within 10s", 100, nil, between(20, 30, 30), nil, Fail, "failed or took over 500 ms at worst"},
		{"throughput >= 90/s within 10s", 100, between(20, 30, 20), nil, nil, Fail, "throughput 80/s at worst, in the 10s from 20s on, wanted >= 90/s"},
		{"throughput >= 70/s within 10s", 100, between(20, 30, 20), nil, nil, Pass, "throughput 80/s at worst"},
		{"error_rate < 5% within 5m", 100, between(20, 30, 40), nil, nil, Fail, "6.67 % of 6,000 requests failed at worst, in the 1m from 0s on"},
	}
	for _, tt := range tests {
		t.Run(tt.threshold+" "+string(tt.want), func(t *testing.T) {
			thresholds := parse(t, tt.threshold)
			e := evidence(thresholds, 12, lot{requests: tt.n * 60})
			e.Limits = LatencyLimits(thresholds, metric.Closed)
			e.Total.Spans = seconds(tt.n, 60, tt.failed, tt.over)
			if tt.change != nil {
				tt.change(e.Total.Spans)
			}
			checkJudgement(t, Judge(thresholds, e), tt.want, nil, tt.reason)
		})
	}
	e := evidence(nil, 12, lot{requests: 0})
	checkJudgement(t, Judge(parse(t, "p95 < 1s for 10s"), e), Inconclusive, nil, "no data")
}

// TestWindowsOfHealthyRuns: a share of failures well within the limit, seen in
// windows of few requests, is not made out to break it.
func TestWindowsOfHealthyRuns(t *testing.T) {
	thresholds := parse(t, "error_rate < 5% within 10s")
	failed := 0
	for run := range 200 {
		random := rand.New(rand.NewPCG(uint64(run), 7))
		e := evidence(thresholds, 12, lot{requests: 1200})
		e.Total.Spans = seconds(4, 300, func(int) int64 {
			k := int64(0)
			for range 4 {
				if random.Float64() < .04 {
					k++
				}
			}
			return k
		}, nil)
		if Judge(thresholds, e).Verdict == Fail {
			failed++
		}
	}
	if failed > 10 {
		t.Errorf("%d of 200 runs with 4 %% of failures are said to break 5 %% in a window", failed)
	}
}

func TestBroken(t *testing.T) {
	tests := []struct {
		threshold string
		seconds   int
		n, failed int64
		warmup    bool
		want      string // empty: goes on
	}{
		{"error_rate < 20% abort", 5, 100, 50, false, "50 % of 500 requests failed, limit 20 %"},
		{"error_rate < 20% abort", 5, 100, 50, true, "50 % of 500 requests failed"},
		{"error_rate < 20% abort after 6s", 5, 100, 50, false, ""},
		{"error_rate < 20% abort", 5, 100, 21, false, ""},   // seen, not shown
		{"error_rate < 20% abort", 5, 100, 19, false, ""},   // kept
		{"error_rate < 20% abort", 1, 9, 9, false, ""},      // too few to end a run
		{"error_rate < 20% abort", 5, 2, 2, false, "100 %"}, // ten
		{"error_rate < 20%", 5, 100, 100, false, ""},
		{"availability > 80% abort", 5, 100, 50, false, "50 % of 500 requests failed, limit 20 %"},
		{"p95 < 500ms abort", 5, 100, 30, false, "30 % of 500 requests failed or took over 500 ms, limit 5 %"},
		{"p95 < 500ms abort", 5, 100, 30, true, ""},
		{"p95 < 500ms for 3s abort", 5, 100, 30, false, "for 5s on end at most"},
		{"p95 < 500ms for 6s abort", 5, 100, 30, false, ""},
		{"error_rate < 20% within 2s abort", 5, 100, 50, false, "50 % of 200 requests failed at worst"},
		{"error_rate{GET /a} < 20% abort", 5, 100, 50, false, "GET /a: 50 % of 500 requests failed"},
		{"error_rate{each GET *} < 20% abort", 5, 100, 50, false, "GET /a: 50 % of 500 requests failed"},
	}
	for _, tt := range tests {
		thresholds := parse(t, tt.threshold)
		e := &Evidence{Model: metric.Closed, Window: time.Minute, Limits: LatencyLimits(thresholds, metric.Closed)}
		spans := seconds(tt.n, tt.seconds, func(int) int64 { return tt.failed }, nil)
		for i := range spans {
			spans[i].Warmup = tt.warmup
		}
		e.Total = Series{Requests: tt.n * int64(tt.seconds), Spans: spans}
		e.Endpoints = []Series{{Name: "GET /a", Requests: e.Total.Requests, Spans: spans}, {Name: "GET /b"}}
		got, broken := Broken(thresholds[0], e, 60)
		if broken != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s with %d of %d a second for %d s: %v %q, want %q", tt.threshold, tt.failed, tt.n, tt.seconds, broken, got, tt.want)
		}
	}
}

// TestBrokenIsRare: of runs that just keep the limit, looked at each second, at
// most 5 in 100 are stopped.
func TestBrokenIsRare(t *testing.T) {
	thresholds := parse(t, "error_rate < 20% abort")
	stopped := 0
	const runs = 100
	for run := range runs {
		random := rand.New(rand.NewPCG(uint64(run), 7))
		spans := seconds(20, 120, func(int) int64 {
			k := int64(0)
			for range 20 {
				if random.Float64() < .2 {
					k++
				}
			}
			return k
		}, nil)
		for to := range spans {
			e := &Evidence{Total: Series{Requests: 1, Spans: spans[:to+1]}, Window: time.Minute}
			if _, broken := Broken(thresholds[0], e, len(spans)); broken {
				stopped++
				break
			}
		}
	}
	if stopped > 5 {
		t.Errorf("%d of %d runs at the limit were stopped", stopped, runs)
	}
}
