package verdict

import (
	"cmp"
	"maps"
	"slices"
)

// A Metric is a row of the metric table, for people to read.
type Metric struct {
	Name    string
	Aliases []string
	Unit    string // ms, ratio, per_s, count
	About   string
	Example string
	Whole   bool // of the whole run only: it takes no scope
}

// Metrics is the metric table: all that a threshold can be set on.
func Metrics() []Metric {
	out := make([]Metric, 0, len(measures))
	for _, m := range measures {
		out = append(out, Metric{m.name, slices.Clone(m.aliases), m.unit, m.about, m.example, m.whole})
	}
	return out
}

// A K6Spelling is a metric of k6 with one of its aggregations, and the metric of
// lt that it is read as.
type K6Spelling struct{ K6, LT string }

// K6Spellings are all that ParseThreshold reads of k6's metrics.
func K6Spellings() []K6Spelling {
	var out []K6Spelling
	for _, metric := range slices.Sorted(maps.Keys(k6Metrics)) {
		for _, aggregation := range slices.Sorted(maps.Keys(k6Metrics[metric])) {
			to := k6Metrics[metric][aggregation]
			if aggregation == "p" {
				aggregation, to = "p(95)", "p95"
			}
			out = append(out, K6Spelling{metric + ": " + aggregation, to})
		}
	}
	slices.SortStableFunc(out, func(a, b K6Spelling) int { return cmp.Compare(a.K6, b.K6) })
	return out
}
