package metric

import (
	"math"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The geometry of every histogram of lt: nanoseconds from 1 µs, 3 significant
// digits, up to a day, so that no slow target overflows it.
const (
	histLowest  = int64(time.Microsecond)
	histHighest = int64(24 * time.Hour)
	histDigits  = 3
)

// A Dist is a distribution of durations: an HDR histogram (nanoseconds, 3
// digits), and beside it the exact count, sum, minimum and maximum. The zero
// value is empty and ready for use. It is not safe for concurrent use.
type Dist struct {
	Count int64
	Sum   time.Duration
	Min   time.Duration
	Max   time.Duration

	packed *hdr.PackedHistogram // nil while empty, or while dense holds the counts
	dense  *hdr.Histogram       // made once an interval proves busy; see densify
	coarse bool                 // spanDigits instead of histDigits; a merge takes it over while empty
}

// spanDigits are the digits of the histograms of spans: of several for each
// request, in a sixth of the memory.
const spanDigits = 2

func (d *Dist) digits() int {
	if d.coarse {
		return spanDigits
	}
	return histDigits
}

// densify is the number of values from which a Dist that is recorded into pays
// for a dense histogram (240 KB, 5 ns a value) instead of a packed one (a few
// KB, 20-50 ns a value): scenarios with hundreds of endpoints stay small.
const densify = 512

// Record adds one duration. Negative ones count as 0.
func (d *Dist) Record(v time.Duration) {
	if v < 0 {
		v = 0
	}
	if d.Count == 0 || v < d.Min {
		d.Min = v
	}
	if v > d.Max {
		d.Max = v
	}
	d.Count++
	d.Sum += v
	h := int64(v)
	if h > histHighest {
		h = histHighest
	}
	if d.dense != nil {
		_ = d.dense.RecordValue(h) // cannot fail: h is within the geometry
		return
	}
	if d.packed == nil {
		d.packed = hdr.NewPacked(histLowest, histHighest, d.digits())
	}
	_ = d.packed.RecordValue(h)
	if d.Count >= densify {
		d.dense = hdr.New(histLowest, histHighest, d.digits())
		d.packed.MergeInto(d.dense)
		d.packed = nil
	}
}

// RecordN adds one duration n times, as [Dist.Record] does.
func (d *Dist) RecordN(v time.Duration, n int64) {
	if n <= 0 {
		return
	}
	d.Record(v)
	n--
	v = max(v, 0)
	d.Count += n
	d.Sum += time.Duration(n) * v
	h := min(int64(v), histHighest)
	if d.dense != nil {
		_ = d.dense.RecordValues(h, n) // cannot fail: h is within the geometry
	} else {
		_ = d.packed.RecordValues(h, n)
	}
}

// Merge adds the values of o, which keeps its own.
func (d *Dist) Merge(o *Dist) {
	if o.Count == 0 {
		return
	}
	if d.packed == nil && d.dense == nil {
		d.coarse = o.coarse
	}
	if d.Count == 0 || o.Min < d.Min {
		d.Min = o.Min
	}
	if o.Max > d.Max {
		d.Max = o.Max
	}
	d.Count += o.Count
	d.Sum += o.Sum
	switch {
	case d.dense != nil && o.dense != nil:
		d.dense.Merge(o.dense)
	case d.dense != nil:
		o.packed.MergeInto(d.dense)
	default:
		if d.packed == nil {
			d.packed = hdr.NewPacked(histLowest, histHighest, d.digits())
		}
		if o.dense != nil {
			d.packed.MergeFrom(o.dense)
		} else {
			d.packed.Merge(o.packed)
		}
	}
}

// Clone is an independent, packed copy.
func (d *Dist) Clone() Dist {
	var c Dist
	c.Merge(d)
	return c
}

// Reset empties the distribution; a dense histogram is kept for use again.
func (d *Dist) Reset() {
	dense := d.dense
	*d = Dist{coarse: d.coarse}
	if dense != nil {
		dense.Reset()
		d.dense = dense
	}
}

// Packed is the histogram itself, in nanoseconds, for encoding; nil when empty.
// The caller must not change it.
func (d *Dist) Packed() *hdr.PackedHistogram {
	if d.Count == 0 {
		return nil
	}
	if d.dense != nil {
		c := d.Clone()
		return c.packed
	}
	return d.packed
}

// FromPacked makes a distribution of a decoded histogram and the exact figures
// that were kept beside it. It takes h over. Where the exact figures are
// missing (count 0), they are taken from the histogram.
func FromPacked(h *hdr.PackedHistogram, count int64, sum, lowest, highest time.Duration) Dist {
	if h == nil || h.TotalCount() == 0 {
		return Dist{}
	}
	if count == 0 {
		count = h.TotalCount()
		sum = time.Duration(h.Mean() * float64(count))
		lowest, highest = time.Duration(h.Min()), time.Duration(h.Max())
	}
	return Dist{Count: count, Sum: sum, Min: lowest, Max: highest, packed: h, coarse: h.SignificantFigures() == spanDigits}
}

// Mean is the exact mean; 0 when empty.
func (d *Dist) Mean() time.Duration {
	if d.Count == 0 {
		return 0
	}
	return d.Sum / time.Duration(d.Count)
}

// Quantile is the smallest recorded value that at least the share q (0..1) of
// all values do not exceed, to 3 digits and never outside Min and Max; 0 when
// empty.
func (d *Dist) Quantile(q float64) time.Duration {
	if d.Count == 0 {
		return 0
	}
	if q >= 1 {
		return d.Max
	}
	// The library rounds ranks to the nearest, which may cover less than q: hand it
	// the whole rank. The factor undoes the rounding of products such as .95 * 20.
	n := float64(d.Count)
	percentile := 100 * math.Ceil(q*n*(1-1e-12)) / n
	var v int64
	if d.dense != nil {
		v = d.dense.ValueAtPercentile(percentile)
	} else {
		v = d.packed.ValueAtPercentile(percentile)
	}
	return min(max(time.Duration(v), d.Min), d.Max)
}

// CountAbove is how many values exceed limit, to the histogram's 3 digits: the
// values of the limit's own bucket are not above it.
func (d *Dist) CountAbove(limit time.Duration) int64 {
	if d.Count == 0 || limit >= d.Max {
		return 0
	}
	if limit < d.Min {
		return d.Count
	}
	above := int64(0)
	d.ForEach(func(value time.Duration, count int64) {
		if value > limit {
			above += count
		}
	})
	return above
}

// ForEach calls f for every bucket that holds values, in rising order, with the
// bucket's lowest value.
func (d *Dist) ForEach(f func(value time.Duration, count int64)) {
	if p := d.Packed(); p != nil {
		p.ForEachBucket(func(value, count int64) bool {
			f(time.Duration(value), count)
			return true
		})
	}
}
