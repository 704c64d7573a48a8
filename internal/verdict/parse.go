package verdict

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/text"
)

// k6Metrics are the metrics of k6's thresholds, written before a colon, that lt
// has under another name: "count" and "rate" name the aggregations of a counter.
var k6Metrics = map[string]map[string]string{
	"http_req_duration":  {"p": "", "avg": "mean", "max": "max", "min": "min", "med": "p50"},
	"http_req_failed":    {"rate": "error_rate"},
	"checks":             {"rate": "checks"},
	"http_reqs":          {"count": "count", "rate": "attempts"},
	"dropped_iterations": {"count": "dropped"},
}

// operators of thresholds, longest first; === is k6's.
var operators = []string{"===", "==", "<=", ">=", "<", ">"}

var k6Percentile = regexp.MustCompile(`^p\s*\(\s*([^()]*?)\s*\)$`)

// ParseThreshold reads one threshold: a metric, for an endpoint a glob in
// braces, an operator and a limit with its unit.
//
//	p95 < 500ms              error_rate < 1%           throughput >= 100/s
//	p99.9 <= 2s              availability >= 99.9%     dropped == 0
//	p95{GET /orders/*} < 300ms        all these endpoints together
//	p95{each GET /orders/*} < 300ms   each of them by itself; {*} is each of all
//
// k6's spelling is read too: p(95)<500, http_req_duration: p(95)<500 (a bare
// number is milliseconds), http_req_failed: rate<0.01.
func ParseThreshold(s string) (Threshold, error) {
	t, err := parseThreshold(strings.TrimSpace(s))
	if err != nil {
		return Threshold{}, fmt.Errorf("threshold %q: %w", s, err)
	}
	return t, nil
}

func parseThreshold(s string) (Threshold, error) {
	if s == "" {
		return Threshold{}, errors.New(`it is empty; write a metric, an operator and a limit, such as "p95 < 500ms"`)
	}
	name, scope, hasScope, rest, err := cutScope(s)
	if err != nil {
		return Threshold{}, err
	}
	var k6 string
	if before, after, ok := strings.Cut(name, ":"); ok && !hasScope {
		k6, name = strings.TrimSpace(before), strings.TrimSpace(after)
	} else if after, ok := strings.CutPrefix(rest, ":"); ok && hasScope {
		k6 = name
		var inner string
		var twice bool
		if name, inner, twice, rest, err = cutScope(strings.TrimSpace(after)); err != nil {
			return Threshold{}, err
		}
		if twice {
			return Threshold{}, fmt.Errorf("two scopes, {%s} and {%s}; one is enough", scope, inner)
		}
	}
	t := Threshold{}
	row, err := t.setMetric(k6, name)
	if err != nil {
		return Threshold{}, err
	}
	if hasScope {
		if err := t.setScope(scope, row); err != nil {
			return Threshold{}, err
		}
	}
	limit, err := t.setOperator(rest, row)
	if err != nil {
		return Threshold{}, err
	}
	if k6 == "" && name == "rate" && !t.upper() {
		return Threshold{}, errors.New(`a bare rate is the error rate, which is to stay under a limit; for checks write "checks > 99%"`)
	}
	if t.Limit, err = parseLimit(limit, t.Unit); err != nil {
		return Threshold{}, fmt.Errorf("%w, such as %q", err, row.example)
	}
	if err := t.check(row); err != nil {
		return Threshold{}, err
	}
	t.Expression = t.expression()
	return t, nil
}

// cutScope cuts s into the metric's name, the scope in braces and what follows.
// Braces nest, for the names of endpoints have them: GET /agents/{id}.
func cutScope(s string) (name, scope string, hasScope bool, rest string, err error) {
	end := strings.IndexAny(s, "{<>=!")
	if end < 0 {
		return s, "", false, "", nil
	}
	name = strings.TrimSpace(s[:end])
	if s[end] != '{' {
		return name, "", false, strings.TrimSpace(s[end:]), nil
	}
	depth := 0
	for i := end; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 {
			return name, strings.TrimSpace(s[end+1 : i]), true, strings.TrimSpace(s[i+1:]), nil
		}
	}
	return "", "", false, "", errors.New(`the scope's { has no }; write "p95{GET /orders/*} < 300ms"`)
}

func (t *Threshold) setMetric(k6, name string) (measure, error) {
	if m := k6Percentile.FindStringSubmatch(name); m != nil {
		name = "p" + m[1]
	}
	if k6 != "" {
		aggregations, known := k6Metrics[k6]
		if !known {
			return measure{}, fmt.Errorf("lt does not measure k6's %s; it has %s", k6, metricNames())
		}
		if to, ok := aggregations[name]; ok {
			name = to
		} else if _, ok := aggregations["p"]; !ok || !strings.HasPrefix(name, "p") {
			return measure{}, fmt.Errorf("lt does not know %q of k6's %s; it has %s", name, k6, metricNames())
		}
	}
	if name == "rate" {
		name = "error_rate" // of http_req_failed, which k6 names beside it
	}
	if name == "" {
		return measure{}, errors.New(`it begins with no metric; write one before the operator, such as "p95 < 500ms"`)
	}
	row, canonical, quantile, ok := lookup(name)
	if !ok {
		return measure{}, unknownMetric(name)
	}
	t.Metric, t.Quantile, t.Unit = canonical, quantile, row.unit
	return row, nil
}

func (t *Threshold) setScope(scope string, row measure) error {
	if tag, after, ok := strings.Cut(scope, ":"); ok && !strings.ContainsAny(tag, " /*{") {
		if tag != "name" { // k6's tag for the endpoint; it has others
			return fmt.Errorf(`the scope {%s} is a tag of k6; lt takes the endpoint's name, such as "p95{GET /orders/*} < 300ms"`, scope)
		}
		if scope = strings.TrimSpace(after); strings.HasPrefix(scope, "name:") {
			return fmt.Errorf("the scope {%s} says name twice", scope)
		}
	}
	each := false
	if glob, ok := strings.CutPrefix(scope, eachPrefix); ok {
		scope, each = strings.TrimSpace(glob), true
	}
	switch {
	case scope == "":
		return errors.New(`the scope {} names no endpoint; leave it out for the whole run, or write "p95{GET /orders/*} < 300ms"`)
	case row.whole:
		return fmt.Errorf("%s is a figure of the whole run, not of an endpoint; write %q", row.name, row.example)
	case strings.HasPrefix(scope, eachPrefix):
		return fmt.Errorf("the scope {%s} says each twice", scope)
	}
	t.Scope, t.Each = scope, each || scope == everyEndpoint
	return nil
}

// setOperator takes the operator off rest and returns the limit after it.
func (t *Threshold) setOperator(rest string, row measure) (limit string, err error) {
	for _, op := range operators {
		if after, ok := strings.CutPrefix(rest, op); ok {
			t.Op = strings.Replace(op, "===", "==", 1)
			if limit = strings.TrimSpace(after); limit == "" {
				return "", fmt.Errorf("there is no limit after %s; write one, such as %q", op, row.example)
			}
			return limit, nil
		}
	}
	if rest == "" {
		return "", fmt.Errorf("there is no operator after %s; write < <= > >= or == and a limit, such as %q", t.Metric, row.example)
	}
	return "", fmt.Errorf("%q is no operator; use < <= > >= or ==, such as %q", rest, row.example)
}

// parseLimit reads a limit with or without its unit.
func parseLimit(s, unit string) (float64, error) {
	s = strings.ReplaceAll(s, " ", "")
	digits, sign := s, ""
	if i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789.+-_", r) }); i >= 0 {
		digits, sign = s[:i], s[i:]
	}
	v, err := strconv.ParseFloat(digits, 64)
	if v == 0 {
		v = 0 // not -0
	}
	bad := err != nil || math.IsNaN(v) || math.IsInf(v, 0)
	switch {
	case unit == UnitMS && sign != "":
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("the limit %q is no duration; write it with its unit", s)
		}
		return float64(d) / float64(time.Millisecond), nil
	case bad:
		return 0, fmt.Errorf("the limit %q is no number; write %s", s, unitHelp[unit])
	case unit == UnitMS:
		return math.Round(v*float64(time.Millisecond)) / float64(time.Millisecond), nil
	case unit == UnitRatio && sign == "%":
		return strconv.ParseFloat(digits+"e-2", 64) // exactly what 0.01 would be
	case unit == UnitPerSecond && (sign == "/s" || sign == "rps"), sign == "":
		return v, nil
	}
	return 0, fmt.Errorf("the limit %q has the wrong unit; write %s", s, unitHelp[unit])
}

var unitHelp = map[string]string{
	UnitMS:        "a duration, 500ms or 2s",
	UnitRatio:     "a share, 1% or 0.01",
	UnitPerSecond: "a rate, 100/s",
	UnitCount:     "a plain number",
}

// check refuses limits that nothing could keep or break.
func (t *Threshold) check(row measure) error {
	switch {
	case t.Limit < 0:
		return fmt.Errorf("the limit %s is negative; write %q", t.limitText(), row.example)
	case t.Unit == UnitMS && (t.Limit < 1e-3 || t.Limit > 24*3600e3):
		return fmt.Errorf("the limit is out of what lt measures, 1us to 24h; write %q", row.example)
	case t.Unit == UnitRatio && t.Limit > 1:
		return fmt.Errorf("the limit is a share of more than 1; did you mean %s %s %s%%?",
			t.Metric, t.Op, strconv.FormatFloat(t.Limit, 'f', -1, 64))
	case t.Op == "<" && t.Limit == 0:
		return fmt.Errorf("nothing is less than 0; write %q", t.Metric+" <= 0")
	case t.Op == ">" && t.Limit == 1 && t.Unit == UnitRatio && t.Metric != "pace":
		return fmt.Errorf("nothing is more than 100%%; write %q", t.Metric+" >= 100%")
	case t.Op == "==" && !row.equals && !row.total(*t):
		return fmt.Errorf("%s is measured, so that it is never exactly this; write < or >, such as %q", t.Metric, row.example)
	}
	return nil
}

// metricNames are all the metrics, for a message.
func metricNames() string {
	names := make([]string, 0, len(measures))
	for _, m := range measures {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}

// unknownMetric is the message for a name that the table does not have, with the
// nearest that it has.
func unknownMetric(name string) error {
	if digits, ok := strings.CutPrefix(name, "p"); ok && digits != "" && strings.Trim(digits, "0123456789.") == "" {
		if (len(digits) == 3 || len(digits) == 4) && strings.HasPrefix(digits, "99") && !strings.Contains(digits, ".") {
			return fmt.Errorf("there is no %s: percentiles are p1 to p99.99; did you mean p%s.%s?", name, digits[:2], digits[2:])
		}
		return fmt.Errorf(`there is no %s: percentiles are p1 to p99.99, such as "p99.9 < 2s"; for the extremes use min and max`, name)
	}
	if _, ok := k6Metrics[name]; ok {
		return fmt.Errorf(`k6's %s needs an aggregation, such as "http_req_duration: p(95)<500"`, name)
	}
	nearest, least := measure{}, math.MaxInt
	for _, m := range measures {
		for _, candidate := range append([]string{m.name}, m.aliases...) {
			if d := text.Distance(strings.ToLower(name), candidate); d < least {
				nearest, least = m, d
			}
		}
	}
	if least > max(2, len(name)/2) {
		return fmt.Errorf("there is no metric %q; lt has %s, such as %q", name, metricNames(), nearest.example)
	}
	return fmt.Errorf("there is no metric %q; did you mean %q?", name, nearest.example)
}
