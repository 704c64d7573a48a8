package report

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/run"
)

func alertOptions(edges ...string) AlertOptions {
	return AlertOptions{
		Name: "lt-baseline-normal", Duration: "http_request_duration_seconds", Requests: "http_requests_total",
		MethodLabel: "method", PathLabel: "route", StatusLabel: "status", Match: map[string]string{"job": "gateway"},
		Edges: edges, Margin: .2, For: 5 * time.Minute, Window: 5 * time.Minute, SLO: .999, Runbook: "https://runbooks.example.test/lt",
	}
}

func TestAlerts(t *testing.T) {
	r := passing()
	rules, tests, warnings, err := Alerts(r, alertOptions("0.005", "0.01", "0.02", "0.03", "0.035", "0.05", "0.1", "1", "+Inf"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "alerts.yml", string(rules))
	golden(t, "alerts_test.yml", string(tests))
	golden(t, "alerts.warnings", strings.Join(warnings, "\n")+"\n")
}

// TestAlertsByBuckets: the rule is exact where a bucket's edge lies at the limit,
// interpolates elsewhere, and is left out where it could never tell.
func TestAlertsByBuckets(t *testing.T) {
	r := passing()
	r.Endpoints = r.Endpoints[:1]
	r.Endpoints[0].Response.P95, r.Endpoints[0].Response.N = 50, 10000 // limit: 60 ms
	for _, c := range []struct {
		edges []string
		want  string // part of the expression; empty: no rule
		warns string
	}{
		{[]string{"0.05", "0.06", "0.1", "+Inf"}, `le="0.06"`, ""},
		{[]string{"0.05", "0.0625", "0.1"}, `le="0.0625"`, ""},
		{[]string{"0.055", "0.1", "+Inf"}, "histogram_quantile(0.95, sum by (le) ", "no edge near 60.0 ms: between 0.055 s and 0.1 s"},
		{[]string{"0.01", "0.1", "+Inf"}, "histogram_quantile", "lies there too"},
		{[]string{"0.1", "1", "+Inf"}, "", "no bucket under 60.0 ms"},
		{[]string{"0.01", "0.05", "+Inf"}, "", "no bucket over 60.0 ms"},
		{nil, "histogram_quantile", "are not known (--scrape)"},
	} {
		rules, _, warnings, err := Alerts(r, alertOptions(c.edges...))
		if err != nil {
			t.Fatal(err)
		}
		var f ruleFile
		if err := yaml.Unmarshal(rules, &f); err != nil {
			t.Fatal(err)
		}
		expr := ""
		for _, rule := range f.Groups[0].Rules {
			if rule.Alert == "LatencyP95AboveBaseline" {
				expr = rule.Expr
			}
		}
		if (c.want == "") != (expr == "") || !strings.Contains(expr, c.want) {
			t.Errorf("edges %q: rule %q, want one with %q", c.edges, expr, c.want)
		}
		if all := strings.Join(warnings, "\n"); !strings.Contains(all, c.warns) || (c.warns == "") != (all == "") {
			t.Errorf("edges %q: warnings %q, want %q", c.edges, warnings, c.warns)
		}
	}
	o := alertOptions("0.06")
	o.Paths = map[string]string{r.Endpoints[0].Name: "/agents/:id"}
	if rules, _, _, _ := Alerts(r, o); !strings.Contains(string(rules), `route="/agents/:id"`) {
		t.Errorf("not by the target's own name:\n%s", rules)
	}
	o.Paths = map[string]string{}
	if _, _, warnings, _ := Alerts(r, o); len(warnings) != 1 || !strings.Contains(warnings[0], "measures nothing of that name") {
		t.Errorf("warnings %q", warnings)
	}
	r.Endpoints[0].Response.P95 = 1000 / 1.2
	if rules, _, _, _ := Alerts(r, alertOptions("0.5", "1", "2")); !strings.Contains(string(rules), `le=~"1(\\.0)?"`) {
		t.Errorf("a whole number's edge is not matched as Prometheus 3 writes it:\n%s", rules)
	}
}

func TestAlertsOfNoBaseline(t *testing.T) {
	if _, _, _, err := Alerts(empty(), alertOptions()); err == nil || !strings.Contains(err.Error(), "no successful request was measured") {
		t.Errorf("error %v", err)
	}
	r := failing()
	_, _, warnings, err := Alerts(r, alertOptions())
	if all := strings.Join(warnings, "\n"); err != nil || !strings.Contains(all, "ring at baseline") || !strings.Contains(all, "verdict is FAIL") {
		t.Errorf("warnings %q, %v", warnings, err)
	}
}

// TestAlertsOfHostileNames: the file is YAML that gives every name back, and no
// name is a template of Prometheus.
func TestAlertsOfHostileNames(t *testing.T) {
	r := passing()
	for _, name := range []string{`/a"b`, `/a\b`, "/{{ $value }}", "/{{{{", "/a\nb", "/é\u202e", `/'}#{`} {
		r.Endpoints = []run.EndpointResult{{Name: "GET " + name, Method: "GET", Path: name, Response: latency(40, 5000)}}
		rules, tests, _, err := Alerts(r, alertOptions("0.1"))
		if err != nil {
			t.Fatal(err)
		}
		var f ruleFile
		if err := yaml.Unmarshal(rules, &f); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		var tf testFile
		if err := yaml.Unmarshal(tests, &tf); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		for _, rule := range f.Groups[0].Rules {
			if rule.Alert != "LatencyP95AboveBaseline" {
				continue
			}
			if got := rendered(rule.Labels)["route"]; got != name {
				t.Errorf("%q is %q in the labels", name, got)
			}
			for _, v := range rule.Labels {
				if strings.Contains(strings.ReplaceAll(v, `{{"{{"}}`, ""), "{{") {
					t.Errorf("%q is a template: %q", name, v)
				}
			}
		}
	}
}
