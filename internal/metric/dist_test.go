package metric

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// resolution is how far a figure of a histogram may be from the exact one: the
// width of v's bucket, which is 3 digits of v but never under half a microsecond.
func resolution(v time.Duration) time.Duration { return max(v/1000, 512*time.Nanosecond) }

// anyDuration is a duration of any magnitude that a run meets: nothing, tens of
// nanoseconds, and up to a day.
func anyDuration() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		top := rapid.SampledFrom([]int64{0, 100, 5_000, 300_000, 2_000_000, 1_000_000_000, int64(time.Minute), histHighest}).Draw(t, "top")
		return time.Duration(rapid.Int64Range(0, top).Draw(t, "ns"))
	})
}

// durations is a sample, often large enough to make a Dist dense.
func durations(label string) func(t *rapid.T) []time.Duration {
	return func(t *rapid.T) []time.Duration {
		seed := rapid.SliceOfN(anyDuration(), 0, 40).Draw(t, label)
		if len(seed) == 0 {
			return nil
		}
		n := rapid.SampledFrom([]int{0, 1, 7, densify - 1, densify, densify + 1, 3 * densify}).Draw(t, label+" more")
		all := slices.Clone(seed)
		for i := range n {
			all = append(all, seed[i%len(seed)]+time.Duration(i)*731)
		}
		for i := range all {
			all[i] = min(all[i], time.Duration(histHighest))
		}
		return all
	}
}

func distOf(values []time.Duration) *Dist {
	d := &Dist{}
	for _, v := range values {
		d.Record(v)
	}
	return d
}

// exactQuantile is the smallest of the sorted values that at least the share
// perMille/1000 of them do not exceed.
func exactQuantile(sorted []time.Duration, perMille int) time.Duration {
	rank := (perMille*len(sorted) + 999) / 1000
	return sorted[max(rank, 1)-1]
}

var perMilles = []int{0, 1, 100, 250, 333, 500, 900, 930, 950, 990, 999, 1000}

func TestDistQuantilesAreThoseOfTheSortedValuesToThreeDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := durations("values")(t)
		if len(values) == 0 {
			return
		}
		d := distOf(values)
		slices.Sort(values)
		for _, pm := range perMilles {
			got, want := d.Quantile(float64(pm)/1000), exactQuantile(values, pm)
			if off := (got - want).Abs(); off > resolution(want) {
				t.Fatalf("n=%d dense=%v: quantile %d/1000 is %v, of the sorted values %v", len(values), d.dense != nil, pm, got, want)
			}
		}
	})
}

func TestDistQuantileNeverCoversLessThanItsShare(t *testing.T) {
	// Ranks round up: of 10 values, 93 % are not covered by nine.
	for _, n := range []int{1, 2, 3, 10, 20, 99, 100, 101, 102, 125, 160, 999, 1000, 1001, 4000} {
		d, sorted := &Dist{}, make([]time.Duration, n)
		for i := range sorted {
			sorted[i] = time.Duration(i+1) * time.Second
			d.Record(sorted[i])
		}
		for _, pm := range perMilles {
			got, want := d.Quantile(float64(pm)/1000), exactQuantile(sorted, pm)
			if off := (got - want).Abs(); off > resolution(want) {
				t.Errorf("1s..%ds: quantile %d/1000 is %v, want %v", n, pm, got, want)
			}
		}
	}
}

func TestDistPercentilesRiseAndStayWithinMinAndMax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := durations("values")(t)
		d := distOf(values)
		last := d.Min
		for _, q := range []float64{-1, 0, .5, .9, .95, .99, .999, 1, 2} {
			v := d.Quantile(q)
			if v < last || v > d.Max {
				t.Fatalf("quantile %v is %v after %v, max %v", q, v, last, d.Max)
			}
			last = v
		}
		if last != d.Max {
			t.Fatalf("the last quantile is %v, not the maximum %v", last, d.Max)
		}
	})
}

func TestDistCountSumMinMaxMeanAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkExact(t, distOf(durations("values")(t)), nil)
	})
	for name, tt := range map[string]struct {
		values        []time.Duration
		sum, min, max time.Duration
	}{
		"nothing":                    {},
		"a nanosecond":               {[]time.Duration{1}, 1, 1, 1},
		"a negative one counts as 0": {[]time.Duration{-5, 3}, 3, 0, 3},
		"zero after more":            {[]time.Duration{7, 0}, 7, 0, 7},
		"more than a day":            {[]time.Duration{72 * time.Hour, time.Second}, 72*time.Hour + time.Second, time.Second, 72 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			d := distOf(tt.values)
			if d.Count != int64(len(tt.values)) || d.Sum != tt.sum || d.Min != tt.min || d.Max != tt.max {
				t.Errorf("got count %d sum %v min %v max %v", d.Count, d.Sum, d.Min, d.Max)
			}
			if n := int64(len(tt.values)); n > 0 && d.Mean() != tt.sum/time.Duration(n) {
				t.Errorf("mean %v", d.Mean())
			}
			if d.Quantile(1) != tt.max {
				t.Errorf("quantile 1 is %v", d.Quantile(1))
			}
		})
	}
}

// checkExact compares d's exact figures with those of values, and both with the
// number of values in d's own histogram. A nil slice skips the comparison.
func checkExact(t interface{ Fatalf(string, ...any) }, d *Dist, values []time.Duration) {
	inside := int64(0)
	d.ForEach(func(_ time.Duration, n int64) { inside += n })
	if inside != d.Count {
		t.Fatalf("count is %d, the histogram holds %d", d.Count, inside)
	}
	if values == nil {
		return
	}
	var sum time.Duration
	for _, v := range values {
		sum += v
	}
	if d.Count != int64(len(values)) || d.Sum != sum {
		t.Fatalf("count %d sum %v, want %d and %v", d.Count, d.Sum, len(values), sum)
	}
	if len(values) > 0 && (d.Min != slices.Min(values) || d.Max != slices.Max(values)) {
		t.Fatalf("min %v max %v, want %v and %v", d.Min, d.Max, slices.Min(values), slices.Max(values))
	}
}

// buckets is what d holds, for comparison.
func buckets(d *Dist) map[time.Duration]int64 {
	m := map[time.Duration]int64{}
	d.ForEach(func(v time.Duration, n int64) { m[v] += n })
	return m
}

type distState struct {
	Count         int64
	Sum, Min, Max time.Duration
	Buckets       map[time.Duration]int64
}

// diff is cmp.Diff, which takes its time over large maps, of what is not equal.
func diff(want, got any, opts ...cmp.Option) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, opts...)
}

func state(d *Dist) distState { return distState{d.Count, d.Sum, d.Min, d.Max, buckets(d)} }

func TestDistMergeIsTheSameAsRecordingAllValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := durations("a")(t), durations("b")(t)
		all := append(slices.Clone(a), b...)
		want := state(distOf(all))

		da, db := distOf(a), distOf(b)
		before := state(db)
		da.Merge(db)
		if off := diff(want, state(da)); off != "" {
			t.Fatalf("merge of %d and %d (dense %v and %v): %s", len(a), len(b), da.dense != nil, db.dense != nil, off)
		}
		if off := diff(before, state(db)); off != "" {
			t.Fatalf("the argument changed: %s", off)
		}
		checkExact(t, da, append([]time.Duration{}, all...))

		// What is merged goes on living on its own, and so does the result.
		db.Record(time.Hour)
		da.Record(time.Minute)
		if got := state(distOf(append(slices.Clone(all), time.Minute))); diff(got, state(da)) != "" {
			t.Fatalf("the result shares counts with the argument")
		}
	})
}

func TestDistMergeKnowsEveryMixOfDenseAndPacked(t *testing.T) {
	sizes := map[string]int{"empty": 0, "one": 1, "packed": densify - 1, "dense": densify, "more": 2 * densify}
	for an, a := range sizes {
		for bn, b := range sizes {
			t.Run(an+" and "+bn, func(t *testing.T) {
				var values, all []time.Duration
				da, db := &Dist{}, &Dist{}
				for i := range a {
					values = append(values, time.Duration(i*i)*time.Microsecond)
					da.Record(values[i])
				}
				all = append(all, values...)
				for i := range b {
					v := time.Duration(i) * time.Millisecond
					all = append(all, v)
					db.Record(v)
				}
				da.Merge(db)
				if off := diff(state(distOf(all)), state(da)); off != "" {
					t.Error(off)
				}
			})
		}
	}
}

func TestDistIsTheSameOnBothSidesOfTheDensifyBorder(t *testing.T) {
	d, packed := &Dist{}, &Dist{}
	for i := range 3 * densify {
		v := time.Duration(i*37) * time.Microsecond
		d.Record(v)
		packed.Merge(distOf([]time.Duration{v})) // never dense
		if (d.dense != nil) != (d.Count >= densify) || packed.dense != nil {
			t.Fatalf("%d values: dense %v and %v", d.Count, d.dense != nil, packed.dense != nil)
		}
		if i%97 == 0 || d.Count-densify < 2 && densify-d.Count < 2 {
			if off := diff(state(packed), state(d)); off != "" {
				t.Fatalf("%d values: %s", d.Count, off)
			}
		}
	}
}

func TestDistResetEmptiesAndKeepsWorking(t *testing.T) {
	for name, n := range map[string]int{"empty": 0, "packed": 10, "dense": densify + 10} {
		t.Run(name, func(t *testing.T) {
			d := &Dist{}
			for round := range 3 {
				var values []time.Duration
				for i := range n {
					values = append(values, time.Duration(i*(round+1))*time.Millisecond)
					d.Record(values[i])
				}
				if off := diff(state(distOf(values)), state(d)); off != "" {
					t.Fatalf("round %d: %s", round, off)
				}
				d.Reset()
				if d.Count != 0 || d.Sum != 0 || d.Min != 0 || d.Max != 0 || d.Packed() != nil || len(buckets(d)) != 0 || d.Quantile(.5) != 0 {
					t.Fatalf("round %d: something is left: %+v", round, d)
				}
				if kept := d.dense != nil; kept != (n >= densify) {
					t.Fatalf("round %d: the dense histogram kept: %v", round, kept)
				}
			}
			other := distOf([]time.Duration{time.Second})
			other.Merge(d)
			d.Merge(other)
			if d.Count != 1 || d.Min != time.Second || other.Count != 1 {
				t.Errorf("after Reset, merged with one second: %d values, min %v", d.Count, d.Min)
			}
		})
	}
}

func TestDistCloneIsIndependent(t *testing.T) {
	for name, n := range map[string]int{"packed": 3, "dense": densify} {
		t.Run(name, func(t *testing.T) {
			d := &Dist{}
			for range n {
				d.Record(time.Millisecond)
			}
			c := d.Clone()
			want := state(d)
			d.Record(time.Hour)
			if off := diff(want, state(&c)); off != "" {
				t.Errorf("the clone changed with the original: %s", off)
			}
			before := state(d)
			c.Record(time.Minute)
			if off := diff(before, state(d)); off != "" {
				t.Errorf("the original changed with the clone: %s", off)
			}
		})
	}
}

func TestDistCountAboveIsWithinTheLimitsOwnBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := durations("values")(t)
		d := distOf(values)
		limits := []time.Duration{-1, 0, anyDuration().Draw(t, "limit")}
		if len(values) > 0 {
			v := rapid.SampledFrom(values).Draw(t, "value")
			limits = append(limits, v, v-1, v+1)
		}
		for _, limit := range limits {
			above, surely := int64(0), int64(0)
			for _, v := range values {
				if v > limit {
					above++
				}
				if v > limit+resolution(limit) {
					surely++
				}
			}
			if got := d.CountAbove(limit); got > above || got < surely {
				t.Fatalf("%d values above %v: got %d, want %d, or at least %d beyond its bucket", len(values), limit, got, above, surely)
			}
		}
	})
}

func TestDistCountAboveIsExactOutsideMinAndMax(t *testing.T) {
	d := distOf([]time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond})
	for limit, want := range map[time.Duration]int64{
		0: 3, 100*time.Millisecond - 1: 3, 100 * time.Millisecond: 2, 150 * time.Millisecond: 2,
		299 * time.Millisecond: 1, 300 * time.Millisecond: 0, time.Hour: 0,
	} {
		if got := d.CountAbove(limit); got != want {
			t.Errorf("above %v: %d, want %d", limit, got, want)
		}
	}
	if got := (&Dist{}).CountAbove(0); got != 0 {
		t.Errorf("empty: %d", got)
	}
}

func TestFromPackedKeepsTheExactFiguresOrTakesTheHistograms(t *testing.T) {
	values := []time.Duration{1500 * time.Microsecond, 2 * time.Millisecond, time.Second}
	whole := distOf(values)
	again := FromPacked(whole.Packed(), whole.Count, whole.Sum, whole.Min, whole.Max)
	if off := diff(state(whole), state(&again)); off != "" {
		t.Error(off)
	}
	c := whole.Clone()
	guessed := FromPacked(c.Packed(), 0, 0, 0, 0)
	if guessed.Count != 3 {
		t.Errorf("count %d", guessed.Count)
	}
	for name, pair := range map[string][2]time.Duration{"sum": {guessed.Sum, whole.Sum}, "min": {guessed.Min, whole.Min}, "max": {guessed.Max, whole.Max}} {
		if (pair[0] - pair[1]).Abs() > 3*resolution(pair[1]) {
			t.Errorf("%s taken from the histogram is %v, exact %v", name, pair[0], pair[1])
		}
	}
	if guessed.Min > guessed.Quantile(0) || guessed.Max < guessed.Quantile(1) {
		t.Errorf("min %v, max %v against quantiles %v, %v", guessed.Min, guessed.Max, guessed.Quantile(0), guessed.Quantile(1))
	}
	if none := FromPacked(nil, 5, 1, 1, 1); none.Count != 0 {
		t.Errorf("of nothing: %+v", none)
	}
}

func TestDistNeverFailsOnStrangeInput(t *testing.T) {
	d := distOf([]time.Duration{math.MaxInt64, math.MinInt64, 0})
	if d.Count != 3 || d.Max != math.MaxInt64 || d.Min != 0 || d.Quantile(.5) < 0 {
		t.Errorf("%d values, min %v, median %v, max %v", d.Count, d.Min, d.Quantile(.5), d.Max)
	}
	checkExact(t, d, nil)
	if v := d.Quantile(math.NaN()); v < d.Min || v > d.Max {
		t.Errorf("quantile NaN is %v", v)
	}
}
