package selftest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/internal/verdict/sim"
)

// driftVerdicts are all that can be said of drift, as the table has them.
var driftVerdicts = []verdict.DriftVerdict{
	verdict.DriftStable, verdict.DriftDegrading, verdict.DriftImproving, verdict.DriftUnstable, verdict.DriftUndecided,
}

// driftTable repeats each hour and counts what is said of it.
func driftTable(o Options) Table {
	t := Table{
		Title: "Drift of simulated hours",
		About: "All tests together on P50, P95, P99, error rate, throughput and memory. At most 5 % of the stable hours may be called anything else.",
		Head:  []string{"hour", "repetitions"},
	}
	for _, v := range driftVerdicts {
		t.Head = append(t.Head, string(v))
	}
	for _, h := range Hours() {
		counts := count(o.Repetitions, func(i uint64) verdict.DriftVerdict {
			e := h.Evidence(o.Seed + i)
			return verdict.JudgeDrift(verdict.Default(), &e).Verdict
		})
		row := []string{h.Name, fmt.Sprint(o.Repetitions)}
		for _, v := range driftVerdicts {
			row = append(row, percent(counts[v], o.Repetitions))
		}
		t.Rows = append(t.Rows, row)
		least := o.Repetitions
		if h.Want == verdict.DriftStable {
			least = atLeast(o.Repetitions, .95)
		}
		if counts[h.Want] < least {
			t.Broken = append(t.Broken, fmt.Sprintf("%s: called %s in %d of %d, at least %d wanted", h.Name, h.Want, counts[h.Want], o.Repetitions, least))
		}
	}
	return t
}

// An Hour is a simulated hour and what its drift is.
type Hour struct {
	Name   string
	Want   verdict.DriftVerdict
	source func(seed uint64) sim.Source
}

// Evidence is what one repetition of the hour shows: 0.2 % of the requests fail
// by chance, and the target's memory goes up and down as garbage is collected.
func (h Hour) Evidence(seed uint64) verdict.Evidence {
	r := rand.New(rand.NewPCG(seed, 13))
	e := verdict.Simulated(h.source(seed).Next, time.Hour, func(float64) bool { return r.Float64() < .002 })
	memory := verdict.Probed{Source: "target", Name: "memory"}
	for at := 5 * time.Second; at < time.Hour; at += 5 * time.Second {
		saw := math.Mod(at.Seconds(), 37) / 37
		memory.At = append(memory.At, at)
		memory.Values = append(memory.Values, (200+60*saw+3*r.NormFloat64())*(1<<20))
	}
	e.Probes = []verdict.Probed{memory}
	return e
}

// Hours are the hours of the self-test. The level of a service wanders with a
// memory of minutes, so that one minute is like the next: by a tenth where it is
// stable, by half as much where something is to be found.
func Hours() []Hour {
	service := func(wander, sigma float64, level func(at float64) float64) func(uint64) sim.Source {
		return func(seed uint64) sim.Source {
			return (&sim.Service{Rate: 50, Sigma: sigma, Level: level, Wander: wander, Memory: .9}).Start(seed)
		}
	}
	queue := func(utilisation float64) func(uint64) sim.Source {
		return func(seed uint64) sim.Source { return sim.NewQueue(seed, 50, utilisation, false) }
	}
	return []Hour{
		{"stable: a queue at utilisation .3", verdict.DriftStable, queue(.3)},
		{"stable: a queue at utilisation .6", verdict.DriftStable, queue(.6)},
		{"stable: a queue at utilisation .8", verdict.DriftStable, queue(.8)},
		{"stable: a service whose level wanders", verdict.DriftStable, service(.1, .5, func(float64) float64 { return .01 })},
		{"degrading: latency doubles each 20 min", verdict.DriftDegrading, service(.05, .3, func(at float64) float64 {
			return .002 + .005*math.Exp2(at/1200)
		})},
		{"episodes: the last minute of each ten at six times the latency", verdict.DriftUnstable, service(.05, .2, func(at float64) float64 {
			if math.Mod(at+20, 600) >= 540 {
				return .002 + .036
			}
			return .002 + .006
		})},
		{"a level shift: twice as slow from minute 29 on", verdict.DriftUnstable, service(.05, .3, func(at float64) float64 {
			if at >= 29*60 {
				return .02
			}
			return .01
		})},
	}
}
