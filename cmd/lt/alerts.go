package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// newAlertsCmd is `lt alerts`.
func newAlertsCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alerts RUN",
		Short: "Write Prometheus rules from a baseline run, and their tests",
		Long: `Write Prometheus alerting rules from a baseline run: P95 of each endpoint over
its baseline and a margin, error rate, availability, absence, and with --slo the
burn rate of the error budget. Beside ` + report.AlertsFile + ` stands ` + report.AlertsTestFile + `, which rings each
rule and shows it silent at baseline:

  promtool test rules ` + report.AlertsTestFile + `

With --scrape, lt reads by which names the target measures the endpoints, and which
buckets its histogram has: where one lies at the limit, the rule counts the requests
over it, which is exact; elsewhere it interpolates between two buckets, and says so.`,
		Example: `  lt alerts latest --match job=gateway --scrape http://127.0.0.1:8009/metrics
  lt alerts main --path-label handler --margin 50% --for 10m --slo 99.9% -o monitoring`,
		Args: exactArgs(1, "a run (latest, or a run's directory)"),
	}
	s := newSettings(cmd, env)
	s.text("output", "o", "DIR", "directory to write to (default .)")
	s.text("out", "", "DIR", "where runs are kept (default "+defaultOut+")")
	s.text("name", "", "NAME", "of the rule group (default lt-baseline-SCENARIO)")
	s.text("duration-metric", "", "NAME", "histogram of response times in seconds (default http_request_duration_seconds)")
	s.text("requests-metric", "", "NAME", "counter of answered requests (default http_requests_total)")
	s.text("method-label", "", "NAME", "label of the method (default method)")
	s.text("path-label", "", "NAME", "label of the endpoint's path (default route)")
	s.text("status-label", "", "NAME", "label of the status (default status)")
	s.list("match", "", "NAME=VALUE", "label that tells the target from others, such as job=gateway (repeatable)")
	s.text("scrape", "", "URL", "the target's metrics, to read the histogram's buckets from")
	s.text("margin", "", "PERCENT", "over the baseline's P95 (default 20%)")
	s.text("for", "", "DURATION", "how long a rule must hold (default 5m)")
	s.text("window", "", "DURATION", "over which rates are taken (default 5m)")
	s.text("slo", "", "PERCENT", "availability whose error budget is watched, such as 99.9%")
	s.text("runbook", "", "URL", "runbook_url of every rule")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return writeAlerts(cmd.Context(), env, s, args[0]) }
	return cmd
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

func writeAlerts(ctx context.Context, env *environ, s *settings, ref string) error {
	s.fromEnv()
	text := func(name, otherwise string) string {
		if s.given(name) {
			return s.str(name)
		}
		return otherwise
	}
	o := report.AlertOptions{
		Name:     s.str("name"),
		Duration: text("duration-metric", "http_request_duration_seconds"), Requests: text("requests-metric", "http_requests_total"),
		MethodLabel: text("method-label", "method"), PathLabel: text("path-label", "route"), StatusLabel: text("status-label", "status"),
		Match: s.pairs("match"), For: s.duration("for", 5*time.Minute), Window: s.duration("window", 5*time.Minute), Runbook: s.str("runbook"),
	}
	for name, value := range map[string]string{"duration-metric": o.Duration, "requests-metric": o.Requests} {
		if !metricName.MatchString(value) {
			s.mistake("%s %q: that is no name of a metric", s.origin(name), value)
		}
	}
	labels := map[string]string{"method-label": o.MethodLabel, "path-label": o.PathLabel, "status-label": o.StatusLabel}
	for name, value := range labels {
		if !labelName.MatchString(value) {
			s.mistake("%s %q: that is no name of a label", s.origin(name), value)
		}
	}
	for name := range o.Match {
		if !labelName.MatchString(name) {
			s.mistake("--match %s: that is no name of a label", name)
		}
	}
	for name, d := range map[string]time.Duration{"for": o.For, "window": o.Window} {
		if d < time.Second {
			s.mistake("%s %v: want a second at least", s.origin(name), d)
		}
	}
	var ok bool
	if o.Margin, ok = percentage(text("margin", "20%")); !ok || o.Margin <= 0 {
		s.mistake("%s %q: want a percentage over 0%%, such as 20%%", s.origin("margin"), s.str("margin"))
	}
	if v := s.str("slo"); v != "" {
		if o.SLO, ok = percentage(v); !ok || o.SLO <= 0 || o.SLO >= 1 {
			s.mistake("%s %q: want a percentage under 100%%, such as 99.9%%", s.origin("slo"), v)
		}
	}
	if err := errors.Join(s.mistakes...); err != nil {
		return err
	}
	_, result, err := findRun(text("out", defaultOut), ref)
	if err != nil {
		return err
	}
	if o.Name == "" {
		o.Name = "lt-baseline-" + result.Scenario
	}
	if at := s.str("scrape"); at != "" {
		if err := fromTarget(ctx, at, &o, result); err != nil {
			return hintf(err, "without --scrape, the rules interpolate")
		}
	}
	rules, tests, warnings, err := report.Alerts(result, o)
	if err != nil {
		return err
	}
	dir := text("output", ".")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, b := range map[string][]byte{report.AlertsFile: rules, report.AlertsTestFile: tests} {
		err := run.WriteFile(filepath.Join(dir, name), func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, w := range warnings {
		fmt.Fprintf(env.Stderr, "lt: warning: %s\n", w)
	}
	fmt.Fprintln(env.Stdout, filepath.Join(dir, report.AlertsFile))
	fmt.Fprintln(env.Stdout, filepath.Join(dir, report.AlertsTestFile))
	return nil
}

// percentage reads 20% or 0.2.
func percentage(text string) (float64, bool) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	return v, err == nil
}

// fromTarget reads the target's metrics: which buckets its histogram has, and by
// which value of the path's label it measures each endpoint.
func fromTarget(ctx context.Context, at string, o *report.AlertOptions, r *run.Result) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return usageErrorf("--scrape: %w", err)
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("--scrape: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("--scrape: %s answered with %s", at, resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("--scrape: %s: %w", at, err)
	}
	var edges []float64
	measured := map[string]string{} // method and path, without what may differ -> the label's value
	for _, m := range families[o.Duration].GetMetric() {
		method, path := "", ""
		for _, l := range m.Label {
			switch l.GetName() {
			case o.MethodLabel:
				method = l.GetValue()
			case o.PathLabel:
				path = l.GetValue()
			}
		}
		measured[method+" "+alike(path)] = path
		for _, b := range m.GetHistogram().GetBucket() {
			edges = append(edges, b.GetUpperBound())
		}
	}
	if len(edges) == 0 {
		return fmt.Errorf("--scrape: %s has no histogram %s with buckets", at, o.Duration)
	}
	slices.Sort(edges)
	for _, e := range slices.Compact(edges) {
		o.Edges = append(o.Edges, strconv.FormatFloat(e, 'g', -1, 64))
	}
	o.Paths = map[string]string{}
	for _, e := range r.Endpoints {
		if path, ok := measured[e.Method+" "+alike(e.Path)]; ok {
			o.Paths[e.Name] = path
		}
	}
	return nil
}

var parameter = regexp.MustCompile(`\{[^/]*\}|:[^/]+|<[^/]*>|\*[^/]*`)

// alike is a path without what frameworks write each in their own way: how its
// parameters are called, and a slash at the end.
func alike(path string) string {
	return strings.TrimSuffix(parameter.ReplaceAllString(path, "{}"), "/")
}
