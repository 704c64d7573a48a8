package verdict

import (
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Bound is a percentile's interval, in milliseconds: 90 % two-sided, so 95 % to
// each side. A nil one is beyond what so many requests tell.
type Bound struct {
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
}

// Intervals draws the interval beside each of the given quantiles of the
// response times of s, of successful requests. It inverts the band of the
// distribution function, with the design effect that the blocks show at the
// percentile itself (Woodruff 1952; fewer than 5 blocks: the exact ranks), and
// resamples nothing.
func (s *Series) Intervals(quantiles []float64) []Bound {
	return s.intervals(quantiles, &s.Response, func(b *Block) *metric.Dist { return &b.Response })
}

func (s *Series) intervals(quantiles []float64, all *metric.Dist, of func(*Block) *metric.Dist) []Bound {
	out := make([]Bound, len(quantiles))
	if all.Count == 0 {
		return out
	}
	// One pass over each block counts above every percentile and every shade of it.
	limits := make([]time.Duration, 0, 2*len(quantiles))
	for _, q := range quantiles {
		v := all.Quantile(q)
		limits = append(limits, v, time.Duration(nextDown*float64(v)))
	}
	counted := make([][]int64, len(s.Blocks))
	for i := range s.Blocks {
		counted[i] = countsAbove(of(&s.Blocks[i]), limits)
	}
	for i, q := range quantiles {
		low, high := s.ranks(q, float64(all.Count), alpha, func(shade float64) []Cluster {
			clusters, at := make([]Cluster, len(s.Blocks)), 2*i
			if shade < 1 {
				at++
			}
			for b := range clusters {
				clusters[b] = Cluster{counted[b][at], of(&s.Blocks[b]).Count}
			}
			return clusters
		})
		out[i] = Bound{atRank(all, low), atRank(all, high)}
	}
	return out
}

// countsAbove is CountAbove of each limit, in one pass.
func countsAbove(d *metric.Dist, limits []time.Duration) []int64 {
	counts := make([]int64, len(limits))
	d.ForEach(func(value time.Duration, n int64) {
		for i, limit := range limits {
			if value > limit {
				counts[i] += n
			}
		}
	})
	for i, limit := range limits { // the exact extremes, as CountAbove has them
		switch {
		case d.Count > 0 && limit < d.Min:
			counts[i] = d.Count
		case limit >= d.Max:
			counts[i] = 0
		}
	}
	return counts
}
