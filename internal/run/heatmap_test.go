package run

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

func distOf(values ...time.Duration) *metric.Dist {
	d := &metric.Dist{}
	for _, v := range values {
		d.Record(v)
	}
	return d
}

// TestColumnsMergeCounts: however often the columns were merged, no request is
// lost, and the percentile is that of the requests, not a mean of percentiles.
func TestColumnsMergeCounts(t *testing.T) {
	for _, hours := range []int{0, 1, 8, 100} {
		c := newColumns(2, time.Second)
		length := max(time.Duration(hours)*time.Hour, 30*time.Second)
		step := length / 3000
		n, slow := int64(0), 0
		for at := time.Duration(0); at < length; at += step {
			v := 10 * time.Millisecond
			if n%10 == 9 {
				v, slow = 640*time.Millisecond, slow+1
			}
			c.count(1, at, 2, 1)
			c.time(1, at, distOf(v))
			n++
		}
		h, course := c.heatmap(), c.course(1)
		if c.course(0) != nil {
			t.Error("an endpoint that was not exercised has a course")
		}
		var requests, failed, cells int64
		for i := range course.Requests {
			requests, failed = requests+course.Requests[i], failed+course.Failed[i]
		}
		for _, col := range h.Columns {
			if len(col) != len(h.Edges)-1 {
				t.Fatalf("%d rows of %d edges", len(col), len(h.Edges))
			}
			for _, n := range col {
				cells += n
			}
		}
		if requests != 2*n || failed != n || cells != n {
			t.Errorf("%d h: %d requests, %d failed, %d in the map; want %d, %d, %d", hours, requests, failed, cells, 2*n, n, n)
		}
		if len(h.Columns) > maxColumns || len(h.Edges) > maxRows+1 || len(h.Columns) < 30 || len(course.P95) != len(h.Columns) {
			t.Errorf("%d h: %d columns, %d edges", hours, len(h.Columns), len(h.Edges))
		}
		if hours == 100 && len(h.Columns)*int(h.Width) < 100*3600-2*int(h.Width) {
			t.Errorf("columns of %v s end too early", h.Width)
		}
		// One of ten is slow: the median is not, P95 is.
		if p := course.P95[0]; hours > 0 && (p == nil || math.Abs(*p-640) > .05*640) {
			t.Errorf("%d h: P95 %v, want 640 to 5 %%", hours, *p)
		}
		if h.Edges[0] > 10 || h.Edges[len(h.Edges)-1] < 640 {
			t.Errorf("edges %v do not hold the values", h.Edges)
		}
	}
}

func TestColumnsAreWideEnough(t *testing.T) {
	c := newColumns(1, time.Second)
	c.time(0, 0, distOf(0, 1, time.Microsecond, 24*time.Hour))
	h := c.heatmap()
	if n := len(h.Edges) - 1; n > maxRows || n < maxRows/2-4 {
		t.Errorf("%d rows", n)
	}
	if c := newColumns(1, time.Second); c.heatmap() != nil || c.course(0) != nil {
		t.Error("nothing measured has a map")
	}
}

func TestCurve(t *testing.T) {
	d := &metric.Dist{}
	for i := 1; i <= 100_000; i++ {
		d.Record(time.Duration(i) * time.Microsecond * 10)
	}
	c := Curve(d)
	if len(c) != 41 || c[40].Q != .9999 || c[0].MS != .01 {
		t.Fatalf("%d points, last %+v, first %+v", len(c), c[len(c)-1], c[0])
	}
	for i, p := range c {
		if want := 1000 * p.Q; i > 0 && math.Abs(p.MS-want) > .002*want+.01 {
			t.Errorf("P%v is %v, want %v", p.Q*100, p.MS, want)
		}
		if i > 0 && p.MS < c[i-1].MS {
			t.Errorf("the curve falls at %v", p.Q)
		}
	}
	if c := Curve(distOf(time.Millisecond, 2*time.Millisecond)); len(c) != 4 || c[3].Q > .5 {
		t.Errorf("of 2 values: %+v", c)
	}
	if Curve(&metric.Dist{}) != nil {
		t.Error("a curve of nothing")
	}
}

// TestTheEndOfTheWarmUpLeavesNoHole: it ends one interval early and lengthens the next
// one, each of which has a column of its own all the same.
func TestTheEndOfTheWarmUpLeavesNoHole(t *testing.T) {
	c := NewCollector(&Plan{Profile: load.Users(1, 1, time.Minute), Endpoints: []metric.Endpoint{{Method: "GET", Path: "/"}}})
	borders := []time.Duration{0, 1001, 2001, 2981, 4000, 5001}
	for i, from := range borders[:len(borders)-1] {
		from, to := from*time.Millisecond, borders[i+1]*time.Millisecond
		iv := &Interval{Seq: i, Offset: from, Length: to - from, Period: metric.Measured, Endpoints: []IntervalEndpoint{{Requests: 1}}}
		g := &group{index: HistogramIndex{Offset: from, Length: to - from, Lines: []HistogramEntry{{Kind: KindOK}}}, dists: []metric.Dist{*distOf(time.Millisecond)}}
		c.Add(iv, g)
	}
	course := c.columns.course(0)
	if !slices.Equal(course.Requests, []int64{1, 1, 1, 1, 1}) {
		t.Errorf("requests %v", course.Requests)
	}
	if slices.Contains(course.P95, nil) {
		t.Errorf("P95 %v", course.P95)
	}
}
