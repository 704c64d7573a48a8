package run

import (
	"math"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A run's time is kept in columns of one width. It doubles when the columns are
// used up, two becoming one, so that a run of any length takes the same room; what
// is merged are counts, never percentiles.
const (
	maxColumns = 60
	maxRows    = 40 // of a heat map
	octave     = 8  // bins of latency in a doubling: each is 9 % wide
)

// A Heatmap is how many successful requests took how long, over the run's time:
// warm-up and all, by when they ended.
type Heatmap struct {
	Width   float64   `json:"width_s"`  // of a column; the first starts with the run
	Edges   []float64 `json:"edges_ms"` // of the rows, from the fastest: one more than there are rows
	Columns [][]int64 `json:"columns"`  // for each column, the requests of each row
}

// A Course is an endpoint's requests over the run's time, warm-up and all, in
// columns that start with the run.
type Course struct {
	Width    float64    `json:"width_s"`
	Requests []int64    `json:"requests"`
	Failed   []int64    `json:"failed"`
	P95      []*float64 `json:"p95_ms"` // of successful requests, to 5 %; null: there were none
}

// columns gather latencies over time, of the run's endpoints.
type columns struct {
	width time.Duration
	each  [][maxColumns]column // by endpoint
	used  int                  // columns
}

// A column is one endpoint's requests in a stretch of time.
type column struct {
	requests, failed int64
	first            int // bin of counts[0]
	counts           []uint32
}

func newColumns(endpoints int, resolution time.Duration) columns {
	return columns{width: max(resolution, time.Second), each: make([][maxColumns]column, endpoints)}
}

// at is the column of a moment of the run: of an interval its middle, for the end of
// the warm-up moves the borders of the intervals beside it.
func (c *columns) at(offset time.Duration) int {
	for offset/c.width >= maxColumns {
		c.width *= 2
		c.used = (c.used + 1) / 2
		for e := range c.each {
			cols := &c.each[e]
			for i := range maxColumns {
				var merged column
				if 2*i < maxColumns {
					merged = cols[2*i]
					merged.merge(&cols[2*i+1])
				}
				cols[i] = merged
			}
		}
	}
	i := int(max(offset, 0) / c.width)
	c.used = max(c.used, i+1)
	return i
}

// count adds an interval's requests of an endpoint.
func (c *columns) count(endpoint int, offset time.Duration, requests, failed int64) {
	col := &c.each[endpoint][c.at(offset)]
	col.requests += requests
	col.failed += failed
}

// time adds the response times of an endpoint's successful requests.
func (c *columns) time(endpoint int, offset time.Duration, d *metric.Dist) {
	i := c.at(offset)
	d.ForEach(func(value time.Duration, count int64) { c.each[endpoint][i].add(bin(value), uint32(count)) })
}

// bin is the number of the bin that holds v. All below a microsecond is in the first.
func bin(v time.Duration) int {
	if v <= time.Microsecond {
		return 0
	}
	return int(octave * math.Log2(float64(v)/float64(time.Microsecond)))
}

// edge is the lower end of a bin, in milliseconds.
func edge(bin float64) float64 { return math.Exp2(bin/octave) / 1000 }

func (c *column) add(bin int, n uint32) {
	if len(c.counts) == 0 {
		c.first = bin
	}
	if grow := c.first - bin; grow > 0 {
		c.counts = append(make([]uint32, grow, grow+len(c.counts)), c.counts...)
		c.first = bin
	}
	for bin-c.first >= len(c.counts) {
		c.counts = append(c.counts, 0)
	}
	c.counts[bin-c.first] += n
}

func (c *column) merge(o *column) {
	c.requests += o.requests
	c.failed += o.failed
	for i, n := range o.counts {
		if n > 0 {
			c.add(o.first+i, n)
		}
	}
}

// p95 is the middle of the bin that holds the percentile; nil without a value.
func (c *column) p95() *float64 {
	total, sum := int64(0), int64(0)
	for _, n := range c.counts {
		total += int64(n)
	}
	for i, n := range c.counts {
		if sum += int64(n); n > 0 && float64(sum) >= .95*float64(total)*(1-1e-12) {
			return new(digits(edge(float64(c.first+i) + .5)))
		}
	}
	return nil
}

// digits is v to three digits.
func digits(v float64) float64 {
	if v == 0 {
		return 0
	}
	return round(v, 2-int(math.Floor(math.Log10(v))))
}

// course is an endpoint's columns; nil when it was not exercised.
func (c *columns) course(endpoint int) *Course {
	out := &Course{Width: seconds(c.width)}
	any := false
	for i := range c.used {
		col := &c.each[endpoint][i]
		any = any || col.requests > 0
		out.Requests = append(out.Requests, col.requests)
		out.Failed = append(out.Failed, col.failed)
		out.P95 = append(out.P95, col.p95())
	}
	if !any {
		return nil
	}
	return out
}

// heatmap is the columns of all endpoints together, in at most maxRows rows; nil
// when nothing succeeded.
func (c *columns) heatmap() *Heatmap {
	all := make([]column, c.used)
	lowest, highest := math.MaxInt, -1
	for i := range all {
		for e := range c.each {
			all[i].merge(&c.each[e][i])
		}
		if n := len(all[i].counts); n > 0 {
			lowest, highest = min(lowest, all[i].first), max(highest, all[i].first+n-1)
		}
	}
	if highest < 0 {
		return nil
	}
	each := 1 // bins of a row
	for highest/each-lowest/each+1 > maxRows {
		each *= 2
	}
	from, rows := lowest/each, highest/each-lowest/each+1
	h := &Heatmap{Width: seconds(c.width)}
	for i := range rows + 1 {
		h.Edges = append(h.Edges, digits(edge(float64((from+i)*each))))
	}
	for i := range all {
		counts := make([]int64, rows)
		for k, n := range all[i].counts {
			counts[(all[i].first+k)/each-from] += int64(n)
		}
		h.Columns = append(h.Columns, counts)
	}
	return h
}
