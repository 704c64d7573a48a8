package verdict

import (
	"fmt"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// point judges a figure that stands for nothing but itself.
func (q *question) point(value float64, n int64, name string) finding {
	f := finding{value: &value, n: n, pBroken: 1, pOwn: 1}
	f.holds = q.t.keeps(value)
	f.broken = !f.holds
	return q.words(f, name)
}

// estimated judges a figure by its interval.
func (q *question) estimated(value float64, in Interval, n int64, name string) finding {
	f := finding{value: &value, low: &in.Low, high: &in.High, n: n, pBroken: 1, pOwn: 1}
	low, high := q.t.keeps(in.Low), q.t.keeps(in.High)
	f.holds, f.broken = low && high, !low && !high
	if !f.holds && !f.broken {
		f.advice = q.moreBlocks(value, in)
	}
	return q.words(f, name)
}

func (q *question) words(f finding, name string) finding {
	if f.broken {
		f.pBroken = 0
	}
	limit := "limit "
	if !q.t.upper() {
		limit = "wanted " + q.t.Op + " "
	} else if q.t.Op == "==" {
		limit = "wanted "
	}
	f.figures = name + " " + span(f, q.t.Unit) + ", " + limit + amount(q.t.Limit, q.t.Unit)
	return f
}

// moreBlocks says how much longer a run must be for the interval, which narrows
// with the root of the time, to leave the limit out.
func (q *question) moreBlocks(value float64, in Interval) string {
	half, off := (in.High-in.Low)/2, value-q.t.Limit
	if off == 0 || half*half/(off*off) > 50 || q.e.Window <= 0 {
		return "it lies so near to the limit that a longer run would hardly decide"
	}
	longer := time.Duration(float64(q.e.Window) * (half*half/(off*off) - 1))
	return "a longer run would decide, if the figure stays: " + q.longer(longer)
}

// none is the finding of a figure of successful requests where there was none.
func (q *question) none() finding {
	s := q.s
	f := finding{n: s.Requests, pBroken: 1, pOwn: 1, few: true, missing: "no request was measured"}
	if s.Requests == 0 {
		return f
	}
	f.missing = "no request succeeded"
	if q.t.upper() { // a failure is slower than any limit
		f.broken, f.pBroken = true, 0
		f.byTarget = own(s.Outcomes) == s.Requests
		if f.byTarget {
			f.pOwn = 0
		}
		f.figures = fmt.Sprintf("no %s, for none of %s succeeded", q.t.Metric, requests(s.Requests))
	}
	return f
}

// rate judges a number of requests per second over the measured window. In the
// closed model the target makes the pace, and blocks of the run show how steady
// it is; in the open model the pace is lt's, so that the figure is exact.
func (q *question) rate(n int64, name string, of func(*Block) int64) finding {
	if q.e.Window <= 0 {
		return finding{pBroken: 1, pOwn: 1, few: true, missing: "nothing was measured"}
	}
	window := q.e.Window.Seconds()
	value := float64(n) / window
	if q.e.way != asSeen { // what the spoilt stretches counted is not believed
		sum := q.s.spoilt()
		value = float64(n-of(&Block{Requests: sum.Requests, Failed: sum.Failed})) / window
		if q.e.way == allGood {
			value *= window / max(window-sum.Length.Seconds(), 1e-9)
		}
	}
	if q.e.Model == metric.Closed {
		counts, lengths, sum := make([]float64, len(q.s.Blocks)), make([]float64, len(q.s.Blocks)), 0.0
		for i := range q.s.Blocks {
			b := &q.s.Blocks[i]
			counts[i], lengths[i] = float64(of(b)), b.Length.Seconds()
			if b.Length == 0 { // not told: all alike
				lengths[i] = 1
			}
			if sp := b.Spoilt; sp != nil && q.e.way != asSeen {
				counts[i] -= float64(of(&Block{Requests: sp.Requests, Failed: sp.Failed}))
				lengths[i] = max(lengths[i]-sp.Length.Seconds(), 0)
			}
			sum += counts[i]
		}
		if in, ok := RatioInterval(counts, lengths, q.e.level()); ok && sum > 0 {
			scale := 2 * value / (in.Low + in.High) // to the window, and what ended in it
			return q.estimated(value, Interval{max(0, in.Low*scale), in.High * scale}, n, name)
		}
	}
	return q.point(value, n, name)
}

func findThroughput(q *question) finding {
	n := q.s.Succeeded
	f := q.rate(n, "throughput", func(b *Block) int64 { return b.Requests - b.Failed })
	// Would the target's own failures, had they succeeded, have kept it?
	if f.broken && !q.t.upper() && q.t.keeps(float64(n+own(q.s.Outcomes))/q.e.Window.Seconds()) {
		f.byTarget, f.pOwn = true, 0
	}
	return f
}

func findAttempts(q *question) finding {
	return q.rate(q.s.Attempted, "attempts", func(b *Block) int64 { return b.Requests })
}

func findMean(q *question) finding {
	s, times := q.s, q.times()
	if times.Count == 0 {
		return q.none()
	}
	value := float64(times.Sum) / float64(times.Count) / float64(time.Millisecond)
	sums, counts, kept := make([]float64, len(s.Blocks)), make([]float64, len(s.Blocks)), int64(0)
	for i := range s.Blocks {
		r := q.blockTimes(&s.Blocks[i])
		sums[i], counts[i] = float64(r.Sum)/float64(time.Millisecond), float64(r.Count)
		kept += r.Count
	}
	if in, ok := RatioInterval(sums, counts, q.e.level()); ok && kept == times.Count {
		return q.estimated(value, Interval{max(0, in.Low), in.High}, times.Count, q.t.Metric)
	}
	return q.point(value, times.Count, q.t.Metric)
}

func findMax(q *question) finding {
	if q.times().Count == 0 {
		return q.none()
	}
	return q.point(milliseconds(q.times().Max), q.times().Count, q.t.Metric)
}

func findMin(q *question) finding {
	if q.times().Count == 0 {
		return q.none()
	}
	return q.point(milliseconds(q.times().Min), q.times().Count, q.t.Metric)
}

func findCount(q *question) finding {
	return q.point(float64(q.s.Requests), q.s.Requests, "requests")
}

func findDropped(q *question) finding {
	return q.point(float64(q.e.Dropped), q.e.Iterations+q.e.Dropped, "dropped iterations")
}

func findPace(q *question) finding {
	if q.e.Nominal <= 0 {
		return finding{
			pBroken: 1, pOwn: 1, few: true,
			missing: "no pace is set: without think time or an arrival rate, users go as fast as they can",
		}
	}
	return q.point(float64(q.e.Iterations)/q.e.Nominal, q.e.Iterations, "pace")
}
