package selftest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/internal/verdict/sim"
)

// runSpread is the standard deviation by which the speed of one run differs from
// that of the next, though the build is the same.
const runSpread = .03

// side is one side of a comparison: runs of a minute of a service whose response
// times are slower by the given factor. Its noise wanders within a run, and its
// speed differs from run to run.
func side(seed uint64, runs int, slower float64) []verdict.Evidence {
	r := rand.New(rand.NewPCG(seed, 17))
	out := make([]verdict.Evidence, runs)
	for i := range out {
		level := .02 * slower * (1 + runSpread*r.NormFloat64())
		s := (&sim.Service{Rate: rate, Sigma: .5, Level: func(float64) float64 { return level }, Wander: .05, Memory: .5}).Start(r.Uint64())
		out[i] = verdict.Simulated(s.Next, time.Minute, func(float64) bool { return r.Float64() < .002 })
	}
	return out
}

// regresses reports whether the runs of b are called worse than those of a.
func regresses(a, b []verdict.Evidence) bool {
	return verdict.Compare(a, b).Verdict == verdict.Regressed
}

// pairTables measure how often equal builds are called regressed, and how often
// one that is slower by a quarter is found.
func pairTables(o Options) []Table {
	t := Table{
		Title: "Comparisons of simulated runs",
		About: fmt.Sprintf("Runs of a minute at %d requests/s, whose speed differs by %v %% (one standard deviation) from run to run: how often the second side is called regressed.", rate, 100*runSpread),
		Head:  []string{"runs on each side", "pairs", "equal builds", "25 % slower"},
	}
	for _, runs := range []int{1, 5} {
		regressed := func(slower float64) int {
			return count(o.Pairs, func(i uint64) bool {
				seed := (o.Seed + i) * 4
				return regresses(side(seed, runs, 1), side(seed+1, runs, slower))
			})[true]
		}
		equal, slower := regressed(1), regressed(1.25)
		t.Rows = append(t.Rows, []string{fmt.Sprint(runs), fmt.Sprint(o.Pairs), percent(equal, o.Pairs), percent(slower, o.Pairs)})
		if most := atMost(o.Pairs, .05); equal > most {
			t.Broken = append(t.Broken, fmt.Sprintf("%d against %d runs: %d of %d equal pairs are called regressed, at most %d wanted", runs, runs, equal, o.Pairs, most))
		}
		if least := atLeast(o.Pairs, .75); runs >= 5 && slower < least {
			t.Broken = append(t.Broken, fmt.Sprintf("%d against %d runs: +25 %% was found in %d of %d, at least %d wanted", runs, runs, slower, o.Pairs, least))
		}
	}
	return []Table{t}
}
