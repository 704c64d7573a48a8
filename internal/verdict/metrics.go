package verdict

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
)

// The units of a threshold's limit and of its figures.
const (
	UnitMS        = "ms"
	UnitRatio     = "ratio" // 0 to 1
	UnitPerSecond = "per_s"
	UnitCount     = "count"
)

// A measure is one row of the metric table: something that a threshold can be
// set on.
type measure struct {
	name    string
	aliases []string // other spellings, k6's among them
	unit    string
	about   string
	example string
	whole   bool // of the whole run only: cannot be asked of an endpoint
	gated   bool // a latency or a throughput: withheld of an invalid run
	equals  bool // == makes sense: a counted figure
	shown   bool // it need only not be shown to break: a run that cannot tell is not judged by it
	good    bool // a share of the good requests, judged by that of the bad ones
	windows bool // can be asked of stretches of the run, second by second
	find    func(*question) finding
}

// percentile is the row of every pNN. Its names are p50 to p99.99.
var percentile = measure{
	name: "p95", aliases: []string{"p50", "p90", "p99", "p99.9"}, unit: UnitMS, gated: true, windows: true, find: findPercentile,
	about: "response time that this share of all attempted requests must keep", example: "p95 < 500ms",
}

// measures is the metric table. A new metric of thresholds is a new row.
var measures = []measure{
	percentile,
	{
		name: "error_rate", aliases: []string{"errors", "http_req_failed"}, unit: UnitRatio, windows: true, find: findErrorRate,
		about: "failed requests of all attempted, warm-up included", example: "error_rate < 1%",
	},
	{
		name: "availability", unit: UnitRatio, windows: true, good: true, find: findAvailability,
		about: "1 - error_rate", example: "availability >= 99.9%",
	},
	{
		name: "checks", unit: UnitRatio, windows: true, good: true, find: findChecks,
		about: "answers whose checks held, of those with the expected status", example: "checks > 99%",
	},
	{
		name: "goodput", unit: UnitRatio, gated: true, good: true, find: findGoodput,
		about: "attempted requests that succeeded within every latency limit of the run", example: "goodput >= 95%",
	},
	{
		name: "throughput", unit: UnitPerSecond, gated: true, windows: true, find: findThroughput,
		about: "successful requests per second", example: "throughput >= 100/s",
	},
	{
		name: "attempts", aliases: []string{"http_reqs"}, unit: UnitPerSecond, gated: true, windows: true, find: findAttempts,
		about: "attempted requests per second", example: "attempts >= 100/s",
	},
	{
		name: "mean", aliases: []string{"avg"}, unit: UnitMS, gated: true, find: findMean,
		about: "mean response time of successful requests", example: "mean < 200ms",
	},
	{
		name: "max", unit: UnitMS, gated: true, find: findMax,
		about: "longest response time of successful requests", example: "max < 2s",
	},
	{
		name: "min", unit: UnitMS, gated: true, find: findMin,
		about: "shortest response time of successful requests", example: "min < 50ms",
	},
	{
		name: "count", aliases: []string{"requests"}, unit: UnitCount, equals: true, find: findCount,
		about: "attempted requests in the measured window", example: "count >= 1000",
	},
	{
		name: "dropped", aliases: []string{"dropped_iterations"}, unit: UnitCount, whole: true, equals: true, find: findDropped,
		about: "iterations due while no user was free (open model)", example: "dropped == 0",
	},
	{
		name: "pace", unit: UnitRatio, whole: true, gated: true, find: findPace,
		about: "iterations started over those that the load asks for", example: "pace >= 0.9",
	},
	{
		name: "compliance", unit: UnitRatio, whole: true, gated: true, shown: true, find: findCompliance,
		about: "windows (a sixtieth of the run) that kept its limits; 3 bad ones in a row always break it", example: "compliance >= 95%",
	},
	{
		name: "degradations", unit: UnitCount, whole: true, gated: true, equals: true, shown: true, find: findDegradations,
		about: "figures shown to be worse at the run's end than at its start: see drift", example: "degradations == 0",
	},
}

// servicePrefix before a percentile, mean, max or min asks for service times.
const servicePrefix = "service_"

// service reports whether t is about service times rather than response times.
func (t Threshold) service() bool { return strings.HasPrefix(t.Metric, servicePrefix) }

// lookup finds the row of a metric's canonical name or alias, its canonical
// name, and for a percentile the quantile. ok is false for an unknown name.
func lookup(name string) (m measure, canonical string, quantile float64, ok bool) {
	if of, isService := strings.CutPrefix(name, servicePrefix); isService {
		m, canonical, quantile, ok = lookup(of)
		if !ok || m.unit != UnitMS || strings.HasPrefix(canonical, servicePrefix) {
			return measure{}, "", 0, false
		}
		m.example = servicePrefix + m.example
		return m, servicePrefix + canonical, quantile, true
	}
	if name == "med" || name == "median" {
		name = "p50"
	}
	if digits, isP := strings.CutPrefix(name, "p"); isP && digits != "" {
		if v, err := strconv.ParseFloat(digits, 64); err == nil && strings.Trim(digits, "0123456789.") == "" {
			canonical = strconv.FormatFloat(v, 'f', -1, 64)
			if v < 1 || v > 99.99 || len(canonical) > len("99.99") {
				return measure{}, "", 0, false
			}
			quantile, _ = strconv.ParseFloat(canonical+"e-2", 64)
			return percentile, "p" + canonical, quantile, true
		}
	}
	for _, m := range measures {
		if m.name != percentile.name && (m.name == name || slices.Contains(m.aliases, name)) {
			return m, m.name, 0, true
		}
	}
	return measure{}, "", 0, false
}

// badLimit is the limit of t, on a share, in terms of the bad requests.
func (m measure) badLimit(t Threshold) float64 {
	switch {
	case t.Quantile > 0:
		return tidy(1 - t.Quantile)
	case m.good:
		return tidy(1 - t.Limit)
	}
	return t.Limit
}

// badUpper reports whether t limits the share of bad requests from above.
func (m measure) badUpper(t Threshold) bool { return t.upper() != m.good || t.Op == "==" }

// total reports whether t allows no bad request at all, as availability == 100%
// does: a statement on this run's requests, which needs no statistics.
func (m measure) total(t Threshold) bool {
	return m.unit == UnitRatio && !m.whole && m.badUpper(t) && m.badLimit(t) == 0
}

// tidy rounds off what binary fractions add to a decimal share: 1 - 0.95.
func tidy(share float64) float64 { return math.Round(share*1e12) / 1e12 }

// upper reports whether the threshold limits its metric from above.
func (t Threshold) upper() bool { return t.Op == "<" || t.Op == "<=" || t.Op == "==" }

// keeps reports whether v is within the threshold's limit.
func (t Threshold) keeps(v float64) bool {
	switch t.Op {
	case "<":
		return v < t.Limit
	case "<=":
		return v <= t.Limit
	case ">":
		return v > t.Limit
	case ">=":
		return v >= t.Limit
	}
	return v == t.Limit
}

// own is how many of the outcomes are failures that only the target can have
// made.
func own(outcomes map[metric.Class]int64) int64 {
	n := int64(0)
	for class, k := range outcomes {
		if class.TargetsOwn() {
			n += k
		}
	}
	return n
}
