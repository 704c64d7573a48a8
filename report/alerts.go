package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// The files that Alerts makes.
const (
	AlertsFile     = "alerts.yml"
	AlertsTestFile = "alerts_test.yml"
)

// AlertOptions say how the target's own metrics are named, and when to ring.
type AlertOptions struct {
	Name        string            // of the rule group
	Duration    string            // histogram of response times in seconds, without _bucket
	Requests    string            // counter of answered requests
	MethodLabel string            // of both
	PathLabel   string            // of both; holds what lt calls the endpoint's path
	StatusLabel string            // of the counter
	Match       map[string]string // labels that tell the target from other ones, such as job
	Paths       map[string]string // endpoint's name -> its value of PathLabel at the target; nil: not known, the endpoint's path is taken
	Edges       []string          // upper bounds of the histogram's buckets in seconds, as the target writes them; nil: not known
	Margin      float64           // over the baseline's P95: .2
	For         time.Duration     // how long a rule must hold
	Window      time.Duration     // over which rates are taken
	SLO         float64           // availability that burn-rate rules watch, such as .999; 0: none
	Runbook     string            // URL; empty: none
}

// minTraffic is the number of requests in a window under which a share says too
// little to wake somebody.
const minTraffic = 100

// nearEdge is how far off its limit a bucket's edge may lie to stand for it.
const nearEdge = .05

type (
	ruleFile struct {
		Groups []ruleGroup `yaml:"groups"`
	}
	ruleGroup struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	rule struct {
		Alert       string            `yaml:"alert"`
		Expr        string            `yaml:"expr"`
		For         string            `yaml:"for,omitempty"`
		Labels      map[string]string `yaml:"labels"`
		Annotations map[string]string `yaml:"annotations"`

		about string     // which of those of one name it is
		fires []testData // traffic that it must ring at, and
		quiet []testData // that it must not
		after time.Duration
		every time.Duration // between the samples of its test; 0: the rule's own step
	}
)

// Alerts makes Prometheus rules of a baseline run, and a file of promtool's tests
// that rings each of them and shows it silent at baseline. Warnings say what the
// rules cannot tell, and stand in the file's head too. The latency rules ask for
// the share of requests over the limit, which is exact where the target's
// histogram has a bucket's edge there; elsewhere they interpolate by
// histogram_quantile. A run without a successful request has no baseline: an
// error.
func Alerts(r *run.Result, o AlertOptions) (rules, tests []byte, warnings []string, err error) {
	if r.Totals.Response == nil {
		return nil, nil, nil, errors.New("no successful request was measured: there is nothing to compare with")
	}
	a := &alerts{r: r, o: o}
	for i := range r.Endpoints {
		a.latency(&r.Endpoints[i])
	}
	if len(a.few) > 0 {
		a.warn("a P95 of under %d requests says little of a margin of %s: %s", 20*minTraffic, shareText(o.Margin), strings.Join(a.few, ", "))
	}
	if o.Edges == nil {
		a.warn("the buckets of the target's histogram are not known (--scrape): the rules on P95 interpolate between two edges, and may be wrong by as much as these lie apart")
	}
	a.errors()
	a.absence()
	if o.SLO > 0 {
		a.burn()
	}
	if !r.Complete {
		a.warn("the run was cut off before its end")
	}
	if r.Verdict != verdict.Pass {
		a.warn("the run's verdict is %s, not PASS: a baseline should be a run that is good", strings.ToUpper(string(r.Verdict)))
	}
	rules, err = a.file(&ruleFile{[]ruleGroup{{cmp.Or(o.Name, "lt-baseline"), a.rules}}}, a.head())
	if err != nil {
		return nil, nil, nil, err
	}
	tests, err = a.file(a.tests(), "# promtool test rules "+AlertsTestFile+"\n")
	return rules, tests, a.warnings, err
}

type alerts struct {
	r        *run.Result
	o        AlertOptions
	rules    []rule
	warnings []string
	few      []string // endpoints with few requests
}

func (a *alerts) warn(format string, args ...any) {
	a.warnings = append(a.warnings, clean(fmt.Sprintf(format, args...), maxMessage))
}

func (a *alerts) file(v any, head string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(head)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

func (a *alerts) head() string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString("# " + clean(fmt.Sprintf(format, args...), maxMessage) + "\n")
	}
	line("Made by lt alerts from run %s: %s, %s, %s, digest %s.", a.r.RunID, a.r.Scenario, a.r.Target, a.r.StartedAt.UTC().Format("2006-01-02 15:04 MST"), a.r.ScenarioDigest)
	line("The baseline's times are those that lt met, network included; the target's own are shorter.")
	for _, w := range a.warnings {
		line("WARNING: %s", w)
	}
	return b.String()
}

// selector is the matchers of the target, and more of them: name, value, ...
func (a *alerts) selector(more ...string) string {
	var m []string
	for _, name := range slices.Sorted(maps.Keys(a.o.Match)) {
		m = append(m, name+"="+strconv.Quote(a.o.Match[name]))
	}
	for i := 0; i < len(more); i += 2 {
		m = append(m, more[i]+"="+strconv.Quote(more[i+1]))
	}
	return strings.Join(m, ",")
}

// among is matchers in braces; none: nothing.
func among(matchers ...string) string {
	matchers = slices.DeleteFunc(matchers, func(m string) bool { return m == "" })
	if len(matchers) == 0 {
		return ""
	}
	return "{" + strings.Join(matchers, ",") + "}"
}

func (a *alerts) add(r rule, severity, summary, description string) {
	r.Labels["severity"], r.Labels["baseline"] = severity, a.r.RunID
	for name, value := range a.o.Match {
		r.Labels[name] = literal(value)
	}
	r.Annotations = map[string]string{"summary": literal(summary), "description": literal(description)}
	if a.o.Runbook != "" {
		r.Annotations["runbook_url"] = literal(a.o.Runbook)
	}
	a.rules = append(a.rules, r)
}

// literal writes a text so that Prometheus' templates give it again: endpoint
// names are not code.
func literal(s string) string { return strings.ReplaceAll(s, "{{", `{{"{{"}}`) }

// latency is the rule on an endpoint's P95.
func (a *alerts) latency(e *run.EndpointResult) {
	if e.Response == nil {
		a.warn("%s: no request succeeded: no rule on its P95", e.Name)
		return
	}
	if math.IsNaN(e.Response.P95) {
		a.warn("%s: the imported files do not tell its P95: no rule on it", e.Name)
		return
	}
	p95 := e.Response.P95 / 1000
	limit := p95 * (1 + a.o.Margin)
	if e.Response.N < 20*minTraffic {
		a.few = append(a.few, fmt.Sprintf("%s (%s)", e.Name, count(e.Response.N)))
	}
	path := e.Path
	if a.o.Paths != nil {
		var ok bool
		if path, ok = a.o.Paths[e.Name]; !ok {
			a.warn("%s: the target measures nothing of that name: no rule on its P95", e.Name)
			return
		}
	}
	own := a.selector(a.o.MethodLabel, e.Method, a.o.PathLabel, path)
	w := promTime(a.o.Window)
	guard := fmt.Sprintf("\nand sum(increase(%s_count%s[%s])) > %d", a.o.Duration, among(own), w, minTraffic)
	r := rule{
		Alert: "LatencyP95AboveBaseline", For: promTime(a.o.For), about: e.Name, after: a.o.For + a.o.Window,
		Labels: map[string]string{a.o.MethodLabel: literal(e.Method), a.o.PathLabel: literal(path)},
	}
	series := func(edge string, of, every int64) testData {
		return testData{a.o.Duration + "_bucket" + among(own, "le="+strconv.Quote(edge)), of * 600 / every}
	}
	all := testData{a.o.Duration + "_count" + among(own), 600}
	below, at, above := a.around(limit)
	switch {
	case at != "":
		v, _ := strconv.ParseFloat(at, 64)
		r.Expr = fmt.Sprintf("sum(rate(%s_bucket%s[%s])) / sum(rate(%s_count%s[%s])) < 0.95%s",
			a.o.Duration, among(own, edgeMatcher(at)), w, a.o.Duration, among(own), w, guard)
		limit = v
		r.fires, r.quiet = []testData{series(at, 9, 10), all}, []testData{series(at, 24, 25), all}
	case a.o.Edges != nil && below == "":
		a.warn("%s: the target's histogram has no bucket under %s: no rule on its P95", e.Name, msText(limit))
		return
	case a.o.Edges != nil && above == "+Inf":
		a.warn("%s: the target's histogram has no bucket over %s: no rule on its P95", e.Name, msText(limit))
		return
	default:
		r.Expr = fmt.Sprintf("histogram_quantile(0.95, sum by (le) (rate(%s_bucket%s[%s]))) > %s%s",
			a.o.Duration, among(own), w, promNumber(limit), guard)
		if a.o.Edges == nil {
			below, above = promNumber(limit/2), promNumber(limit*2)
		} else {
			how := "it is interpolated"
			if v, _ := strconv.ParseFloat(below, 64); v < p95 {
				how += fmt.Sprintf(", and the baseline's P95, %s, lies there too: the rule may ring at baseline, or late", msText(p95))
			}
			a.warn("%s: the target's histogram has no edge near %s: between %s s and %s s %s", e.Name, msText(limit), below, above, how)
		}
		r.fires = []testData{series(below, 9, 10), series(above, 9, 10), series("+Inf", 1, 1), all}
		r.quiet = []testData{series(below, 24, 25), series(above, 1, 1), series("+Inf", 1, 1), all}
	}
	a.add(r, "ticket", fmt.Sprintf("P95 of %s is over its baseline", clean(e.Name, maxName)),
		fmt.Sprintf("More than 5 %% of the requests took over %s; the baseline's P95 was %s (%s).", msText(limit), msText(p95), plural(e.Response.N, "request")))
}

// around finds the bucket edges about a limit in seconds: one that stands for it,
// or those below and above.
func (a *alerts) around(limit float64) (below, at, above string) {
	best := math.Inf(1)
	above = "+Inf"
	for _, edge := range a.o.Edges {
		v, err := strconv.ParseFloat(edge, 64)
		if err != nil || math.IsInf(v, 0) {
			continue
		}
		if off := math.Abs(v - limit); off <= nearEdge*limit && off < best {
			best, at = off, edge
		}
		if v <= limit {
			below = edge
		} else if above == "+Inf" {
			above = edge
		}
	}
	return below, at, above
}

// edgeMatcher matches a bucket's label as Prometheus 2 keeps it (1) and as 3 does
// (1.0).
func edgeMatcher(edge string) string {
	if strings.ContainsAny(edge, ".eE") {
		return "le=" + strconv.Quote(edge)
	}
	return "le=~" + strconv.Quote(edge+`(\.0)?`)
}

// errorLimit is the error rate that the run was held to.
func (a *alerts) errorLimit() float64 {
	for i := range a.r.Thresholds {
		if t := &a.r.Thresholds[i]; t.Metric == "error_rate" && t.Scope == "" && t.Limit > 0 && strings.HasPrefix(t.Op, "<") {
			return t.Limit
		}
	}
	return .01
}

// failing is the share of requests answered with 5xx over a window.
func (a *alerts) failing(window string) string {
	s := a.selector()
	return fmt.Sprintf("sum(rate(%s%s[%s])) / sum(rate(%s%s[%s]))",
		a.o.Requests, among(s, a.o.StatusLabel+`=~"5.."`), window, a.o.Requests, among(s), window)
}

func (a *alerts) busy(window string) string {
	return fmt.Sprintf("\nand sum(increase(%s%s[%s])) > %d", a.o.Requests, among(a.selector()), window, minTraffic)
}

// traffic is ten requests a second, of which the share fails.
func (a *alerts) traffic(share float64) []testData {
	s := a.selector()
	const all = 600000
	bad := int64(math.Round(share * all))
	return []testData{
		{a.o.Requests + among(s, a.o.StatusLabel+`="500"`), bad},
		{a.o.Requests + among(s, a.o.StatusLabel+`="200"`), all - bad},
	}
}

// errors are the rules on failures, over the window, and over an hour, which
// sees bursts that are too short for the first.
func (a *alerts) errors() {
	limit := a.errorLimit()
	was := "not measured"
	if e := a.r.Totals.ErrorRate; e != nil {
		was = shareText(*e)
		if *e*(1+a.o.Margin) > limit {
			a.warn("the baseline's own error rate, %s, is over the limit of %s: the rules on failures ring at baseline", was, shareText(limit))
		}
	}
	w := promTime(a.o.Window)
	a.add(rule{
		Alert: "ErrorRateAboveBaseline", For: promTime(a.o.For), Expr: a.failing(w) + " > " + promNumber(limit) + a.busy(w),
		Labels: map[string]string{}, after: a.o.For + a.o.Window, fires: a.traffic(min(1, 2*limit)), quiet: a.traffic(limit / 2),
	}, "page", "More requests fail than the baseline allows", fmt.Sprintf("More than %s of the requests are answered with 5xx; the baseline's error rate was %s.", shareText(limit), was))
	hour := max(12*a.o.Window, a.o.For)
	a.add(rule{
		Alert: "AvailabilityBelowBaseline", For: promTime(a.o.For), Expr: "1 - " + a.failing(promTime(hour)) + " < " + promNumber(1-limit) + a.busy(promTime(hour)),
		Labels: map[string]string{}, after: a.o.For + hour, fires: a.traffic(min(1, 2*limit)), quiet: a.traffic(limit / 2),
	}, "ticket", "Availability is below the baseline's", fmt.Sprintf("Less than %s of the requests of the last %s were answered without 5xx; the baseline's error rate was %s.", shareText(1-limit), promTime(hour), was))
}

// absence is the rule that rings when the target is measured no more: without it
// silence looks like health.
func (a *alerts) absence() {
	a.add(rule{
		Alert: "NoMeasurements", For: promTime(a.o.For), Expr: "absent(" + a.o.Requests + among(a.selector()) + ")",
		Labels: map[string]string{}, after: a.o.For + a.o.Window, fires: []testData{}, quiet: a.traffic(0),
	}, "page", "The target is not measured", a.o.Requests+" is absent: the other rules are silent whatever happens.")
}

// burn are the multiwindow, multi-burn-rate rules on the error budget (The Site
// Reliability Workbook, chapter 5, table 5-8; a budget of 30 days).
func (a *alerts) burn() {
	budget := 1 - a.o.SLO
	for _, b := range []struct {
		severity    string
		rate        float64
		long, short time.Duration
	}{
		{"page", 14.4, time.Hour, 5 * time.Minute},
		{"page", 6, 6 * time.Hour, 30 * time.Minute},
		{"ticket", 3, 24 * time.Hour, 2 * time.Hour},
		{"ticket", 1, 72 * time.Hour, 6 * time.Hour},
	} {
		limit := b.rate * budget
		if limit >= 1 {
			a.warn("an SLO of %s cannot be burnt at %v times its rate: no rule for it", shareText(a.o.SLO), b.rate)
			continue
		}
		long, short := promTime(b.long), promTime(b.short)
		at := promNumber(limit)
		a.add(rule{
			Alert: "ErrorBudgetBurn" + long, every: b.short / 6,
			Expr:   fmt.Sprintf("%s > %s\nand %s > %s%s", a.failing(long), at, a.failing(short), at, a.busy(short)),
			Labels: map[string]string{"window": long}, after: b.short, fires: a.traffic(min(1, 1.2*limit)), quiet: a.traffic(budget / 2),
		}, b.severity, "The error budget is being burnt",
			fmt.Sprintf("For %s and for %s the error budget of %s is spent at more than %v times the rate that lasts for 30 days.", long, short, shareText(a.o.SLO), b.rate))
	}
}

// promTime is a duration in Prometheus' form.
func promTime(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.of && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10) + u.name
		}
	}
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + "ms"
}

// promNumber is a number of at most 6 digits, without an exponent.
func promNumber(v float64) string {
	digits := 6 - int(math.Ceil(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(math.Round(v*math.Pow10(digits))/math.Pow10(digits), 'f', -1, 64)
}

func msText(seconds float64) string  { return quantity(seconds*1000, verdict.UnitMS) }
func shareText(share float64) string { return quantity(share, verdict.UnitRatio) }
