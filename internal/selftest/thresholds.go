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

// onRecord are the rates of docs/statistics.md, as far as they are worse than the
// nominal ones: passes at the limit, and intervals that miss the true P95, of runs
// of 20 s, 60 s and 300 s. What the blocks of a short run cannot see of a busy
// queue's memory makes them so. A rate that is more than chance away has got worse.
var onRecord = []struct {
	utilisation  float64
	pass, missed [3]float64
}{
	{.3, [3]float64{.05, .055, .075}, [3]float64{.10, .10, .11}},
	{.6, [3]float64{.08, .07, .07}, [3]float64{.14, .11, .105}},
	{.8, [3]float64{.12, .105, .095}, [3]float64{.19, .15, .135}},
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
	for _, recorded := range onRecord {
		utilisation := recorded.utilisation
		limits, covered := []string{fmt.Sprint(utilisation)}, []string{fmt.Sprint(utilisation)}
		for k, window := range []time.Duration{20 * time.Second, time.Minute, 5 * time.Minute} {
			outcomes := count(o.Runs, func(i uint64) outcome {
				q := sim.NewQueue(o.Seed+i, rate, utilisation, false)
				e := verdict.Simulated(q.Next, window, nil)
				limit := threshold(fmt.Sprintf("p95 < %.9fms", q.Quantile(.95)*1000))
				j := verdict.Judge(append([]verdict.Threshold{limit}, far...), e)
				out := outcome{verdict: j.Thresholds[0].Verdict}
				for at, t := range j.Thresholds[1:] {
					truth := q.Quantile(quantiles[at]) * 1000
					out.covered[at] = (t.Low == nil || *t.Low <= truth) && (t.High == nil || truth <= *t.High)
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
				for at, ok := range out.covered {
					if ok {
						in[at] += n
					}
				}
			}
			limits = append(limits, percent(pass, o.Runs)+" / "+percent(fail, o.Runs))
			covered = append(covered, fmt.Sprintf("%s / %s / %s", percent(in[0], o.Runs), percent(in[1], o.Runs), percent(in[2], o.Runs)))
			for _, w := range []struct {
				what string
				k    int
				want float64
			}{{"pass", pass, recorded.pass[k]}, {"fail", fail, .05}, {"do not hold P95", o.Runs - in[1], recorded.missed[k]}} {
				if most := chance(o.Runs, w.want); w.k > most {
					atLimit.Broken = append(atLimit.Broken, fmt.Sprintf("at %v, %s: %d of %d %s, at most %d agree with %s", recorded.utilisation, window, w.k, o.Runs, w.what, most, percent(int(1000*w.want), 1000)))
				}
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
