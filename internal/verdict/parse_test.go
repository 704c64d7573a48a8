package verdict

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseThreshold(t *testing.T) {
	tests := []struct {
		in   string
		want Threshold
	}{
		{"p95 < 500ms", Threshold{Expression: "p95 < 500ms", Metric: "p95", Quantile: .95, Op: "<", Limit: 500, Unit: UnitMS}},
		{"p95<500", Threshold{Expression: "p95 < 500ms", Metric: "p95", Quantile: .95, Op: "<", Limit: 500, Unit: UnitMS}},
		{" p(95) <= 0.5s ", Threshold{Expression: "p95 <= 500ms", Metric: "p95", Quantile: .95, Op: "<=", Limit: 500, Unit: UnitMS}},
		{"p95.0 < 1500 ms", Threshold{Expression: "p95 < 1.5s", Metric: "p95", Quantile: .95, Op: "<", Limit: 1500, Unit: UnitMS}},
		{"p99.9 < 1m30s", Threshold{Expression: "p99.9 < 90s", Metric: "p99.9", Quantile: .999, Op: "<", Limit: 90000, Unit: UnitMS}},
		{"p(99.99)<2s", Threshold{Expression: "p99.99 < 2s", Metric: "p99.99", Quantile: .9999, Op: "<", Limit: 2000, Unit: UnitMS}},
		{"p50 < 250us", Threshold{Expression: "p50 < 0.25ms", Metric: "p50", Quantile: .5, Op: "<", Limit: .25, Unit: UnitMS}},
		{"med<100", Threshold{Expression: "p50 < 100ms", Metric: "p50", Quantile: .5, Op: "<", Limit: 100, Unit: UnitMS}},
		{"avg < 200ms", Threshold{Expression: "mean < 200ms", Metric: "mean", Op: "<", Limit: 200, Unit: UnitMS}},
		{"max<2s", Threshold{Expression: "max < 2s", Metric: "max", Op: "<", Limit: 2000, Unit: UnitMS}},
		{"min > 1ms", Threshold{Expression: "min > 1ms", Metric: "min", Op: ">", Limit: 1, Unit: UnitMS}},
		{"error_rate < 1%", Threshold{Expression: "error_rate < 1%", Metric: "error_rate", Op: "<", Limit: .01, Unit: UnitRatio}},
		{"error_rate<0.01", Threshold{Expression: "error_rate < 1%", Metric: "error_rate", Op: "<", Limit: .01, Unit: UnitRatio}},
		{"error_rate == 0", Threshold{Expression: "error_rate == 0%", Metric: "error_rate", Op: "==", Limit: 0, Unit: UnitRatio}},
		{"error_rate < 0.3 %", Threshold{Expression: "error_rate < 0.3%", Metric: "error_rate", Op: "<", Limit: .003, Unit: UnitRatio}},
		{"availability >= 99.9%", Threshold{Expression: "availability >= 99.9%", Metric: "availability", Op: ">=", Limit: .999, Unit: UnitRatio}},
		{"availability === 100%", Threshold{Expression: "availability == 100%", Metric: "availability", Op: "==", Limit: 1, Unit: UnitRatio}},
		{"checks > 99%", Threshold{Expression: "checks > 99%", Metric: "checks", Op: ">", Limit: .99, Unit: UnitRatio}},
		{"throughput >= 100/s", Threshold{Expression: "throughput >= 100/s", Metric: "throughput", Op: ">=", Limit: 100, Unit: UnitPerSecond}},
		{"throughput > 12.5", Threshold{Expression: "throughput > 12.5/s", Metric: "throughput", Op: ">", Limit: 12.5, Unit: UnitPerSecond}},
		{"attempts>100rps", Threshold{Expression: "attempts > 100/s", Metric: "attempts", Op: ">", Limit: 100, Unit: UnitPerSecond}},
		{"requests >= 1000", Threshold{Expression: "count >= 1000", Metric: "count", Op: ">=", Limit: 1000, Unit: UnitCount}},
		{"dropped == 0", Threshold{Expression: "dropped == 0", Metric: "dropped", Op: "==", Limit: 0, Unit: UnitCount}},
		{"pace >= 90%", Threshold{Expression: "pace >= 0.9", Metric: "pace", Op: ">=", Limit: .9, Unit: UnitRatio}},

		{"p95{GET /orders/*} < 300ms", Threshold{Expression: "p95{GET /orders/*} < 300ms", Metric: "p95", Quantile: .95, Scope: "GET /orders/*", Op: "<", Limit: 300, Unit: UnitMS}},
		{"p95 { GET /orders/{id} } < 300ms", Threshold{Expression: "p95{GET /orders/{id}} < 300ms", Metric: "p95", Quantile: .95, Scope: "GET /orders/{id}", Op: "<", Limit: 300, Unit: UnitMS}},
		{"p95{each GET /*} < 300ms", Threshold{Expression: "p95{each GET /*} < 300ms", Metric: "p95", Quantile: .95, Scope: "GET /*", Each: true, Op: "<", Limit: 300, Unit: UnitMS}},
		{"error_rate{*} < 1%", Threshold{Expression: "error_rate{*} < 1%", Metric: "error_rate", Scope: "*", Each: true, Op: "<", Limit: .01, Unit: UnitRatio}},
		{"error_rate{each *} < 1%", Threshold{Expression: "error_rate{*} < 1%", Metric: "error_rate", Scope: "*", Each: true, Op: "<", Limit: .01, Unit: UnitRatio}},
		{"p95{GET /a:b} < 1s", Threshold{Expression: "p95{GET /a:b} < 1s", Metric: "p95", Quantile: .95, Scope: "GET /a:b", Op: "<", Limit: 1000, Unit: UnitMS}},

		{"p95 < 500ms for 30s", Threshold{Expression: "p95 < 500ms for 30s", Metric: "p95", Quantile: .95, Op: "<", Limit: 500, Unit: UnitMS, For: 30 * time.Second}},
		{"error_rate<5%  within  90s", Threshold{Expression: "error_rate < 5% within 1m30s", Metric: "error_rate", Op: "<", Limit: .05, Unit: UnitRatio, Within: 90 * time.Second}},
		{"error_rate < 20 % abort after 30s", Threshold{Expression: "error_rate < 20% abort after 30s", Metric: "error_rate", Op: "<", Limit: .2, Unit: UnitRatio, Abort: true, Grace: 30 * time.Second}},
		{"p(99) < 1 s for 10s abort", Threshold{Expression: "p99 < 1s for 10s abort", Metric: "p99", Quantile: .99, Op: "<", Limit: 1000, Unit: UnitMS, For: 10 * time.Second, Abort: true}},
		{"availability > 80% abort within 10s", Threshold{Expression: "availability > 80% within 10s abort", Metric: "availability", Op: ">", Limit: .8, Unit: UnitRatio, Within: 10 * time.Second, Abort: true}},
		{"throughput >= 100/s for 1h warn", Threshold{Expression: "throughput >= 100/s for 1h warn", Metric: "throughput", Op: ">=", Limit: 100, Unit: UnitPerSecond, For: time.Hour, Warn: true}},
		{"dropped == 0 warn", Threshold{Expression: "dropped == 0 warn", Metric: "dropped", Op: "==", Limit: 0, Unit: UnitCount, Warn: true}},
		{"service_p95 < 500ms", Threshold{Expression: "service_p95 < 500ms", Metric: "service_p95", Quantile: .95, Op: "<", Limit: 500, Unit: UnitMS}},
		{"service_mean{GET /a} < 1s", Threshold{Expression: "service_mean{GET /a} < 1s", Metric: "service_mean", Scope: "GET /a", Op: "<", Limit: 1000, Unit: UnitMS}},
		{"service_max < 2s", Threshold{Expression: "service_max < 2s", Metric: "service_max", Op: "<", Limit: 2000, Unit: UnitMS}},
		{"goodput >= 95%", Threshold{Expression: "goodput >= 95%", Metric: "goodput", Op: ">=", Limit: .95, Unit: UnitRatio}},
		{"p95{persona: buyer } < 300ms", Threshold{Expression: "p95{persona:buyer} < 300ms", Metric: "p95", Quantile: .95, Scope: "persona:buyer", Op: "<", Limit: 300, Unit: UnitMS}},
		{"error_rate{each persona:*} < 1%", Threshold{Expression: "error_rate{each persona:*} < 1%", Metric: "error_rate", Scope: "persona:*", Each: true, Op: "<", Limit: .01, Unit: UnitRatio}},
		{"p95{hop:upstream} < 200ms", Threshold{Expression: "p95{hop:upstream} < 200ms", Metric: "p95", Quantile: .95, Scope: "hop:upstream", Op: "<", Limit: 200, Unit: UnitMS}},

		{"http_req_duration: p(95)<500", Threshold{Expression: "p95 < 500ms", Metric: "p95", Quantile: .95, Op: "<", Limit: 500, Unit: UnitMS}},
		{"http_req_duration:avg<200", Threshold{Expression: "mean < 200ms", Metric: "mean", Op: "<", Limit: 200, Unit: UnitMS}},
		{"http_req_duration: med < 100", Threshold{Expression: "p50 < 100ms", Metric: "p50", Quantile: .5, Op: "<", Limit: 100, Unit: UnitMS}},
		{"http_req_duration{name:GET /orders}: p(99)<1000", Threshold{Expression: "p99{GET /orders} < 1s", Metric: "p99", Quantile: .99, Scope: "GET /orders", Op: "<", Limit: 1000, Unit: UnitMS}},
		{"http_req_failed: rate<0.01", Threshold{Expression: "error_rate < 1%", Metric: "error_rate", Op: "<", Limit: .01, Unit: UnitRatio}},
		{"rate<0.01", Threshold{Expression: "error_rate < 1%", Metric: "error_rate", Op: "<", Limit: .01, Unit: UnitRatio}},
		{"checks: rate>0.99", Threshold{Expression: "checks > 99%", Metric: "checks", Op: ">", Limit: .99, Unit: UnitRatio}},
		{"http_reqs: rate>100", Threshold{Expression: "attempts > 100/s", Metric: "attempts", Op: ">", Limit: 100, Unit: UnitPerSecond}},
		{"http_reqs: count>1000", Threshold{Expression: "count > 1000", Metric: "count", Op: ">", Limit: 1000, Unit: UnitCount}},
		{"dropped_iterations: count==0", Threshold{Expression: "dropped == 0", Metric: "dropped", Op: "==", Limit: 0, Unit: UnitCount}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseThreshold(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			again, err := ParseThreshold(got.Expression)
			if err != nil || again != got {
				t.Errorf("read again: %+v, %v", again, err)
			}
		})
	}
}

func TestParseThresholdMistakes(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `it is empty; write a metric, an operator and a limit, such as "p95 < 500ms"`},
		{"p95", `there is no operator after p95; write < <= > >= or == and a limit, such as "p95 < 500ms"`},
		{"p95 <", `there is no limit after <; write one, such as "p95 < 500ms"`},
		{"< 500ms", `it begins with no metric; write one before the operator, such as "p95 < 500ms"`},
		{"p95 != 500ms", `"!= 500ms" is no operator; use < <= > >= or ==, such as "p95 < 500ms"`},
		{"p95 = 500ms", `"= 500ms" is no operator; use < <= > >= or ==, such as "p95 < 500ms"`},
		{"p999 < 2s", "there is no p999: percentiles are p1 to p99.99; did you mean p99.9?"},
		{"p100 < 2s", "there is no p100: percentiles are p1 to p99.99, such as"},
		{"p0.5 < 2s", "for the extremes use min and max"},
		{"error_rte < 1%", `there is no metric "error_rte"; did you mean "error_rate < 1%"?`},
		{"Throughput > 1", `there is no metric "Throughput"; did you mean "throughput >= 100/s"?`},
		{"banana < 1", `there is no metric "banana"; lt has p95, error_rate, `},
		{"http_req_duration < 500", `k6's http_req_duration needs an aggregation, such as "http_req_duration: p(95)<500"`},
		{"p95 < for 30s", "there is no limit before for"},
		{"p95 < 500ms for", `there is no duration after for; write "for 30s"`},
		{"p95 < 500ms for long", `"long" after for is no duration`},
		{"p95 < 500ms for 10ms", "for 10ms is out of what lt can tell, 1s to 24h"},
		{"p95 < 500ms for 30s within 10s", "for and within exclude each other"},
		{"p95 < 500ms for 30s for 30s", "it says for twice"},
		{"p95 < 500ms abort warn", "abort and warn exclude each other"},
		{"p95 < 500ms warn please", `"please" is no word that may follow a limit`},
		{"p95 < 500ms abort after", `there is no duration after abort after`},
		{"max < 500ms for 30s", "max < has no windows"},
		{"goodput > 90% within 30s", "goodput > has no windows"},
		{"throughput > 100/s abort", "throughput > cannot abort a run"},
		{"p95 > 500ms abort", "p95 > cannot abort a run"},
		{"error_rate == 0 within 10s", "error_rate == has no windows"},
		{"service_throughput > 1/s", `there is no metric "service_throughput"`},
		{"service_service_p95 < 1s", `there is no metric`},
		{"p95{persona:} < 1s", "names no persona"},
		{"p95{hop:gateway} < 1s", "the scope {hop:gateway} names no hop that tells of its time"},
		{"http_req_waiting: p(95)<500", "lt does not measure k6's http_req_waiting; it has p95, "},
		{"http_req_failed: p(95)<500", `lt does not know "p95" of k6's http_req_failed; it has p95, `},
		{"rate > 0.99", `for checks write "checks > 99%"`},
		{"p95 < fast", `the limit "fast" is no duration; write it with its unit, such as "p95 < 500ms"`},
		{"p95 < 500/s", `the limit "500/s" is no duration`},
		{"p95 < 1e3", `the limit "1e3" is no duration`},
		{"p95 < 5.5.5", `the limit "5.5.5" is no number; write a duration, 500ms or 2s, such as`},
		{"p95 < 0", "out of what lt measures, 1us to 24h"},
		{"p95 < 25h", "out of what lt measures, 1us to 24h"},
		{"p95 == 500ms", "p95 is measured, so that it is never exactly this"},
		{"error_rate < 5", "the limit is a share of more than 1; did you mean error_rate < 5%?"},
		{"error_rate < 500ms", `the limit "500ms" has the wrong unit; write a share, 1% or 0.01, such as "error_rate < 1%"`},
		{"error_rate == 1%", "never exactly this"},
		{"error_rate < 0%", `nothing is less than 0; write "error_rate <= 0"`},
		{"availability > 100%", `nothing is more than 100%; write "availability >= 100%"`},
		{"throughput > -5/s", `the limit -5/s is negative; write "throughput >= 100/s"`},
		{"throughput > 5%", `the limit "5%" has the wrong unit; write a rate, 100/s`},
		{"count > 1,000", `the limit "1,000" has the wrong unit; write a plain number`},
		{"p95{GET /a < 300ms", `the scope's { has no }`},
		{"p95{} < 300ms", "the scope {} names no endpoint"},
		{"p95{each each x} < 300ms", "says each twice"},
		{"p95{name:name:x} < 300ms", "says name twice"},
		{"dropped{GET /a} == 0", "dropped is a figure of the whole run, not of an endpoint"},
		{"http_req_duration{expected_response:true}: p(95)<500", "the scope {expected_response:true} is a tag of k6; lt takes the endpoint's name"},
		{"http_req_duration{name:a}: p(95){b}<500", "two scopes, {name:a} and {b}; one is enough"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseThreshold(tt.in)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func FuzzParseThreshold(f *testing.F) {
	for _, s := range []string{
		"p95 < 500ms", "p(99.9)<=2s", "error_rate{*} < 1%", "p95{each GET /a/{id}} < 1.5s", "http_req_duration{name:x}: avg<3",
		"throughput >= 0.1/s", "availability == 100%", "p95 < 1s for 30s", "error_rate<5% within 1m0.5s abort after 3s", "service_p99{persona:x} < 2s warn", "p95{each hop:upstream}<1", "pace >= .9", "count<1", "p95<.001", "p95{a:b c} < 86400s", "rate<0.07%",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseThreshold(s)
		if err != nil {
			return
		}
		again, err := ParseThreshold(got.Expression)
		if err != nil || again != got {
			t.Fatalf("%q is %+v, but its expression %q is %+v, %v", s, got, got.Expression, again, err)
		}
		if row, canonical, q, ok := lookup(got.Metric); !ok || canonical != got.Metric || q != got.Quantile || row.unit != got.Unit {
			t.Fatalf("%q: the metric is not in the table: %+v", s, got)
		}
	})
}

func TestDefault(t *testing.T) {
	var got []string
	for _, d := range Default() {
		got = append(got, d.Expression+" "+d.Source)
	}
	if diff := cmp.Diff([]string{"error_rate < 1% default", "p95 < 500ms default", "error_rate{*} < 1% default"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestTable holds the metric table to its promise: every row's example can be
// read, and means the row.
func TestTable(t *testing.T) {
	for _, m := range measures {
		th, err := ParseThreshold(m.example)
		if err != nil || th.Metric != m.name || m.about == "" || m.find == nil {
			t.Errorf("row %s: %+v, %v", m.name, th, err)
		}
	}
}

func parse(t testing.TB, expressions ...string) []Threshold {
	t.Helper()
	var all []Threshold
	for _, s := range expressions {
		th, err := ParseThreshold(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, th)
	}
	return all
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name string
		base []Threshold
		more []string
		want []string
	}{
		{"replaced", Default(), []string{"p95 < 300ms"}, []string{"error_rate < 1%", "p95 < 300ms", "error_rate{*} < 1%"}},
		{"added", Default(), []string{"p99 < 1s"}, []string{"error_rate < 1%", "p95 < 500ms", "error_rate{*} < 1%", "p99 < 1s"}},
		{"other scope", Default(), []string{"p95{GET /a} < 1s"}, []string{"error_rate < 1%", "p95 < 500ms", "error_rate{*} < 1%", "p95{GET /a} < 1s"}},
		{"each is not together", parse(t, "p95{GET /*} < 1s"), []string{"p95{each GET /*} < 2s"}, []string{"p95{GET /*} < 1s", "p95{each GET /*} < 2s"}},
		{"the endpoint rule follows", Default(), []string{"error_rate < 5%"}, []string{"error_rate < 5%", "p95 < 500ms", "error_rate{*} < 5%"}},
		{"an endpoint rule that was set does not", Default(), []string{"error_rate < 5%", "error_rate{*} < 2%"}, []string{"error_rate < 5%", "p95 < 500ms", "error_rate{*} < 2%"}},
		{"kinds stand beside each other", Default(), []string{"p95 < 300ms warn", "p95 < 400ms for 30s", "p95 < 450ms within 30s", "error_rate < 20% abort"}, []string{
			"error_rate < 1%", "p95 < 500ms", "error_rate{*} < 1%", "p95 < 300ms warn", "p95 < 400ms for 30s", "p95 < 450ms within 30s", "error_rate < 20% abort",
		}},
		{"of one kind the last wins", nil, []string{"p95 < 300ms for 30s", "p95 < 400ms for 10s"}, []string{"p95 < 400ms for 10s"}},
		{"the last wins", nil, []string{"p95 < 1s", "p95 < 2s"}, []string{"p95 < 2s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := append([]Threshold(nil), tt.base...)
			var got []string
			for _, th := range Merge(tt.base, parse(t, tt.more...)) {
				got = append(got, th.Expression)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, tt.base); diff != "" {
				t.Errorf("the base was changed:\n%s", diff)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	tests := []struct {
		scope, name string
		want        bool
	}{
		{"", "GET /a", false},
		{"*", "GET /a", true},
		{"GET /a", "GET /a", true},
		{"GET /a", "GET /ab", false},
		{"GET /a*", "GET /a/b/c", true},
		{"* /a", "POST /a", true},
		{"* /a", "POST /a/a", false},
		{"*a*b*", "xaxbx", true},
		{"*ab*ab", "xab", false},
		{"*ab*ab", "abab", true},
		{"a*a", "a", false},
		{"GET /{id}", "GET /{id}", true},
	}
	for _, tt := range tests {
		if got := (Threshold{Scope: tt.scope}).Matches(tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.scope, tt.name, got)
		}
	}
}

func TestK6Spelled(t *testing.T) {
	for s, want := range map[string]bool{
		"http_req_duration: p(95)<500": true, "p(95)<500": true, " p (95) < 500ms": true, "http_req_failed: rate<0.01": true, "rate<0.01": true,
		"med < 100": true, "avg<1": true, "checks: rate>0.9": true, "http_req_duration{name:x}: avg<3": true, "dropped_iterations: count==0": true,
		"p95===3": true, "http_reqs > 3/s": true,
		"p95 < 500ms": false, "error_rate < 1%": false, "checks > 99%": false, "p95{GET /rate} < 1s": false, "mean < 1s": false, "": false, "dropped == 0": false,
	} {
		if got := K6Spelled(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
