package verdict

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// The bounds of a valid measurement.
const (
	startDelayLeast  = 5 * time.Millisecond
	startDelayShare  = 0.05 // of the tightest latency limit
	comparedShare    = 0.1  // of the baseline's P95, when comparing
	lateShare        = 0.01 // of the iterations
	startDelayCount  = 5    // late iterations, below which a percentile of few is not believed
	unsentShare      = 0.01
	stallLongest     = time.Second
	stallShare       = 0.01 // of the window
	stallLeast       = 250 * time.Millisecond
	stallOver        = 100 * time.Millisecond // what Generator.Stalls counts from
	generatorShare   = 0.001
	cpuHighLongest   = 5 * time.Second
	clockJumpLongest = time.Second
	sharedPercent    = 5.0  // of the processors' time, stolen; of a second, with work that waited for a processor
	foreignPercent   = 20.0 // of the processors' time, used by others
	crowdedShare     = 0.05 // of the window
	crowdedLeast     = 2 * time.Second
	littleShare      = 0.05   // by which the two sides of Little's law may differ
	littleLeast      = 10_000 // requests
	littleEdge       = 0.01   // mean residence over the window: what the window's ends may cut
)

// A fault is what made the generator, rather than the target, the thing measured.
type fault struct {
	text    string
	located bool // it happened in the stretches that Block.Spoilt is about, and in no other
}

// validity says what made the generator, rather than the target, the thing
// measured, each with what to do about it; and what a reader should know besides.
// Scheduler latencies are not asked: on healthy runs they are high too, because
// timers wake together with the requests; nor is Little's law by a sampler, for
// the same reason, but by the integral of the requests under way.
func validity(thresholds []Threshold, e *Evidence) (faults []fault, notes []string) {
	located := true
	fault := func(format string, a ...any) { faults = append(faults, fault{fmt.Sprintf(format, a...), located}) }
	note := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	g := &e.Generator

	budget := startDelayBudget(thresholds, e.BaselineP95)
	late := lateBy(g, budget)
	if late {
		fault("iterations started late: P99 of the start delay is %s, allowed %s; use fewer users or a lower rate, or give lt more CPU",
			amount(milliseconds(g.StartDelay.Quantile(.99)), UnitMS), amount(milliseconds(budget), UnitMS))
	}
	if due := e.Iterations + e.Dropped + e.Unsent; e.Model == metric.Open && due > 0 && share(e.Unsent, due) > unsentShare {
		located = false // nobody knows when
		fault("%s of %s iterations due were never started though users were free (%s, allowed %s); lower the rate or give lt more CPU",
			count(e.Unsent), count(due), amount(share(e.Unsent, due), UnitRatio), amount(unsentShare, UnitRatio))
		located = true
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
	if off, bad := e.little(); bad {
		located = false
		fault("Little's law does not hold: %s requests were under way on average, but rate times duration gives %s (%s apart, allowed %s): requests were lost, or the clock is wrong; please report it with the run's directory",
			number(e.InFlight/e.Window.Seconds()), number(e.Residence/e.Window.Seconds()), amount(off, UnitRatio), amount(littleShare, UnitRatio))
		located = true
	}
	if g.ClockJump > clockJumpLongest || g.ClockJump < -clockJumpLongest {
		note("the wall clock jumped by %s; no figure depends on it, but times of day in other logs may not match", length(max(g.ClockJump, -g.ClockJump)))
	}
	switch {
	case g.Steal > sharedPercent:
		note("shared machine: the hypervisor took up to %s of the CPU away, so that the latencies hold waits of lt's own", amount(g.Steal/100, UnitRatio))
	case g.Crowded >= crowdedLeast && float64(g.Crowded) > crowdedShare*float64(e.Window):
		note("shared machine: for %s of %s other processes used %s of its processors while work waited for one, so that the latencies may hold waits of lt's own",
			length(g.Crowded), length(e.Window), amount(g.Foreign/100, UnitRatio))
	}
	if !e.Complete {
		note("the run ended before its planned end; judged is what was shown until then")
	}
	return faults, notes
}

// Crowded reports whether others than lt, and than the processes of the target that
// it knows, used a fifth of the processors in an interval in which work waited for
// one: waiting by itself is no sign, for lt and its target make each other wait. Of
// a system that does not tell what waits, the use alone counts.
func Crowded(h *metric.Health) bool {
	return h.Foreign > foreignPercent && (h.Pressure < 0 || h.Pressure > sharedPercent)
}

// Shared reports whether others took part in an interval so much that a latency
// may be theirs: Crowded, or the hypervisor took over 5 % of the processors.
func Shared(h *metric.Health) bool { return Crowded(h) || h.Steal > sharedPercent }

// little is by how much the integral of the requests under way differs from the
// sum of how long each took, which are the same over a window that is long
// against one request (J. D. C. Little, "A proof for the queuing formula L = λW",
// Operations Research 9 (1961) 383-387; on finite windows: Little, "Little's law
// as viewed on its 50th anniversary", Operations Research 59 (2011) 536-549).
func (e *Evidence) little() (off float64, bad bool) {
	n := e.Total.Requests
	if e.InFlight <= 0 || e.Residence <= 0 || n <= littleLeast || e.Window <= 0 {
		return 0, false
	}
	if e.Residence/float64(n) > littleEdge*e.Window.Seconds() {
		return 0, false // requests so long that the window's ends cut too much
	}
	off = math.Abs(e.InFlight-e.Residence) / max(e.InFlight, e.Residence)
	return off, off > littleShare
}

// startDelayBudget is how late 1 % of the iterations may start: a part of the
// tightest latency limit and, when comparing, of the baseline's P95.
func startDelayBudget(thresholds []Threshold, baselineP95 time.Duration) time.Duration {
	tightest := time.Duration(0)
	for _, t := range thresholds {
		if t.Unit == UnitMS && t.upper() && !t.Warn && (tightest == 0 || t.duration() < tightest) {
			tightest = t.duration()
		}
	}
	if tightest == 0 { // no latency was asked about: as if by default
		tightest = 500 * time.Millisecond
	}
	budget := time.Duration(startDelayShare * float64(tightest))
	if baselineP95 > 0 {
		budget = min(budget, time.Duration(comparedShare*float64(baselineP95)))
	}
	return max(startDelayLeast, budget)
}

// lateBy reports whether over 1 % of the iterations, and a handful at least,
// started later than budget.
func lateBy(g *Generator, budget time.Duration) bool {
	late := g.StartDelay.CountAbove(budget)
	return late >= startDelayCount && float64(late) > lateShare*float64(g.StartDelay.Count)
}

func share(k, n int64) float64 { return float64(k) / float64(n) }

func cores(quota float64) string {
	if quota == 1 {
		return "1 core"
	}
	return number(quota) + " cores"
}
