package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
)

// OpenMetrics writes the run's final figures in the OpenMetrics text format 1.0,
// for a Pushgateway or a textfile collector: of the measured periods, in base
// units, without timestamps. Ratios are 0 to 1. What was not measured is absent.
func OpenMetrics(w io.Writer, r *run.Result, _ Options) error {
	m := openMetrics{w: bufio.NewWriter(w), run: [][2]string{{"scenario", r.Scenario}, {"run_id", r.RunID}}}
	m.info(r)
	m.family("lt_verdict", "stateset", "", "The run's verdict: 1 for the one that was given.")
	for _, v := range []string{"pass", "fail", "inconclusive", "invalid", "none"} {
		m.sample("lt_verdict", truth(string(r.Verdict) == v), [2]string{"lt_verdict", v})
	}
	if r.ExitCode != nil {
		m.gauge("lt_exit_code", "", "The exit code of lt.", float64(*r.ExitCode))
	}
	m.gauge("lt_generator_valid", "", "1: the target was measured, 0: the generator.", truth(r.Generator.Valid))
	m.gauge("lt_measured_seconds", "seconds", "The window of the figures.", r.MeasuredS)

	m.requests(r)
	m.rates(r)
	m.times(r)
	m.thresholds(r)
	m.line("# EOF")
	return m.w.Flush()
}

type openMetrics struct {
	w   *bufio.Writer
	run [][2]string // labels of every sample
}

func (m *openMetrics) line(s string) { _, _ = m.w.WriteString(s + "\n") }

func (m *openMetrics) family(name, kind, unit, help string) {
	m.line("# TYPE " + name + " " + kind)
	if unit != "" {
		m.line("# UNIT " + name + " " + unit)
	}
	m.line("# HELP " + name + " " + help)
}

func (m *openMetrics) sample(name string, v float64, labels ...[2]string) {
	if math.IsNaN(v) { // an imported format did not tell
		return
	}
	var b strings.Builder
	for i, l := range append(slices.Clone(m.run), labels...) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(l[0] + `="` + openMetricsEscape.Replace(clean(l[1], maxName)) + `"`)
	}
	m.line(name + "{" + b.String() + "} " + strconv.FormatFloat(v, 'g', -1, 64))
}

// openMetricsEscape is for label values; clean leaves no line breaks.
var openMetricsEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (m *openMetrics) gauge(name, unit, help string, v float64) {
	m.family(name, "gauge", unit, help)
	m.sample(name, v)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *openMetrics) info(r *run.Result) {
	m.family("lt_run", "info", "", "What was run.")
	labels := [][2]string{{"lt", r.LT}, {"target", r.Target}, {"workload", r.Workload}, {"model", string(r.Model)}, {"load", r.Load}}
	names := map[string]bool{}
	for i, k := range slices.Sorted(maps.Keys(r.Labels)) {
		if name := "label_" + metricName(k); i < 40 && !names[name] {
			names[name] = true
			labels = append(labels, [2]string{name, r.Labels[k]})
		}
	}
	m.sample("lt_run_info", 1, labels...)
}

// metricName is s as a part of a label's name.
func metricName(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, cut(clean(s, 60), 60))
}

// each calls f for every endpoint, no two of the same name.
func each(r *run.Result, f func(e *run.EndpointResult, label [2]string)) {
	seen := map[string]bool{}
	for i := range r.Endpoints {
		e := &r.Endpoints[i]
		if name := clean(e.Name, maxName); !seen[name] {
			seen[name] = true
			f(e, [2]string{"endpoint", name})
		}
	}
}

func (m *openMetrics) requests(r *run.Result) {
	m.family("lt_requests", "counter", "", "Requests of the measured periods by outcome.")
	each(r, func(e *run.EndpointResult, label [2]string) {
		for _, k := range slices.Sorted(maps.Keys(e.Outcomes)) {
			m.sample("lt_requests_total", float64(e.Outcomes[k]), label, [2]string{"outcome", k})
		}
	})
	m.family("lt_dropped_iterations", "counter", "", "Iterations that no user was free for.")
	m.sample("lt_dropped_iterations_total", float64(r.Totals.Dropped))
}

func (m *openMetrics) rates(r *run.Result) {
	for _, g := range []struct {
		name, help string
		of         *float64
		each       func(*run.EndpointResult) *float64
	}{
		{"lt_error_ratio", "Failed requests, warm-up included.", r.Totals.ErrorRate, func(e *run.EndpointResult) *float64 { return e.ErrorRate }},
		{"lt_throughput_per_second", "Successful requests a second.", r.Totals.Throughput, func(e *run.EndpointResult) *float64 { return e.Throughput }},
	} {
		m.family(g.name, "gauge", "", g.help+` endpoint="" is the whole run.`)
		if g.of != nil {
			m.sample(g.name, *g.of, [2]string{"endpoint", ""})
		}
		each(r, func(e *run.EndpointResult, label [2]string) {
			if v := g.each(e); v != nil && label[1] != "" {
				m.sample(g.name, *v, label)
			}
		})
	}
}

// times are summaries of the response times of successful requests, in seconds.
func (m *openMetrics) times(r *run.Result) {
	const name = "lt_response_time_seconds"
	m.family(name, "summary", "seconds", `Response times of successful requests; endpoint="" is the whole run.`)
	summary := func(l *run.Latency, label [2]string) {
		if l == nil {
			return
		}
		for _, q := range []struct {
			q  string
			ms float64
		}{{"0.5", l.P50}, {"0.9", l.P90}, {"0.95", l.P95}, {"0.99", l.P99}, {"0.999", l.P999}, {"1", l.Max}} {
			m.sample(name, seconds(q.ms), label, [2]string{"quantile", q.q})
		}
		m.sample(name+"_sum", seconds(l.Mean*float64(l.N)), label)
		m.sample(name+"_count", float64(l.N), label)
	}
	summary(r.Totals.Response, [2]string{"endpoint", ""})
	each(r, func(e *run.EndpointResult, label [2]string) {
		if label[1] != "" {
			summary(e.Response, label)
		}
	})
}

// seconds is milliseconds in seconds, to the microsecond.
func seconds(ms float64) float64 { return round(ms / 1000) }

func (m *openMetrics) thresholds(r *run.Result) {
	const name = "lt_threshold_passed"
	m.family(name, "gauge", "", "1: shown to hold, 0: not.")
	seen := map[string]bool{}
	for i := range r.Thresholds {
		j := &r.Thresholds[i]
		key := fmt.Sprintf("%s\x00%s", clean(j.Expression, maxName), clean(j.Scope, maxName))
		if !seen[key] {
			seen[key] = true
			m.sample(name, truth(toneOf(j.Verdict).Class == "pass"), [2]string{"threshold", j.Expression}, [2]string{"endpoint", j.Scope}, [2]string{"verdict", string(j.Verdict)})
		}
	}
}
