package verdict

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// Facts are what is known of a run besides its evidence.
type Facts struct {
	Users     int           // of the closed model: the most at once
	ThinkMean time.Duration // between a user's iterations
	Baseline  bool          // the run was compared with one
	Runs      int           // runs of this plan that were looked at together; 0 counts as 1
}

// maxNotShown is how many sentences a reader still reads.
const maxNotShown = 5

// longEnough is the window under which a run says nothing of what works over
// minutes.
const longEnough = 5 * time.Minute

// tailEnough is how many requests beyond a percentile make it worth quoting.
const tailEnough = 10

// NotShown is what the run cannot tell, at most five sentences, each with its
// number, the most misleading gap first.
func NotShown(e Evidence, thresholds []Threshold, f Facts) []string {
	var all []string
	add := func(format string, a ...any) { all = append(all, fmt.Sprintf(format, a...)) }
	if e.Total.Requests == 0 {
		add("0 requests were measured: the run shows nothing of the target")
	}
	notShownOfModel(&e, f, add)
	notShownOfEndpoints(&e, add)
	notShownOfTail(&e, thresholds, add)
	if e.Window > 0 && e.Window < longEnough {
		add("%s were measured: leaks, garbage collection, caches and other effects of minutes are not shown", length(e.Window))
	}
	if f.Runs <= 1 {
		add("This is 1 run: how much runs differ by themselves is not shown")
	}
	if !f.Baseline {
		add("0 baselines were compared: whether this build is faster or slower than another is not shown")
	}
	return all[:min(len(all), maxNotShown)]
}

type adder func(format string, a ...any)

func notShownOfModel(e *Evidence, f Facts, add adder) {
	if e.Model != metric.Closed || f.Users == 0 || e.Window <= 0 {
		return
	}
	rate := float64(e.Iterations) / e.Window.Seconds()
	if !e.Think || f.ThinkMean <= 0 {
		add("%s that each wait for their answer made %s iterations/s: how the target does when more arrive than it can serve is not shown",
			plural(int64(f.Users), "user"), number(rate))
		return
	}
	most := float64(f.Users) / f.ThinkMean.Seconds()
	add("%s who think for %s ask for at most %s iterations/s, however fast the target is: they made %s, and what more it could do is not shown",
		plural(int64(f.Users), "user"), length(f.ThinkMean), number(most), number(rate))
}

func notShownOfEndpoints(e *Evidence, add adder) {
	var never []string
	for i := range e.Endpoints {
		if s := &e.Endpoints[i]; s.Requests < minExpected {
			never = append(never, s.Name)
		}
	}
	if len(never) == 0 || e.Total.Requests == 0 {
		return
	}
	names, more := never, ""
	if len(names) > 3 {
		names, more = names[:3], fmt.Sprintf(" and %d more", len(names)-3)
	}
	add("%d of %s had fewer than %d requests and are not shown to work: %s%s",
		len(never), plural(int64(len(e.Endpoints)), "endpoint"), minExpected, strings.Join(names, ", "), more)
}

// notShownOfTail speaks of the lowest percentile that rests on too few requests,
// of those that reports show and those that were asked about.
func notShownOfTail(e *Evidence, thresholds []Threshold, add adder) {
	n := float64(e.Total.Requests)
	if n == 0 {
		return
	}
	lowest, name := 0.0, ""
	consider := func(q float64, metric string) {
		if n*(1-q) < tailEnough-1e-9 && (lowest == 0 || q < lowest) {
			lowest, name = q, metric
		}
	}
	for _, q := range []struct {
		q    float64
		name string
	}{{.5, "P50"}, {.9, "P90"}, {.95, "P95"}, {.99, "P99"}, {.999, "P99.9"}} {
		consider(q.q, q.name)
	}
	for _, t := range thresholds {
		if t.Quantile > 0 && t.Scope == "" {
			consider(t.Quantile, strings.ToUpper(t.Metric))
		}
	}
	if lowest > 0 {
		beyond := int64(n*(1-lowest) + 1e-9)
		add("%s rests on the slowest %d of %s: it says little, and no more than the next run would", name, beyond, requests(e.Total.Requests))
	}
}
