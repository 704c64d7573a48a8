package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		name string
		got  axis
		want axis
	}{
		{"hundred", linear(100), axis{high: 100, ticks: []float64{0, 50, 100}}},
		{"odd", linear(251), axis{high: 300, ticks: []float64{0, 100, 200, 300}}},
		{"nothing", linear(0), axis{high: 1, ticks: []float64{0, .5, 1}}},
		{"log", logarithmic(6, 480), axis{low: 5, high: 500, log: true, ticks: []float64{10, 100, 20, 200, 5, 50, 500}}},
		{"wide log", logarithmic(1, 30000), axis{low: 1, high: 50000, log: true, ticks: []float64{1, 10, 100, 1000, 10000}}},
	} {
		if diff := cmp.Diff(c.want, c.got, cmp.AllowUnexported(axis{}), cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(a) })); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
	for _, high := range []float64{math.NaN(), math.Inf(1), -1, math.MaxFloat64, 5e-324} {
		if a := linear(high); len(a.ticks) > 16 {
			t.Errorf("linear(%g) has %d ticks", high, len(a.ticks))
		}
	}
	for _, seconds := range []float64{.5, 8, 60, 900, 3600, 28800, 1e7} {
		if n := len(timeTicks(seconds)); n < 1 || n > 9 {
			t.Errorf("%v s have %d ticks", seconds, n)
		}
	}
}

func TestPathKeepsExtremes(t *testing.T) {
	n := 5760
	xs, values := make([]float64, n), make([]float64, n)
	for i := range values {
		xs[i], values[i] = float64(i)/float64(n), 50
	}
	values[1234], values[4321] = 100, 0
	p := path(xs, values, axis{high: 100})
	if !strings.Contains(p, "2142 0L") || !strings.Contains(p, "7502 1000") {
		t.Errorf("the highest or the lowest point is lost: %.200s", p)
	}
	if len(p) > 20*2*drawnStretches {
		t.Errorf("%d bytes for %d points", len(p), n)
	}
}

func TestPathBreaks(t *testing.T) {
	nan := math.NaN()
	xs := []float64{0, .1, .2, .3, .4, .5}
	if got, want := path(xs, []float64{1, 2, nan, 3, nan, nan}, axis{high: 4}), "M0 750L1000 500M3000 250h6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := area("M0 750L1000 500M3000 250h6"), "M0 1000L0 750L1000 500L1000 1000ZM3000 1000L3000 250L3000 1000Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := path(nil, nil, linear(1)) + area(""); got != "" {
		t.Errorf("got %s", got)
	}
}

func long() *run.Result {
	r := failing()
	r.Timeline = timeline(5760, 60, 5750, 500, func(s int) (float64, float64, float64) { return 1, .01, 1 + math.Sin(float64(s)/300)/2 })
	body := strings.Repeat(`{"key":"<value>"},`, 227)
	for i := range 200 {
		e := r.Endpoints[i%13]
		r.Endpoints = append(r.Endpoints, e)
		r.Failures = append(r.Failures, run.Failure{Endpoint: e.Name, Class: "status_500", Count: int64(i), Exemplars: []metric.Exemplar{{Message: "m", Request: "GET / HTTP/1.1", RequestBody: body, ResponseBody: body}}})
		r.Thresholds = append(r.Thresholds, r.Thresholds[i%12])
	}
	return r
}

func TestLongRunStaysSmall(t *testing.T) {
	var b strings.Builder
	start := time.Now()
	if err := HTML(&b, long(), Options{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes in %v", b.Len(), time.Since(start))
	if b.Len() > 1_000_000 {
		t.Errorf("the page has %d bytes", b.Len())
	}
	var small strings.Builder
	if err := HTML(&small, passing(), Options{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("passing: %d bytes", small.Len())
}

func TestCurl(t *testing.T) {
	e := &metric.Exemplar{
		Request:     "POST /api/v1/goals/?a=b&c=d HTTP/1.1\r\nHost: x\r\nX-API-Key: [redacted]\r\n@file: no\r\nContent-Type: application/json",
		RequestBody: `{"d":"it's"}`,
	}
	want := "curl -i -X POST 'https://example.com/api/v1/goals/?a=b&c=d' \\\n  -H \"X-API-Key: $LT_API_KEY\" \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{\"d\":\"it'\\''s\"}'"
	if got := curl(e, "https://example.com/base"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, e := range []*metric.Exemplar{
		{}, {Request: "GET"}, {Request: "GET http://other/ HTTP/1.1"}, {Request: "GET /\x1b HTTP/1.1"}, {Request: "POST / HTTP/1.1", RequestBody: strings.Repeat("x", bodyLimit)},
	} {
		if got := curl(e, "https://example.com"); got != "" {
			t.Errorf("%.40q: got %s", e.Request, got)
		}
	}
}

// TestAValueBetweenTwoGapsIsSeen: a line of no length is nothing to see, so that
// such a value has a dot; a value that a line leads to has none.
func TestAValueBetweenTwoGapsIsSeen(t *testing.T) {
	b := &board{end: 1, xs: []float64{.1, .3, .5, .7, .9}, points: make([]run.Point, 5)}
	c := b.chart("x", "X", "ms", linear(10), []series{{name: "x", class: "p95", format: decimal, values: []float64{5, math.NaN(), 5, 10, math.NaN()}}})
	if d := c.Lines[0].Dots; d != "M1000 500h0" {
		t.Errorf("dots at %q", d)
	}
}
