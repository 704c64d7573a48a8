package verdict

import (
	"fmt"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// The bounds of a valid measurement.
const (
	startDelayLeast  = 5 * time.Millisecond
	startDelayShare  = 0.05 // of the tightest latency limit
	startDelayCount  = 5    // late iterations, below which a percentile of few is not believed
	unsentShare      = 0.01
	stallLongest     = time.Second
	stallShare       = 0.01 // of the window
	stallLeast       = 250 * time.Millisecond
	generatorShare   = 0.001
	cpuHighLongest   = 5 * time.Second
	clockJumpLongest = time.Second
	sharedPercent    = 5.0
)

// validity says what made the generator, rather than the target, the thing
// measured, each with what to do about it; and what a reader should know besides.
// Scheduler latencies and Little's law are not asked: on healthy runs they fire
// too, because timers wake together with the requests.
func validity(thresholds []Threshold, e *Evidence) (faults, notes []string) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Sprintf(format, a...)) }
	note := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	g := &e.Generator

	budget := startDelayBudget(thresholds)
	late := lateBy(g, budget)
	if late {
		fault("iterations started late: P99 of the start delay is %s, allowed %s; use fewer users or a lower rate, or give lt more CPU",
			amount(milliseconds(g.StartDelay.Quantile(.99)), UnitMS), amount(milliseconds(budget), UnitMS))
	}
	if due := e.Iterations + e.Dropped + e.Unsent; e.Model == metric.Open && due > 0 && share(e.Unsent, due) > unsentShare {
		fault("%s of %s iterations due were never started though users were free (%s, allowed %s); lower the rate or give lt more CPU",
			count(e.Unsent), count(due), amount(share(e.Unsent, due), UnitRatio), amount(unsentShare, UnitRatio))
	}
	if allowed := max(stallLeast, time.Duration(stallShare*float64(e.Window))); g.StallMax > stallLongest {
		fault("lt stood still for %s (allowed %s); run it on a machine that does not sleep, freeze or swap", length(g.StallMax), length(stallLongest))
	} else if g.StallTotal > allowed {
		fault("lt stood still %s, %s in all (allowed %s); give it more CPU or a quieter machine",
			plural(int64(g.Stalls), "time"), length(g.StallTotal), length(allowed))
	}
	if g.Attempted > 0 && share(g.Failed, g.Attempted) > generatorShare {
		fault("%s of %s failed by lt's own fault (%s, allowed %s): no local ports or file descriptors left; raise ulimit -n, or use fewer users",
			count(g.Failed), requests(g.Attempted), amount(share(g.Failed, g.Attempted), UnitRatio), amount(generatorShare, UnitRatio))
	}
	if g.CPUHigh >= cpuHighLongest {
		used := fmt.Sprintf("lt used over 80 %% of its %s for %s", cores(g.CPUQuota), length(g.CPUHigh))
		switch {
		case lateBy(g, budget/2) && !late:
			fault("%s, and iterations started late (P99 %s); give it more CPU or lower the load", used, amount(milliseconds(g.StartDelay.Quantile(.99)), UnitMS))
		case e.Model == metric.Closed && !e.Think:
			note("generator-bound: %s, so that the throughput is lt's limit at least as much as the target's", used)
		default:
			note("%s; requests started in time all the same", used)
		}
	}
	if g.ClockJump > clockJumpLongest || g.ClockJump < -clockJumpLongest {
		note("the wall clock jumped by %s; no figure depends on it, but times of day in other logs may not match", length(max(g.ClockJump, -g.ClockJump)))
	}
	switch {
	case g.Steal > sharedPercent:
		note("shared machine: the hypervisor took up to %s of the CPU away, so that the latencies hold waits of lt's own", amount(g.Steal/100, UnitRatio))
	case g.Pressure > sharedPercent:
		note("shared machine: work waited for a CPU up to %s of the time, so that the latencies may hold waits of lt's own", amount(g.Pressure/100, UnitRatio))
	}
	if !e.Complete {
		note("the run ended before its planned end; judged is what was shown until then")
	}
	return faults, notes
}

// startDelayBudget is how late 1 % of the iterations may start.
func startDelayBudget(thresholds []Threshold) time.Duration {
	tightest := time.Duration(0)
	for _, t := range thresholds {
		if t.Unit == UnitMS && t.upper() && (tightest == 0 || t.duration() < tightest) {
			tightest = t.duration()
		}
	}
	if tightest == 0 { // no latency was asked about: as if by default
		tightest = 500 * time.Millisecond
	}
	return max(startDelayLeast, time.Duration(startDelayShare*float64(tightest)))
}

// lateBy reports whether over 1 % of the iterations, and a handful at least,
// started later than budget.
func lateBy(g *Generator, budget time.Duration) bool {
	late := g.StartDelay.CountAbove(budget)
	return late >= startDelayCount && float64(late) > 0.01*float64(g.StartDelay.Count)
}

func share(k, n int64) float64 { return float64(k) / float64(n) }

func cores(quota float64) string {
	if quota == 1 {
		return "1 core"
	}
	return number(quota) + " cores"
}
