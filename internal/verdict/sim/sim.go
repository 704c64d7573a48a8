// Package sim makes requests whose true distribution is known, to measure how
// often the statistics of lt are right.
package sim

import (
	"math"
	"math/rand/v2"
)

// A Source is a run that has no end: Next is the next request's arrival and
// response time, in seconds.
type Source interface {
	Next() (at, response float64)
}

// A Queue is M/M/1: random arrivals, random service by one server, in
// equilibrium. Its response times are exponential, and the busier it is, the
// longer one is like the next.
type Queue struct {
	random       *rand.Rand
	rate         float64
	utilisation  float64
	independent  bool
	clock        float64
	wait, served float64 // of the request before
}

// NewQueue is a queue with rate arrivals/s of the given utilisation (0 to 1).
// Where independent, the response times only have the queue's distribution.
func NewQueue(seed uint64, rate, utilisation float64, independent bool) *Queue {
	q := &Queue{random: rand.New(rand.NewPCG(seed, 7)), rate: rate, utilisation: utilisation, independent: independent}
	if q.random.Float64() < utilisation { // in equilibrium from the start
		q.wait = q.response()
	}
	return q
}

func (q *Queue) rest() float64     { return q.rate/q.utilisation - q.rate }
func (q *Queue) response() float64 { return q.random.ExpFloat64() / q.rest() }

// Quantile is the true one of the response times, in seconds.
func (q *Queue) Quantile(p float64) float64 { return -math.Log(1-p) / q.rest() }

// Next implements [Source].
func (q *Queue) Next() (at, response float64) {
	gap := q.random.ExpFloat64() / q.rate
	q.clock += gap
	if q.independent {
		return q.clock, q.response()
	}
	q.wait = max(0, q.wait+q.served-gap)
	q.served = q.random.ExpFloat64() * q.utilisation / q.rate
	return q.clock, q.wait + q.served
}

// A Service answers at once, in a lognormal time whose median moves with the
// time of day: by Level, which is in seconds, and by the noise of minutes.
type Service struct {
	Rate  float64 // arrivals/s, random
	Sigma float64 // of the logarithm of one response time
	Level func(at float64) float64

	// The logarithm of the median wanders about Level's as a first-order
	// autoregressive process, one step each 10 s: Wander is its standard deviation,
	// Memory how much of a step remains in the next one.
	Wander, Memory float64

	random *rand.Rand
	clock  float64
	step   int
	off    float64
}

// Start makes the service ready, from the beginning.
func (s *Service) Start(seed uint64) *Service {
	s.random = rand.New(rand.NewPCG(seed, 11))
	s.clock, s.step, s.off = 0, 0, s.Wander*s.random.NormFloat64()
	return s
}

// Next implements [Source].
func (s *Service) Next() (at, response float64) {
	s.clock += s.random.ExpFloat64() / s.Rate
	for ; s.step < int(s.clock/10); s.step++ {
		s.off = s.Memory*s.off + s.Wander*math.Sqrt(1-s.Memory*s.Memory)*s.random.NormFloat64()
	}
	return s.clock, s.Level(s.clock) * math.Exp(s.off+s.Sigma*s.random.NormFloat64())
}
