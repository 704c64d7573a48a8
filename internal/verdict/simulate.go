package verdict

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Queue is a queue with random arrivals and service, of one server (M/M/1):
// response times are exponential, and the busier the queue, the more one is like
// the next. Its true percentiles are known, so that judging can be held to what
// it claims. Where Independent, response times only have the same distribution.
type Queue struct {
	Rate        float64 // requests/s
	Utilisation float64 // of the server, 0 to 1
	Independent bool

	random       *rand.Rand
	clock        float64
	wait, served float64 // of the request before
}

// NewQueue is a queue of 100 requests/s in equilibrium.
func NewQueue(seed uint64, utilisation float64) *Queue {
	q := &Queue{Rate: 100, Utilisation: utilisation, random: rand.New(rand.NewPCG(seed, 7))}
	if q.random.Float64() < utilisation { // the first finds work before it
		q.wait = q.response()
	}
	return q
}

// rest is the parameter of the exponential distribution of response times.
func (q *Queue) rest() float64     { return q.Rate/q.Utilisation - q.Rate }
func (q *Queue) response() float64 { return q.random.ExpFloat64() / q.rest() }

// Quantile is the true quantile of the response times.
func (q *Queue) Quantile(p float64) time.Duration {
	return time.Duration(-math.Log(1-p) / q.rest() * float64(time.Second))
}

// Next is the next request's arrival, since the start, and its response time.
func (q *Queue) Next() (at, response time.Duration) {
	gap := q.random.ExpFloat64() / q.Rate
	q.clock += gap
	seconds := 0.0
	if q.Independent {
		seconds = q.response()
	} else {
		q.wait = max(0, q.wait+q.served-gap)
		q.served = q.random.ExpFloat64() * q.Utilisation / q.Rate
		seconds = q.wait + q.served
	}
	return time.Duration(q.clock * float64(time.Second)), time.Duration(seconds * float64(time.Second))
}

// Evidence is a run of the queue over the window, in which nothing fails.
func (q *Queue) Evidence(window time.Duration) Evidence {
	e := Evidence{Model: metric.Open, Window: window, Complete: true}
	length := BlockLength(window)
	e.Total.Blocks = make([]Block, (window+length-1)/length)
	for i := range e.Total.Blocks {
		e.Total.Blocks[i].Length = min(length, window-time.Duration(i)*length)
	}
	for {
		at, response := q.Next()
		if at >= window {
			break
		}
		b := &e.Total.Blocks[int(at/length)]
		b.Requests++
		b.Response.Record(response)
	}
	for i := range e.Total.Blocks {
		b := &e.Total.Blocks[i]
		e.Total.Requests += b.Requests
		e.Total.Response.Merge(&b.Response)
	}
	e.Total.Attempted, e.Total.Succeeded, e.Iterations = e.Total.Requests, e.Total.Requests, e.Total.Requests
	return e
}

// Rates are how often judging was right and wrong in so many simulated runs.
type Rates struct {
	Runs        int
	Pass, Fail  int     // verdicts on a limit that is the true quantile: nominally 5 of 100 each
	Drawn       int     // intervals with both bounds
	Covered     int     // of these, those that hold the true quantile: nominally 90 of 100
	Shown       int     // passes where the limit is a fifth above the true quantile
	HalfWidth   float64 // of those drawn, mean, as a share of the true quantile
	Utilisation float64
	Window      time.Duration
	Quantile    float64
}

// Simulate judges so many runs of a queue at 100 requests/s, whose limit is
// their true quantile, by the code that judges real ones; seeds count up from
// seed.
func Simulate(utilisation float64, window time.Duration, quantile float64, independent bool, runs int, seed uint64) Rates {
	r := Rates{Runs: runs, Utilisation: utilisation, Window: window, Quantile: quantile}
	widths := 0.0
	for run := range runs {
		q := NewQueue(seed+uint64(run), utilisation)
		q.Independent = independent
		truth := q.Quantile(quantile)
		e := q.Evidence(window)
		at := func(limit time.Duration) Verdict {
			t := Threshold{Metric: "p95", Quantile: quantile, Op: "<", Limit: milliseconds(limit), Unit: UnitMS}
			return judge(t, &e)[0].Verdict
		}
		switch at(truth) {
		case Pass:
			r.Pass++
		case Fail:
			r.Fail++
		}
		if at(truth*6/5) == Pass {
			r.Shown++
		}
		b := e.Total.Intervals([]float64{quantile})[0]
		if b.Low != nil && b.High != nil {
			r.Drawn++
			widths += (*b.High - *b.Low) / 2 / milliseconds(truth)
		}
		if (b.Low == nil || *b.Low <= milliseconds(truth)) && (b.High == nil || milliseconds(truth) <= *b.High) {
			r.Covered++
		}
	}
	r.HalfWidth = widths / float64(max(r.Drawn, 1))
	return r
}
