// Package promcheck runs the rules that lt writes in Prometheus' own engine. It is
// a module of its own, for Prometheus is many times as large as lt.
package promcheck

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
)

var promql = parser.NewParser(parser.Options{})

// baseline is a run whose one endpoint has a P95 of 50 ms: the limit is 60 ms.
func baseline(path string) *run.Result {
	lat := &run.Latency{P50: 20, P90: 40, P95: 50, P99: 80, P999: 90, Max: 100, Mean: 25, Min: 1, N: 50000}
	rate := .001
	return &run.Result{
		RunID: "base", Scenario: "normal", Target: "http://127.0.0.1:8009", StartedAt: time.Unix(1e9, 0), Complete: true, Verdict: verdict.Pass,
		Totals:    run.Totals{Requests: 50000, ErrorRate: &rate, Response: lat},
		Endpoints: []run.EndpointResult{{Name: "GET " + path, Method: "GET", Path: path, Requests: 50000, Response: lat}},
	}
}

func options(edges ...string) report.AlertOptions {
	return report.AlertOptions{
		Name: "lt", Duration: "http_request_duration_seconds", Requests: "http_requests_total", MethodLabel: "method", PathLabel: "route",
		StatusLabel: "status", Match: map[string]string{"job": "gw"}, Edges: edges, Margin: .2, For: 5 * time.Minute, Window: 5 * time.Minute, SLO: .999,
	}
}

func parsed(t *testing.T, r *run.Result, o report.AlertOptions) []rulefmt.Rule {
	t.Helper()
	text, _, _, err := report.Alerts(r, o)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, promql, slog.Default())
	if len(errs) > 0 {
		t.Fatalf("%v\n%s", errs, text)
	}
	return groups.Groups[0].Rules
}

// state evaluates the rule every 15 s up to a time, and gives what it is then:
// inactive, pending, firing.
func state(t *testing.T, r rulefmt.Rule, load string, at time.Duration) string {
	t.Helper()
	storage := promqltest.LoadedStorage(t, load)
	defer storage.Close()
	expr, err := promql.ParseExpr(r.Expr)
	if err != nil {
		t.Fatal(err)
	}
	rule := rules.NewAlertingRule(r.Alert, expr, time.Duration(r.For), 0, labels.FromMap(r.Labels), labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, slog.Default())
	query := rules.EngineQueryFunc(promqltest.NewTestEngine(t, false, 5*time.Minute, 10_000_000), storage)
	for now := time.Duration(0); now <= at; now += 15 * time.Second {
		if _, err := rule.Eval(context.Background(), 0, time.Unix(0, 0).Add(now), query, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range rule.ActiveAlerts() {
		return a.State.String()
	}
	return rules.StateInactive.String()
}

const own = `job="gw",method="GET",route="/a/{id}"`

// latency is load in which the share of requests is over each of the edges.
func latency(perStep, slow float64, edges ...string) string {
	b := strings.Builder{}
	b.WriteString("load 15s\n")
	for _, e := range edges {
		under := perStep * (1 - slow)
		if e == "+Inf" || e == "1" {
			under = perStep
		}
		fmt.Fprintf(&b, "  http_request_duration_seconds_bucket{%s,le=%q} 0+%gx200\n", own, e, under)
	}
	fmt.Fprintf(&b, "  http_request_duration_seconds_count{%s} 0+%gx200\n", own, perStep)
	return b.String()
}

func answers(perStep, failing float64) string {
	return fmt.Sprintf("load 15s\n  http_requests_total{job=\"gw\",status=\"200\"} 0+%gx1400\n  http_requests_total{job=\"gw\",status=\"503\"} 0+%gx1400\n",
		perStep*(1-failing), perStep*failing)
}

// TestRules: each rule below its limit, at it, above it for too short a time,
// above it for long enough, without data, and with little traffic.
func TestRules(t *testing.T) {
	exact := parsed(t, baseline("/a/{id}"), options("0.05", "0.06", "1", "+Inf"))
	between := parsed(t, baseline("/a/{id}"), options("0.055", "0.1", "1", "+Inf"))
	byName := func(rs []rulefmt.Rule, name string) rulefmt.Rule {
		for _, r := range rs {
			if r.Alert == name {
				return r
			}
		}
		t.Fatalf("no rule %s", name)
		panic("")
	}
	at := func(slow float64) string { return latency(150, slow, "0.05", "0.06", "1", "+Inf") }
	off := func(slow float64) string { return latency(150, slow, "0.055", "0.1", "1", "+Inf") }
	const none = "load 15s\n  up{job=\"gw\"} 1x200\n"
	type step struct {
		name, load string
		at         time.Duration
		want       string
	}
	const long, short = 20 * time.Minute, 3 * time.Minute
	for _, c := range []struct {
		rule  rulefmt.Rule
		steps []step
	}{
		{byName(exact, "LatencyP95AboveBaseline"), []step{
			{"below", at(.04), long, "inactive"},
			{"at", at(.05), long, "inactive"},
			{"above, short", at(.06), short, "pending"},
			{"above", at(.06), long, "firing"},
			{"no data", none, long, "inactive"},
			{"low traffic", latency(1, .5, "0.05", "0.06", "1", "+Inf"), long, "inactive"},
		}},
		{byName(between, "LatencyP95AboveBaseline"), []step{
			{"below", off(.04), long, "inactive"},
			{"far above, short", off(.5), short, "pending"},
			{"far above", off(.5), long, "firing"},
			{"no data", none, long, "inactive"},
			{"low traffic", latency(1, .5, "0.055", "0.1", "1", "+Inf"), long, "inactive"},
		}},
		{byName(exact, "ErrorRateAboveBaseline"), []step{
			{"below", answers(150, .009), long, "inactive"},
			{"above, short", answers(150, .02), short, "pending"},
			{"above", answers(150, .02), long, "firing"},
			{"no data", none, long, "inactive"},
			{"low traffic", answers(1, .5), long, "inactive"},
		}},
		{byName(exact, "AvailabilityBelowBaseline"), []step{
			{"below", answers(150, .009), long, "inactive"},
			{"above, short", answers(150, .02), short, "pending"},
			{"above", answers(150, .02), long, "firing"},
			{"no data", none, long, "inactive"},
		}},
		{byName(exact, "NoMeasurements"), []step{
			{"measured", answers(150, 0), long, "inactive"}, {"gone, short", none, short, "pending"}, {"gone", none, long, "firing"},
		}},
		{byName(exact, "ErrorBudgetBurn1h"), []step{
			{"below", answers(150, .01), long, "inactive"}, {"above", answers(150, .0150), long, "firing"}, {"no data", none, long, "inactive"},
		}},
		{byName(exact, "ErrorBudgetBurn72h"), []step{
			{"below", answers(150, .0009), long, "inactive"}, {"above", answers(150, .0012), long, "firing"},
		}},
	} {
		for _, s := range c.steps {
			t.Run(c.rule.Alert+"/"+s.name, func(t *testing.T) {
				if got := state(t, c.rule, s.load, s.at); got != s.want {
					t.Errorf("%s after %v, want %s: %s", got, s.at, s.want, c.rule.Expr)
				}
			})
		}
	}
}

// TestNames: whatever an endpoint is called, its rules parse, and ask for just
// that name.
func TestNames(t *testing.T) {
	alphabet := []rune("ab/{}\"'\\`$%\n\t#:,=~!()[]é\u202e😀 ")
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		name := []rune("/")
		for range random.IntN(12) {
			name = append(name, alphabet[random.IntN(len(alphabet))])
		}
		path := string(name)
		if random.IntN(4) == 0 {
			path += "{{ $value }}"
		}
		for _, r := range parsed(t, baseline(path), options("0.06")) {
			if r.Alert != "LatencyP95AboveBaseline" {
				continue
			}
			expr, err := promql.ParseExpr(r.Expr)
			if err != nil {
				t.Fatalf("%q: %v", path, err)
			}
			found := 0
			for _, selectors := range parser.ExtractSelectors(expr) {
				for _, m := range selectors {
					if m.Name == "route" {
						found++
						if m.Value != path || m.Type != labels.MatchEqual {
							t.Fatalf("%q is asked for as %v", path, m)
						}
					}
				}
			}
			if found != 3 {
				t.Fatalf("%q stands in %d selectors", path, found)
			}
		}
	}
}
