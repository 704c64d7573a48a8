package verdict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// An mm1 is a queue with random arrivals and service, 100 requests/s: response
// times are exponential, and the busier the queue, the longer one is like the
// next. Where independent, they only have the same distribution.
type mm1 struct {
	random       *rand.Rand
	utilisation  float64
	independent  bool
	clock        float64
	wait, served float64 // of the request before
}

const mm1Rate = 100.0

func newMM1(seed uint64, utilisation float64, independent bool) *mm1 {
	q := &mm1{random: rand.New(rand.NewPCG(seed, 7)), utilisation: utilisation, independent: independent}
	if q.random.Float64() < utilisation { // in equilibrium from the start
		q.wait = q.response()
	}
	return q
}

func (q *mm1) rest() float64     { return mm1Rate/q.utilisation - mm1Rate }
func (q *mm1) response() float64 { return q.random.ExpFloat64() / q.rest() }

// quantile is the true one of the response times, in seconds.
func (q *mm1) quantile(p float64) float64 { return -math.Log(1-p) / q.rest() }

// next is the next request's arrival and response time, in seconds.
func (q *mm1) next() (at, response float64) {
	gap := q.random.ExpFloat64() / mm1Rate
	q.clock += gap
	if q.independent {
		return q.clock, q.response()
	}
	q.wait = max(0, q.wait+q.served-gap)
	q.served = q.random.ExpFloat64() * q.utilisation / mm1Rate
	return q.clock, q.wait + q.served
}

// TestErrorRates has runs whose true P95 is the limit: about 5 of 100 may pass
// and 5 of 100 fail. The bounds leave room for the luck of the draw, and for what
// blocks of a few seconds cannot see of a queue's memory.
func TestErrorRates(t *testing.T) {
	const runs = 400
	tests := []struct {
		name          string
		independent   bool
		window        time.Duration
		passes, fails int // at most
	}{
		{"independent, 20 s", true, 20 * time.Second, 32, 32},
		{"independent, 60 s", true, 60 * time.Second, 32, 32},
		{"queue at .6, 20 s", false, 20 * time.Second, 52, 36},
		{"queue at .6, 60 s", false, 60 * time.Second, 48, 36},
		{"queue at .6, 5 min", false, 5 * time.Minute, 36, 36},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			passes, fails := 0, 0
			for run := range runs {
				q := newMM1(uint64(run), .6, tt.independent)
				e := q.sample(tt.window).estimate(alpha)
				switch in := e.interval(); {
				case in.High <= .05:
					passes++
				case in.Low > .05:
					fails++
				}
			}
			t.Logf("of %d runs at the limit %.1f %% pass, %.1f %% fail", runs, 100*float64(passes)/runs, 100*float64(fails)/runs)
			if passes > tt.passes || fails > tt.fails {
				t.Errorf("%d pass (at most %d), %d fail (at most %d)", passes, tt.passes, fails, tt.fails)
			}
		})
	}
}

// sample counts the requests of a window over the true P95.
func (q *mm1) sample(window time.Duration) sample {
	length := BlockLength(window).Seconds()
	s := sample{blocks: make([]Cluster, int(math.Ceil(window.Seconds()/length)))}
	limit := q.quantile(.95)
	for {
		at, response := q.next()
		if at >= window.Seconds() {
			return s
		}
		b := &s.blocks[int(at/length)]
		b.N++
		s.n++
		if response > limit {
			b.K++
			s.k++
		}
	}
}

// TestCoverage draws the interval of P95 of runs far from the limit, and counts
// how often the true P95 lies in it: nominally 90 of 100.
func TestCoverage(t *testing.T) {
	const runs = 150
	thresholds := parse(t, "p95 < 10s")
	for _, independent := range []bool{true, false} {
		inside := 0
		for run := range runs {
			q := newMM1(uint64(run), .6, independent)
			truth := q.quantile(.95) * 1000
			e := q.evidence(time.Minute, thresholds)
			got := Judge(thresholds, e).Thresholds[0]
			if got.Verdict != Pass || got.Low == nil || got.High == nil {
				t.Fatalf("%+v", got)
			}
			if *got.Low <= truth && truth <= *got.High {
				inside++
			}
		}
		t.Logf("independent %v: %.0f %% of the intervals hold the truth", independent, 100*float64(inside)/runs)
		if inside < runs*80/100 {
			t.Errorf("independent %v: %d of %d intervals hold the truth", independent, inside, runs)
		}
	}
}

// evidence is a run of the queue in which nothing fails.
func (q *mm1) evidence(window time.Duration, thresholds []Threshold) Evidence {
	e := Evidence{Model: metric.Open, Window: window, Complete: true}
	length := BlockLength(window)
	e.Total.Blocks = make([]Block, (window+length-1)/length)
	for {
		at, seconds := q.next()
		if at >= window.Seconds() {
			break
		}
		response := time.Duration(seconds * float64(time.Second))
		b := &e.Total.Blocks[int(at/length.Seconds())]
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

func TestBlockLength(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 10 * time.Second: time.Second, 20 * time.Second: 3 * time.Second,
		30 * time.Second: 5 * time.Second, time.Minute: 5 * time.Second, 5 * time.Minute: 5 * time.Second,
		10 * time.Minute: 10 * time.Second, time.Hour: time.Minute, 0: time.Second,
	} {
		if got := BlockLength(window); got != want {
			t.Errorf("%v: %v, want %v", window, got, want)
		}
	}
}
