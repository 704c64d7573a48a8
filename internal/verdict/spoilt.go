package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A way of judging the stretches in which the generator was not fit to measure:
// as they were seen, or as if every request of theirs had been bad, or good.
type way int

const (
	asSeen way = iota
	allBad
	allGood
)

// A Stretch is the generator's state over one stretch of a run.
type Stretch struct {
	StartDelay        *metric.Dist // of the iterations that started in it; nil: none
	Stalls            int
	Late              time.Duration // by how much its end came late: the Runner was held up
	Attempted, Failed int64         // requests, and those of outcome generator
	Steal             float64       // percent; negative: not known
	CPUHigh           bool          // over 80 % of the quota
}

// Spoils reports whether the generator was not fit to measure in a stretch of a
// run with these thresholds. It is finer than the rules on the run as a whole, so
// that where one of them is broken, it is broken in stretches that this finds.
func (s Stretch) Spoils(thresholds []Threshold) bool {
	late := func(budget time.Duration) bool {
		return s.StartDelay != nil && float64(s.StartDelay.CountAbove(budget)) > lateShare*float64(s.StartDelay.Count)
	}
	budget := startDelayBudget(thresholds, 0)
	return s.Stalls > 0 || s.Late > stallOver || s.Steal > sharedPercent || late(budget) || s.CPUHigh && late(budget/2) ||
		s.Attempted > 0 && share(s.Failed, s.Attempted) > generatorShare
}

// over are the requests of a spoilt stretch that failed or took longer than the
// limit with this index.
func (s *Spoilt) over(limit int) int64 {
	if limit < 0 || limit >= len(s.Over) {
		return s.Requests // not counted: none is known to be good
	}
	return s.Failed + s.Over[limit]
}

// Add adds o to s.
func (s *Spoilt) Add(o *Spoilt) {
	s.Length += o.Length
	s.Requests += o.Requests
	s.Failed += o.Failed
	s.Over = addCounts(s.Over, o.Over)
}

func addCounts(to, more []int64) []int64 {
	for i, n := range more {
		if i == len(to) {
			to = append(to, 0)
		}
		to[i] += n
	}
	return to
}

// spoilt is what all blocks counted in spoilt stretches.
func (s *Series) spoilt() Spoilt {
	var sum Spoilt
	for i := range s.Blocks {
		if sp := s.Blocks[i].Spoilt; sp != nil {
			sum.Add(sp)
		}
	}
	return sum
}

// spoilt is the sample with the requests of spoilt stretches taken as the way of
// judging says; bad counts those of a stretch that were bad by what was seen.
// What is taken as bad is no sample of the target: the design effect is that of
// the rest.
func (q *question) spoilt(s sample, bad func(sp *Spoilt, limit int) int64) sample {
	if q.e.way == asSeen {
		return s
	}
	at := q.limit()
	for i := range q.s.Blocks {
		sp := q.s.Blocks[i].Spoilt
		if sp == nil {
			continue
		}
		s.blocks[i].K -= bad(sp, at)
		s.blocks[i].N -= sp.Requests
		if s.k -= bad(sp, at); q.e.way == allBad {
			s.k += sp.Requests
		}
	}
	s.k = min(max(s.k, 0), s.n)
	return s
}

// limit is the index of the threshold's limit in Evidence.Limits; -1: not there.
func (q *question) limit() int { return q.e.limit(Limit{q.serviceApart(), q.t.duration()}) }

func (e *Evidence) limit(l Limit) int { return slices.Index(e.Limits, l) }

// LatencyLimits are the limits on percentiles, each once, in the order of the
// thresholds: what a run of this model has to count above.
func LatencyLimits(thresholds []Threshold, model metric.Model) []Limit {
	var limits []Limit
	seen := map[Limit]bool{}
	for _, t := range thresholds {
		l := Limit{t.service() && model != metric.Closed, t.duration()}
		if t.Quantile > 0 && !seen[l] {
			seen[l] = true
			limits = append(limits, l)
		}
	}
	return limits
}

// NeedsSpans reports whether a threshold on the endpoint, persona or hop of this
// name, or on the whole run (empty), is judged, or aborts the run, by what was
// measured second by second.
func NeedsSpans(thresholds []Threshold, name string) bool {
	for _, t := range thresholds {
		// The run's own are asked for by whatever is: they tell how long it has gone on.
		if (t.For > 0 || t.Within > 0 || t.Abort) && (name == "" || t.Matches(name)) {
			return true
		}
	}
	return false
}

// NeedsService reports whether a threshold is on service times, which a run of
// the open model then has to keep for each block.
func NeedsService(thresholds []Threshold, model metric.Model) bool {
	for _, t := range thresholds {
		if t.service() && model != metric.Closed {
			return true
		}
	}
	return false
}

// stands judges the threshold with the spoilt stretches all bad and all good, and
// reports whether the verdict is the same both ways.
func stands(t Threshold, seen []Judged, e *Evidence) bool {
	if m, _, _, _ := lookup(t.Metric); !m.windows && t.Metric != "goodput" {
		return false // a mean or an extreme of unknown times is unknown
	}
	for _, w := range []way{allBad, allGood} {
		other := *e
		other.way = w
		for i, j := range judge(t, &other) {
			if j.Verdict != seen[i].Verdict {
				return false
			}
		}
	}
	return true
}

// spoiltNote is the stamp of a run whose verdict stands though the generator was
// not fit to measure all the time.
func spoiltNote(e *Evidence, faults []string) string {
	return fmt.Sprintf("the generator was not fit to measure in %s of %s: with these taken as all bad and as all good, the verdict is the same; %s",
		length(e.Spoilt), length(e.Window), strings.Join(faults, "; "))
}
