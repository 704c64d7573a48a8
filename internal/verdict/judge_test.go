package verdict

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-42693903/lt/internal/metric"
)

// A lot is so many requests to one endpoint: over of them took 900 ms, failed of
// them failed with class, all others took 100 ms.
type lot struct {
	name                   string
	requests, over, failed int64
	class                  metric.Class
	warmup                 Count
}

var (
	status503 = metric.Class{Outcome: metric.Status, Status: 503}
	status404 = metric.Class{Outcome: metric.Status, Status: 404}
	timeout   = metric.Class{Outcome: metric.Timeout}
)

// series spreads the lot evenly over blocks.
func (l lot) series(blocks int) Series {
	s := Series{
		Name: l.name, Requests: l.requests, Failed: l.failed, Attempted: l.requests, Succeeded: l.requests - l.failed, Warmup: l.warmup,
		Outcomes: map[metric.Class]int64{{}: l.requests - l.failed}, Blocks: make([]Block, blocks),
	}
	if l.failed > 0 {
		s.Outcomes[l.class] += l.failed
	}
	part := func(n int64, i int) int64 { return n*int64(i+1)/int64(blocks) - n*int64(i)/int64(blocks) }
	for i := range s.Blocks {
		over, failed := part(l.over, i), part(l.failed, blocks-1-i)
		fast := part(l.requests-l.over-l.failed, i)
		b := Block{Requests: over + failed + fast, Failed: failed}
		for range over {
			b.Response.Record(900 * time.Millisecond)
		}
		for range fast {
			b.Response.Record(100 * time.Millisecond)
		}
		s.Response.Merge(&b.Response)
		s.Blocks[i] = b
	}
	if blocks == 0 {
		for range l.requests - l.failed - l.over {
			s.Response.Record(100 * time.Millisecond)
		}
		for range l.over {
			s.Response.Record(900 * time.Millisecond)
		}
	}
	return s
}

// slow makes n of a block's requests slow ones.
func (b *Block) slow(n int64) {
	b.Response = metric.Dist{}
	for i := range b.Requests {
		if i < n {
			b.Response.Record(900 * time.Millisecond)
		} else {
			b.Response.Record(100 * time.Millisecond)
		}
	}
}

// evidence is a closed run of a minute whose endpoints are the lots.
func evidence(thresholds []Threshold, blocks int, lots ...lot) Evidence {
	e := Evidence{
		Model: metric.Closed, Think: true, Window: time.Minute, Duration: 70 * time.Second, Complete: true,
		Total: Series{Outcomes: map[metric.Class]int64{}},
	}
	for _, l := range lots {
		e.Endpoints = append(e.Endpoints, l.series(blocks))
	}
	for i := range e.Endpoints {
		e.Total.add(&e.Endpoints[i])
	}
	e.Total.Attempted, e.Total.Succeeded = e.Total.Requests, e.Total.Requests-e.Total.Failed
	e.Iterations, e.Nominal = e.Total.Requests, float64(e.Total.Requests)
	e.Generator.Attempted = e.Total.Requests + e.Total.Warmup.Requests
	e.Generator.CPUQuota = 2
	return e
}

func TestJudge(t *testing.T) {
	const blocks = 12
	tests := []struct {
		name       string
		thresholds []string
		lots       []lot
		blocks     int
		change     func(*Evidence)
		want       Verdict
		each       []Verdict // of the thresholds, where not all as want
		reason     string    // part of the first reason
	}{
		{name: "nothing asked", lots: []lot{{requests: 1000}}, want: None},
		{
			name: "nothing measured: a throughput of 0", thresholds: []string{"error_rate < 1%", "p95 < 500ms", "throughput > 0/s", "dropped == 0"}, want: Fail,
			each: []Verdict{Inconclusive, Inconclusive, Fail, Inconclusive}, reason: "throughput 0/s, wanted > 0/s",
		},
		{name: "no data", thresholds: []string{"error_rate < 1%", "p95 < 500ms"}, want: Inconclusive, reason: "no data: no request was measured"},
		{name: "warm-up alone is no pass", thresholds: []string{"error_rate < 1%"}, lots: []lot{{warmup: Count{1000, 0}}}, want: Inconclusive, reason: "but no request was measured"},
		{
			name: "clean", thresholds: []string{"error_rate < 1%", "p95 < 500ms"}, lots: []lot{{requests: 2000}}, want: Pass,
			reason: "error rate 0 % (0-0.15), 0 of 2,000 requests failed, limit 1 %",
		},

		{name: "59 requests show p95", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 59}}, want: Pass},
		{name: "58 do not", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 58}}, want: Inconclusive, reason: "about 1 more request"},
		{name: "299 show 1 %", thresholds: []string{"error_rate < 1%"}, lots: []lot{{requests: 299}}, want: Pass},
		{name: "298 do not", thresholds: []string{"error_rate < 1%"}, lots: []lot{{requests: 298}}, want: Inconclusive},
		{name: "warm-up counts in the error rate", thresholds: []string{"error_rate < 1%"}, lots: []lot{{requests: 298, warmup: Count{1, 0}}}, want: Pass},
		{
			name: "and its failures", thresholds: []string{"error_rate < 1%"}, lots: []lot{{requests: 1000, warmup: Count{1000, 100}}}, want: Fail,
			reason: "100 of 2,000 requests failed (100 of them in the warm-up), limit 1 %",
		},
		{name: "but not in the latency", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 1000, warmup: Count{1000, 900}}}, want: Pass},
		{name: "few blocks: exact", thresholds: []string{"error_rate < 1%"}, blocks: 4, lots: []lot{{requests: 446, failed: 1, class: timeout}}, want: Inconclusive},
		{name: "few blocks: exact, enough", thresholds: []string{"error_rate < 1%"}, blocks: 4, lots: []lot{{requests: 473, failed: 1, class: timeout}}, want: Pass},

		{
			name: "slow", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 2000, over: 160}}, want: Fail,
			reason: "p95 900 ms (900-900), 8 % of 2,000 requests over 500 ms, limit 5 %",
		},
		{
			name: "on the limit", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 2000, over: 100}}, want: Inconclusive,
			reason: "not proven: it lies so near to the limit",
		},
		{
			name: "near the limit", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 2000, over: 90}}, want: Inconclusive,
			reason: "about 3,200 more requests would decide, if the share stays: about 1m40s more: -d 2m50s",
		},
		{
			name: "fast errors do not flatter", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 2000, failed: 160, class: status404}}, want: Fail,
			reason: "p95 beyond measure, 8 % of 2,000 requests failed (160) or took over 500 ms, limit 5 %",
		},
		{name: "turned round", thresholds: []string{"p95 > 500ms"}, lots: []lot{{requests: 2000, over: 160}}, want: Pass, reason: "wanted more than 5 %"},
		{name: "turned round, broken", thresholds: []string{"p95 > 500ms"}, lots: []lot{{requests: 2000, over: 40}}, want: Fail},

		{name: "one failure is one too many", thresholds: []string{"error_rate == 0"}, lots: []lot{{requests: 10, failed: 1, class: timeout}}, want: Fail},
		{name: "none is none", thresholds: []string{"error_rate <= 0%"}, lots: []lot{{requests: 10}}, want: Pass},
		{
			name: "availability", thresholds: []string{"availability >= 99.9%"}, lots: []lot{{requests: 10000, failed: 1, class: timeout}}, want: Pass,
			reason: "availability 99.99 % (99.96-99.998), 1 of 10,000 requests failed, wanted >= 99.9 %",
		},
		{name: "availability broken", thresholds: []string{"availability >= 99.9%"}, lots: []lot{{requests: 10000, failed: 20, class: timeout}}, want: Fail},
		{
			name: "checks", thresholds: []string{"checks > 99%"}, lots: []lot{{requests: 1000, failed: 40, class: metric.Class{Outcome: metric.Check}}}, want: Fail,
			reason: "40 of 1,000 answers did not hold",
		},
		{name: "checks do not count other failures", thresholds: []string{"checks > 99%"}, lots: []lot{{requests: 1000, failed: 400, class: timeout}}, want: Pass},

		{
			name: "every request failed", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 1, failed: 1, class: status503}}, want: Fail,
			reason: "every request failed: 1, all status_503",
		},
		{name: "every request failed, by other figures", thresholds: []string{"error_rate < 50%", "p50 < 1s", "mean < 1s", "max < 1s", "min < 1s"}, lots: []lot{{requests: 2, failed: 2, class: timeout}}, want: Fail},

		{name: "throughput", thresholds: []string{"throughput >= 30/s"}, lots: []lot{{requests: 2000}}, want: Pass, reason: "throughput 33.3/s (33.3-33.4), wanted >= 30/s"},
		{name: "throughput missed", thresholds: []string{"throughput >= 40/s"}, lots: []lot{{requests: 2000}}, want: Fail},
		{
			name: "throughput undecided", thresholds: []string{"throughput >= 30/s"}, lots: []lot{{requests: 2000}}, want: Inconclusive,
			change: func(e *Evidence) {
				for i := range e.Total.Blocks {
					e.Total.Blocks[i].Requests += int64(i%2*130 - 65)
				}
			},
			reason: "throughput 33.3/s (26.3-40.4), wanted >= 30/s; not proven: a longer run would decide, if the figure stays: about 3m30s more: -d 4m40s",
		},
		{
			name: "throughput of an endpoint", thresholds: []string{"throughput{GET /a} >= 30/s"}, lots: []lot{{name: "GET /a", requests: 2000, failed: 100, class: timeout}, {name: "GET /b", requests: 2000}}, want: Pass,
			reason: "GET /a: throughput 31.7/s (31.6-31.7), wanted >= 30/s; not shown to break it",
		},
		{
			name: "throughput with a short last block", thresholds: []string{"throughput >= 30/s"}, lots: []lot{{requests: 2000}}, want: Pass,
			change: func(e *Evidence) {
				for i := range e.Total.Blocks {
					e.Total.Blocks[i].Length = 5 * time.Second
				}
				e.Total.Blocks = append(e.Total.Blocks, Block{Length: time.Second, Requests: 33})
			}, reason: "throughput 33.3/s (33.3-33.4), wanted >= 30/s",
		},
		{
			name: "throughput at the open model's own rate", thresholds: []string{"throughput >= 33.3/s"}, lots: []lot{{requests: 2000}}, want: Pass,
			change: func(e *Evidence) { e.Model = metric.Open },
		},
		{name: "attempts", thresholds: []string{"attempts >= 30/s"}, lots: []lot{{requests: 2000, failed: 2000, class: timeout}}, want: Pass},
		{name: "mean", thresholds: []string{"mean < 200ms"}, lots: []lot{{requests: 2000}}, want: Pass, reason: "mean 100 ms (100-100), limit 200 ms"},
		{name: "max", thresholds: []string{"max < 500ms"}, lots: []lot{{requests: 2000, over: 1}}, want: Fail, reason: "max 900 ms, limit 500 ms"},
		{name: "min", thresholds: []string{"min < 50ms"}, lots: []lot{{requests: 2000}}, want: Fail},
		{name: "count", thresholds: []string{"count >= 2000"}, lots: []lot{{requests: 2000}}, want: Pass, reason: "requests 2,000, wanted >= 2,000"},
		{
			name: "dropped", thresholds: []string{"dropped == 0"}, lots: []lot{{requests: 2000}}, want: Fail,
			change: func(e *Evidence) { e.Model, e.Dropped = metric.Open, 3 }, reason: "dropped iterations 3, wanted 0",
		},
		{
			name: "pace", thresholds: []string{"pace >= 0.9"}, lots: []lot{{requests: 2000}}, want: Fail,
			change: func(e *Evidence) { e.Nominal = 4000 }, reason: "pace 50 %, wanted >= 90 %",
		},
		{
			name: "no pace", thresholds: []string{"pace >= 0.9"}, lots: []lot{{requests: 2000}}, want: Inconclusive,
			change: func(e *Evidence) { e.Nominal = 0 }, reason: "no data: no pace is set",
		},

		{
			name: "endpoints not shown to break", thresholds: []string{"error_rate < 1%", "error_rate{*} < 1%"},
			lots: []lot{{name: "GET /a", requests: 9000, failed: 10, class: timeout}, {name: "GET /b", requests: 600, failed: 9, class: timeout}, {name: "GET /c", requests: 40}, {name: "GET /d", requests: 3}},
			want: Pass, each: []Verdict{Pass, Pass, Pass, None, None},
		},
		{
			name: "one endpoint broken", thresholds: []string{"error_rate < 1%", "error_rate{*} < 1%"},
			lots: []lot{{name: "GET /a", requests: 90000}, {name: "GET /b", requests: 600, failed: 60, class: timeout}, {name: "GET /c", requests: 4, failed: 4, class: timeout}},
			want: Fail, each: []Verdict{Pass, Pass, Fail, Fail}, reason: "GET /b: error rate 10 % (8.16-12.2), 60 of 600 requests failed, limit 1 %",
		},
		{
			name: "one failure of few is no broken endpoint", thresholds: []string{"error_rate < 1%", "error_rate{*} < 1%"},
			lots: []lot{{name: "GET /a", requests: 90000}, {name: "GET /b", requests: 4, failed: 1, class: timeout}},
			want: Pass, each: []Verdict{Pass, Pass, None},
		},
		{
			name: "scope", thresholds: []string{"p95{GET /b} < 500ms"}, lots: []lot{{name: "GET /a", requests: 1000, over: 900}, {name: "GET /b", requests: 1000}},
			want: Pass, reason: "GET /b: p95 100 ms (100-100), 0 % of 1,000 requests over 500 ms, limit 5 %; not shown to break it",
		},
		{name: "scope undecided is not broken", thresholds: []string{"p95{GET /b} < 500ms"}, lots: []lot{{name: "GET /b", requests: 1000, over: 52}}, want: Pass},
		{
			name: "scope together", thresholds: []string{"p95{GET /*} < 500ms"}, lots: []lot{{name: "GET /a", requests: 1000, over: 200}, {name: "GET /b", requests: 1000}},
			want: Fail, each: []Verdict{Fail}, reason: "GET /*: p95 900 ms",
		},
		{
			name: "scope each", thresholds: []string{"p95{each GET /*} < 500ms"}, lots: []lot{{name: "GET /a", requests: 1000, over: 200}, {name: "GET /b", requests: 1000}},
			want: Fail, each: []Verdict{Fail, Pass},
		},
		{
			name: "scope of nothing", thresholds: []string{"p95{GET /x} < 500ms"}, lots: []lot{{name: "GET /a", requests: 1000}},
			want: Inconclusive, each: []Verdict{None}, reason: "no threshold could be judged: no endpoint matches {GET /x}",
		},
		{
			name: "scope of nothing beside others", thresholds: []string{"p95{GET /x} < 500ms", "p95 < 500ms"}, lots: []lot{{name: "GET /a", requests: 1000}},
			want: Pass, each: []Verdict{None, Pass},
		},
		{name: "count of an endpoint never asked", thresholds: []string{"count{GET /a} >= 1"}, lots: []lot{{name: "GET /a"}, {name: "GET /b", requests: 1000}}, want: Fail},
		{
			name: "a warning fails no run", thresholds: []string{"p95 < 2s", "p95 < 500ms warn"}, lots: []lot{{requests: 2000, over: 160}},
			want: Pass, each: []Verdict{Pass, Warn}, reason: "warning: p95 900 ms (900-900), 8 % of 2,000 requests over 500 ms, limit 5 %",
		},
		{name: "a warning that is kept", thresholds: []string{"p95 < 2s warn", "error_rate < 1%"}, lots: []lot{{requests: 2000}}, want: Pass},
		{name: "nothing but warnings judges nothing", thresholds: []string{"p95 < 500ms warn"}, lots: []lot{{requests: 2000, over: 1600}}, want: None, each: []Verdict{Warn}},
		{
			name: "goodput counts against each endpoint's own limit", thresholds: []string{"goodput >= 90%", "p95{GET /a} < 500ms", "p99{GET /b} < 1s", "p50 < 1ms"},
			lots: []lot{{name: "GET /a", requests: 1000, over: 20}, {name: "GET /b", requests: 1000, over: 500, failed: 5, class: timeout}},
			want: Fail, each: []Verdict{Pass, Pass, Pass, Fail}, reason: "",
		},
		{
			name: "goodput's figures", thresholds: []string{"goodput >= 95%", "p95 < 500ms", "max < 5s", "p99 < 300ms warn"}, lots: []lot{{requests: 1000, over: 6, failed: 4, class: timeout}},
			want: Pass, each: []Verdict{Pass, Pass, Pass, Warn}, reason: "goodput 99 % (98.3-99.4), 990 of 1,000 requests succeeded within their latency limits, wanted >= 95 %",
		},
		{name: "goodput of an endpoint", thresholds: []string{"goodput{GET /a} >= 95%", "p95{GET /a} < 500ms"}, lots: []lot{{name: "GET /a", requests: 1000, over: 200}, {name: "GET /b", requests: 1000}}, want: Fail},
		{name: "goodput without a latency limit", thresholds: []string{"goodput >= 95%"}, lots: []lot{{requests: 1000, over: 900}}, want: Pass, reason: "succeeded (there is no latency limit)"},
		{
			name: "service time", thresholds: []string{"p95 < 500ms", "service_p95 < 500ms", "service_mean < 500ms", "service_max < 500ms", "service_min > 50ms"}, lots: []lot{{requests: 2000, over: 160}},
			want: Fail, each: []Verdict{Fail, Pass, Pass, Pass, Pass},
			change: func(e *Evidence) {
				e.Model = metric.Open
				for i := range e.Total.Blocks {
					b := &e.Total.Blocks[i]
					for range b.Requests {
						b.Service.Record(90 * time.Millisecond)
					}
					e.Total.Service.Merge(&b.Service)
				}
			},
		},
		{name: "service time is response time in the closed model", thresholds: []string{"service_p95 < 500ms"}, lots: []lot{{requests: 2000, over: 160}}, want: Fail, reason: "service_p95 900 ms"},
		{
			name: "a persona", thresholds: []string{"p95{persona:buyer} < 500ms", "p95{persona:*} < 500ms", "p95{each persona:*} < 500ms"}, lots: []lot{{name: "GET /a", requests: 2000}},
			want: Fail, each: []Verdict{Fail, Fail, Fail, Pass}, reason: "persona:buyer: p95 900 ms",
			change: func(e *Evidence) {
				e.Personas = []Series{lot{name: "persona:buyer", requests: 1000, over: 200}.series(12), lot{name: "persona:looker", requests: 1000}.series(12)}
			},
		},
		{
			name: "a persona that is not there", thresholds: []string{"p95{persona:x} < 500ms", "p95 < 500ms"}, lots: []lot{{name: "GET /a", requests: 2000}},
			want: Inconclusive, each: []Verdict{Inconclusive, Pass}, reason: "no data: no persona matches {persona:x}",
		},
		{
			name: "a hop", thresholds: []string{"p95{hop:upstream} < 500ms"}, lots: []lot{{name: "GET /a", requests: 2000, over: 2000}}, want: Pass,
			change: func(e *Evidence) { e.Hops = []Series{lot{name: "hop:upstream", requests: 1000}.series(12)} },
		},
		{name: "a hop that says nothing", thresholds: []string{"p95{hop:upstream} < 500ms"}, lots: []lot{{name: "GET /a", requests: 2000}}, want: Inconclusive, reason: "no answer told how long {hop:upstream} took"},
		{name: "two looks err half as often each", thresholds: []string{"error_rate < 1%"}, lots: []lot{{requests: 367}}, want: Inconclusive, change: func(e *Evidence) { e.Looks = 2 }, reason: "about 1 more request"},
		{name: "two looks, enough", thresholds: []string{"error_rate < 1%"}, lots: []lot{{requests: 368}}, want: Pass, change: func(e *Evidence) { e.Looks = 2 }},
		{name: "partial", thresholds: []string{"p95 < 500ms"}, lots: []lot{{requests: 1000}}, want: Pass, change: func(e *Evidence) { e.Complete = false }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			thresholds := parse(t, tt.thresholds...)
			n := tt.blocks
			if n == 0 {
				n = blocks
			}
			e := evidence(thresholds, n, tt.lots...)
			if tt.change != nil {
				tt.change(&e)
			}
			checkJudgement(t, Judge(thresholds, e), tt.want, tt.each, tt.reason)
		})
	}
}

func checkJudgement(t *testing.T, j Judgement, want Verdict, each []Verdict, reason string) {
	t.Helper()
	var got []Verdict
	for _, th := range j.Thresholds {
		got = append(got, th.Verdict)
		if th.Reason == "" || strings.Contains(th.Reason, "NaN") || strings.Contains(th.Reason, "%!") {
			t.Errorf("%s: reason %q", th.Expression, th.Reason)
		}
	}
	if each == nil {
		for range got {
			each = append(each, want)
		}
	}
	if diff := cmp.Diff(each, got); diff != "" {
		t.Errorf("thresholds: -want +got\n%s", diff)
	}
	if j.Verdict != want {
		t.Errorf("verdict %s, want %s", j.Verdict, want)
	}
	if reason != "" && (len(j.Reasons) == 0 || !strings.Contains(strings.Join(j.Reasons, "\n"), reason)) {
		t.Errorf("reasons %q\nwant %q", j.Reasons, reason)
	}
	if want != None && len(j.Reasons) == 0 {
		t.Error("no reason")
	}
}

func TestJudgeDesignEffect(t *testing.T) {
	// 4 % slow in all: spread evenly this passes, in one burst it decides nothing.
	thresholds := parse(t, "p95 < 500ms")
	even := evidence(thresholds, 20, lot{requests: 4000, over: 60})
	burst := evidence(thresholds, 20, lot{requests: 4000, over: 60})
	burst.Total.Blocks = evidence(thresholds, 20, lot{requests: 4000}).Total.Blocks
	burst.Total.Blocks[7].slow(60)
	if v := Judge(thresholds, even).Verdict; v != Pass {
		t.Errorf("even: %s", v)
	}
	if *Judge(thresholds, burst).Thresholds[0].Share != .015 {
		t.Error("the share does not depend on the blocks")
	}
	burst = evidence(thresholds, 20, lot{requests: 4000, over: 160})
	burst.Total.Blocks = evidence(thresholds, 20, lot{requests: 4000}).Total.Blocks
	burst.Total.Blocks[7].slow(160)
	if j := Judge(thresholds, burst); j.Verdict != Inconclusive {
		t.Errorf("a burst of 4 %%: %s %v", j.Verdict, j.Reasons)
	}
	even = evidence(thresholds, 20, lot{requests: 4000, over: 160})
	if j := Judge(thresholds, even); j.Verdict != Pass {
		t.Errorf("4 %% evenly: %s %v", j.Verdict, j.Reasons)
	}
}

// TestHolmOverEndpoints: what would break one endpoint alone is chance among 30.
func TestHolmOverEndpoints(t *testing.T) {
	thresholds := parse(t, "error_rate{*} < 1%")
	lots := []lot{{name: "GET /0", requests: 600, failed: 12, class: timeout}} // p = .02
	if j := Judge(thresholds, evidence(thresholds, 12, lots...)); j.Verdict != Fail {
		t.Errorf("alone: %s", j.Verdict)
	}
	for i := range 29 {
		lots = append(lots, lot{name: fmt.Sprintf("GET /%d", i+1), requests: 600})
	}
	j := Judge(thresholds, evidence(thresholds, 12, lots...))
	if j.Verdict != Pass {
		t.Errorf("among 30: %s %v", j.Verdict, j.Reasons)
	}
	if len(j.Reasons) != 1 || !strings.Contains(j.Reasons[0], "none of 30 endpoints shown to break it") {
		t.Errorf("reasons %q", j.Reasons)
	}
	for i := range lots {
		lots[i].failed, lots[i].class = 300, status503
	}
	if j := Judge(thresholds, evidence(thresholds, 12, lots...)); len(j.Reasons) != maxEach+1 || !strings.Contains(j.Reasons[maxEach], "broken by 25 more endpoints") {
		t.Errorf("reasons %q", j.Reasons)
	}
}

func TestInvalid(t *testing.T) {
	stopped := func(e *Evidence) { e.Generator.StallMax, e.Generator.Stalls = 2*time.Second, 1 }
	tests := []struct {
		name       string
		thresholds []string
		lot        lot
		want       Verdict
		each       []Verdict
	}{
		{"a pass is withheld", []string{"p95 < 500ms"}, lot{requests: 2000}, Invalid, nil},
		{"so is a slow fail", []string{"p95 < 500ms"}, lot{requests: 2000, over: 400}, Invalid, nil},
		{"so is a throughput", []string{"throughput >= 100/s"}, lot{requests: 2000}, Invalid, nil},
		{"an error rate is judged", []string{"error_rate < 1%", "p95 < 500ms"}, lot{requests: 2000}, Invalid, []Verdict{Pass, Invalid}},
		{"timeouts may be the generator's", []string{"error_rate < 1%", "p95 < 500ms"}, lot{requests: 2000, failed: 400, class: timeout}, Invalid, []Verdict{Fail, Invalid}},
		{"a 503 is not", []string{"error_rate < 1%", "p95 < 500ms"}, lot{requests: 2000, failed: 400, class: status503}, Fail, nil},
		{"nor a reset", []string{"p95 < 500ms"}, lot{requests: 2000, failed: 400, class: metric.Class{Outcome: metric.Reset}}, Fail, nil},
		{"few of them do not decide", []string{"p95 < 500ms"}, lot{requests: 2000, over: 300, failed: 40, class: status503}, Invalid, nil},
		{"throughput lost to 503", []string{"throughput >= 30/s"}, lot{requests: 2000, failed: 1000, class: status503}, Fail, nil},
		{"nothing asked", nil, lot{requests: 2000}, Invalid, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			thresholds := parse(t, tt.thresholds...)
			e := evidence(thresholds, 12, tt.lot)
			stopped(&e)
			j := Judge(thresholds, e)
			checkJudgement(t, j, tt.want, tt.each, "lt stood still for 2s (allowed 1s)")
			if j.Valid || len(j.Validity) != 1 {
				t.Errorf("valid %v: %v", j.Valid, j.Validity)
			}
			for _, th := range j.Thresholds {
				if th.Verdict == Fail && th.ByTarget != tt.lot.class.TargetsOwn() {
					t.Errorf("%s by the target: %v", th.Expression, th.ByTarget)
				}
			}
		})
	}
}

func TestReasonsOrder(t *testing.T) {
	thresholds := parse(t, "p99 < 500ms", "error_rate{*} < 1%", "p90 < 500ms", "error_rate < 1%")
	e := evidence(thresholds, 12, lot{name: "GET /a", requests: 2000, over: 180, failed: 40, class: status503})
	j := Judge(thresholds, e)
	want := []string{"p99 ", "error rate ", "GET /a: ", "p90 "}
	if len(j.Reasons) != len(want) {
		t.Fatalf("%q", j.Reasons)
	}
	for i := range want {
		if !strings.HasPrefix(j.Reasons[i], want[i]) {
			t.Errorf("reason %d is %q, want %q", i, j.Reasons[i], want[i])
		}
	}
}

// rank orders the verdicts from bad to good.
var rank = map[Verdict]int{Fail: 0, Invalid: 1, Inconclusive: 2, None: 3, Pass: 4}

// TestMoreFailuresNeverImprove: with more of the same requests failing or slow, a
// verdict stays or gets worse.
func TestMoreFailuresNeverImprove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expressions := []string{"p95 < 500ms", "p50 < 500ms", "p99.9 < 500ms", "error_rate < 1%", "availability >= 99%", "error_rate{*} < 1%", "p95{*} < 500ms", "checks > 99%"}
		th, err := ParseThreshold(rapid.SampledFrom(expressions).Draw(t, "threshold"))
		if err != nil {
			t.Fatal(err)
		}
		thresholds := []Threshold{th}
		blocks := rapid.SampledFrom([]int{0, 1, 4, 12}).Draw(t, "blocks")
		l := lot{name: "GET /a", requests: rapid.Int64Range(0, 3000).Draw(t, "requests"), class: timeout}
		if th.Metric == "checks" {
			l.class = metric.Class{Outcome: metric.Check}
		}
		l.failed = rapid.Int64Range(0, l.requests).Draw(t, "failed")
		l.over = rapid.Int64Range(0, l.requests-l.failed).Draw(t, "over")
		better := Judge(thresholds, evidence(thresholds, blocks, l))
		l.failed += rapid.Int64Range(0, l.requests-l.failed-l.over).Draw(t, "more failed")
		worse := Judge(thresholds, evidence(thresholds, blocks, l))
		if rank[worse.Verdict] > rank[better.Verdict] {
			t.Fatalf("%s %q became %s %q", better.Verdict, better.Reasons, worse.Verdict, worse.Reasons)
		}
	})
}

// TestNoDataNeverPasses: whatever is asked of a run without requests.
func TestNoDataNeverPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(measures).Draw(t, "metric")
		op := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "=="}).Draw(t, "op")
		limit := rapid.Float64Range(0, 1).Draw(t, "limit")
		th, err := ParseThreshold(fmt.Sprintf("%s %s %f", m.name, op, limit))
		if err != nil {
			t.Skip()
		}
		l := lot{name: "GET /a", warmup: Count{rapid.Int64Range(0, 1000).Draw(t, "warm-up"), 0}}
		e := evidence([]Threshold{th}, rapid.IntRange(0, 12).Draw(t, "blocks"), l)
		e.Iterations, e.Nominal = rapid.Int64Range(0, 10).Draw(t, "iterations"), 5
		if v := Judge([]Threshold{th}, e).Verdict; v == Pass || v == None {
			t.Fatalf("%s: %s", th.Expression, v)
		}
	})
}
