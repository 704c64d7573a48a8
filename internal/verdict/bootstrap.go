package verdict

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// MaxBlocks is how many blocks of a run are compared, and kept in a baseline, at
// most.
const MaxBlocks = 60

// beyondMeasure stands for a percentile that lies among the failures: a failure
// is slower than anything. It is the histograms' highest value.
const beyondMeasure = float64(24*time.Hour) / float64(time.Millisecond)

// Thin merges neighbours so that at most most blocks are left, all of as many.
// The blocks that it is given stay as they are.
func Thin(blocks []Block, most int) []Block {
	each := (len(blocks) + most - 1) / most
	if each < 2 {
		return blocks
	}
	var out []Block
	for i := 0; i < len(blocks); i += each {
		b := Block{Start: blocks[i].Start}
		for k := range blocks[i:min(i+each, len(blocks))] {
			o := &blocks[i+k]
			b.Length += o.Length
			b.Requests += o.Requests
			b.Failed += o.Failed
			b.Response.Merge(&o.Response)
		}
		out = append(out, b)
	}
	return out
}

// A Draw is a resample of blocks: how often each was drawn.
type Draw []int

// Draws are resamples of n blocks, drawn independently with replacement, each of
// n blocks: the same for the same seeds. An index is the high word of n times the
// next 64 bits of a PCG-DXSM generator.
//
// The blocks follow one another without overlap and are long against the time
// over which one request's latency tells of the next one's: E. Carlstein, "The
// use of subseries values for estimating the variance of a general statistic from
// a stationary sequence", Annals of Statistics 14 (1986) 1171-1179; S. N. Lahiri,
// "Resampling Methods for Dependent Data" (2003), section 2.6.
func Draws(n, resamples int, seed1, seed2 uint64) []Draw {
	random := rand.NewPCG(seed1, seed2)
	out := make([]Draw, resamples)
	for i := range out {
		out[i] = make(Draw, n)
		for range n {
			at, _ := bits.Mul64(random.Uint64(), uint64(n))
			out[i][at]++
		}
	}
	return out
}

// A Resampled is a run's blocks, prepared for many resamples.
type Resampled struct {
	values  []float64 // in rising order, in milliseconds: all that occurred
	upTo    [][]int32 // of each block: how many of its successes took at most values[i]
	tried   []int64
	ok      []int64
	seconds []float64
}

// NewResampled prepares blocks.
func NewResampled(blocks []Block) *Resampled {
	r := &Resampled{}
	at := map[time.Duration]int{}
	for i := range blocks {
		blocks[i].Response.ForEach(func(v time.Duration, _ int64) { at[v] = 0 })
	}
	var all []time.Duration
	for v := range at {
		all = append(all, v)
	}
	slices.Sort(all)
	for i, v := range all {
		at[v] = i
		r.values = append(r.values, float64(v)/float64(time.Millisecond))
	}
	for i := range blocks {
		b := &blocks[i]
		counts := make([]int32, len(all))
		b.Response.ForEach(func(v time.Duration, n int64) { counts[at[v]] = int32(n) })
		for k := 1; k < len(counts); k++ {
			counts[k] += counts[k-1]
		}
		r.upTo, r.tried, r.ok = append(r.upTo, counts), append(r.tried, b.Requests), append(r.ok, b.Requests-b.Failed)
		r.seconds = append(r.seconds, b.Length.Seconds())
	}
	return r
}

// Quantile is the q-quantile of the response times of all attempts in a resample,
// in milliseconds, a failure being slower than anything; NaN without a request.
func (r *Resampled) Quantile(d Draw, q float64) float64 {
	n := int64(0)
	for i, w := range d {
		n += int64(w) * r.tried[i]
	}
	if n == 0 {
		return math.NaN()
	}
	rank := int64(max(math.Ceil(q*float64(n)-1e-6), 1))
	at := sort.Search(len(r.values), func(k int) bool {
		upTo := int64(0)
		for i, w := range d {
			if w > 0 {
				upTo += int64(w) * int64(r.upTo[i][k])
			}
		}
		return upTo >= rank
	})
	if at == len(r.values) {
		return beyondMeasure
	}
	return r.values[at]
}

// Throughput is the successes per second of a resample; NaN for no time at all.
func (r *Resampled) Throughput(d Draw) float64 {
	n, seconds := 0.0, 0.0
	for i, w := range d {
		n += float64(w) * float64(r.ok[i])
		seconds += float64(w) * r.seconds[i]
	}
	if seconds == 0 {
		return math.NaN()
	}
	return n / seconds
}

// BootstrapError is the standard deviation of the logarithm of the ratio
// figure(B) / figure(A) over resamples of both, those without a figure left out; ok
// is false where they are more than half.
func BootstrapError(a, b []float64) (se float64, ok bool) {
	var logs []float64
	for i := range min(len(a), len(b)) {
		if a[i] > 0 && b[i] > 0 { // not NaN
			logs = append(logs, math.Log(b[i]/a[i]))
		}
	}
	if 2*len(logs) <= min(len(a), len(b)) {
		return 0, false
	}
	_, variance := moments(logs)
	return math.Sqrt(variance), true
}

// tAbove is P(T >= t) of Student's distribution.
func tAbove(t, freedom float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: freedom}.CDF(-t)
}

// Newcombe is the interval of the difference of two shares, k2/n2 - k1/n1; each
// bound alone errs with probability alpha. The numbers may be effective ones.
//
// R. G. Newcombe, "Interval estimation for the difference between independent
// proportions", Statistics in Medicine 17 (1998) 873-890, method 10.
func Newcombe(k1, n1, k2, n2, alpha float64) Interval {
	p1, p2 := k1/n1, k2/n2
	w1, w2 := Wilson(k1, n1, alpha), Wilson(k2, n2, alpha)
	d := p2 - p1
	return Interval{
		d - math.Hypot(p2-w2.Low, w1.High-p1),
		d + math.Hypot(w2.High-p2, p1-w1.Low),
	}
}

// newcombeAbove is the p-value of "the difference is no more than limit": the
// level at which Newcombe's lower bound reaches it.
func newcombeAbove(k1, n1, k2, n2, limit float64) float64 {
	low, high := 1e-12, .5
	if Newcombe(k1, n1, k2, n2, high).Low <= limit {
		return 1
	}
	for range 60 {
		mid := math.Sqrt(low * high)
		if Newcombe(k1, n1, k2, n2, mid).Low > limit {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}
