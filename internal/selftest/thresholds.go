package selftest

import (
	"fmt"
	"time"

	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/internal/verdict/sim"
)

const rate = 100 // requests/s of the simulated runs

// An outcome is what one run of a cell showed: the verdict at the limit, and
// which of the drawn intervals held the truth.
type outcome struct {
	verdict verdict.Verdict
	covered [3]bool // P50, P95, P99
}

// thresholdTables measure P(pass) and P(fail) of runs whose true P95 is the
// limit, and the coverage of the intervals drawn beside percentiles.
func thresholdTables(o Options) []Table {
	atLimit := Table{
		Title: "Verdicts of runs whose true P95 is the limit",
		About: "An M/M/1 queue, 100 requests/s: PASS / FAIL; nominally 5 % each, the rest is NOT PROVEN.",
		Head:  []string{"utilisation", "20 s", "60 s", "300 s"},
	}
	coverage := Table{
		Title: "How often a drawn interval holds the truth",
		About: "The same runs; P50 / P95 / P99, nominally 90 %. Near saturation one minute says little of the next.",
		Head:  atLimit.Head,
	}
	far := []verdict.Threshold{threshold("p50 < 1000s"), threshold("p95 < 1000s"), threshold("p99 < 1000s")}
	quantiles := []float64{.5, .95, .99}
	for _, utilisation := range []float64{.3, .6, .8} {
		limits, covered := []string{fmt.Sprint(utilisation)}, []string{fmt.Sprint(utilisation)}
		for _, window := range []time.Duration{20 * time.Second, time.Minute, 5 * time.Minute} {
			outcomes := count(o.Runs, func(i uint64) outcome {
				q := sim.NewQueue(o.Seed+i, rate, utilisation, false)
				e := Evidence(q, window, nil)
				limit := threshold(fmt.Sprintf("p95 < %.9fms", q.Quantile(.95)*1000))
				j := verdict.Judge(append([]verdict.Threshold{limit}, far...), e)
				out := outcome{verdict: j.Thresholds[0].Verdict}
				for k, t := range j.Thresholds[1:] {
					truth := q.Quantile(quantiles[k]) * 1000
					out.covered[k] = (t.Low == nil || *t.Low <= truth) && (t.High == nil || truth <= *t.High)
				}
				return out
			})
			var pass, fail int
			var in [3]int
			for out, n := range outcomes {
				switch out.verdict {
				case verdict.Pass:
					pass += n
				case verdict.Fail:
					fail += n
				}
				for k, ok := range out.covered {
					if ok {
						in[k] += n
					}
				}
			}
			limits = append(limits, percent(pass, o.Runs)+" / "+percent(fail, o.Runs))
			covered = append(covered, fmt.Sprintf("%s / %s / %s", percent(in[0], o.Runs), percent(in[1], o.Runs), percent(in[2], o.Runs)))
			// What the blocks cannot see of a busy queue's memory makes more than 5 %: see
			// docs/statistics.md. These bounds are there to notice that it gets worse.
			if most := atMost(o.Runs, map[float64]float64{.3: .08, .6: .11, .8: .2}[utilisation]); pass > most {
				atLimit.Broken = append(atLimit.Broken, fmt.Sprintf("at %v, %s: %d of %d pass, at most %d wanted", utilisation, window, pass, o.Runs, most))
			}
		}
		atLimit.Rows, coverage.Rows = append(atLimit.Rows, limits), append(coverage.Rows, covered)
	}
	return []Table{atLimit, coverage}
}

func threshold(s string) verdict.Threshold {
	t, err := verdict.ParseThreshold(s)
	if err != nil {
		panic(err) // a constant of this package is wrong
	}
	return t
}
