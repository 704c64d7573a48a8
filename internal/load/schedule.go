package load

import (
	"math"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-42693903/lt/internal/metric"
)

// A change is one user to start (+1) or to stop (-1) at a time since the start.
type change struct {
	at    time.Duration
	delta int
}

// changes walks through a closed profile: user k of a ramp from a to b users in
// d starts at d*(k-a)/(b-a), so that the first starts at once and users started
// at r per second are 1/r apart; in a ramp down the last started stops first, and
// the last to go does so at the ramp's end.
type changes struct {
	stages []Stage
	begin  time.Duration // of the stage in hand
	from   float64       // target at begin
	users  int           // after the changes so far
}

// next is the next change; ok is false when there are none left.
func (c *changes) next() (ch change, ok bool) {
	for len(c.stages) > 0 {
		s := c.stages[0]
		want := int(math.Ceil(s.Target - 1e-9))
		switch {
		case c.users < want:
			at := c.begin + part(s.Duration, (float64(c.users)-c.from)/(s.Target-c.from))
			c.users++
			return change{at, +1}, true
		case c.users > want:
			c.users--
			return change{c.begin + part(s.Duration, (c.from-float64(c.users))/(c.from-s.Target)), -1}, true
		}
		c.begin += s.Duration
		c.from = s.Target
		c.stages = c.stages[1:]
	}
	return change{}, false
}

// part is the share x of d, with x cut to 0..1.
func part(d time.Duration, x float64) time.Duration {
	return time.Duration(math.Round(float64(d) * min(max(x, 0), 1)))
}

// A Pacer says when iterations of the open model are due.
type Pacer interface {
	// Next is the time of the next arrival since the pacer's start; ok is false
	// when there are none left. Times never fall.
	Next() (due time.Duration, ok bool)
}

// sliver is the part of an arrival that the rounding of an integral may add; it
// is not worth one more.
const sliver = 1e-6

// NewPacer is the pacer of an open profile: arrivals at the target rate of each
// moment, evenly spaced or, by the seed, at random.
func NewPacer(p *Profile, seed uint64) Pacer {
	if p.Arrivals == Poisson {
		random := rand.New(rand.NewPCG(seed, poissonStream))
		r := &rampPacer{stages: p.Stages, gap: random.ExpFloat64}
		r.k = r.gap() // as memoryless as the others: none at the start
		return r
	}
	if r, ok := constantRate(p); ok {
		return newConstantPacer(r, p.Duration())
	}
	return &rampPacer{stages: p.Stages}
}

// poissonStream sets the random numbers of arrivals apart from those that users
// draw with the same seed.
const poissonStream = 0x6172726976616c73

// constantRate is the one rate of a profile that has only one.
func constantRate(p *Profile) (float64, bool) {
	r := p.Peak()
	for i, s := range p.Stages {
		if s.Target != r || (i == 0 && s.Duration > 0) {
			return 0, false
		}
	}
	return r, r > 0
}

// A constantPacer reserves from one fixed origin: unlike waiting on a limiter,
// that forfeits no slot when the caller is late and makes no burst, and it does
// not drift.
type constantPacer struct {
	limiter *rate.Limiter
	origin  time.Time
	end     time.Duration
	left    float64 // arrivals to come, and a part of one
}

// newConstantPacer is the pacer of one rate for the time d.
func newConstantPacer(perSecond float64, d time.Duration) *constantPacer {
	return &constantPacer{
		limiter: rate.NewLimiter(rate.Limit(perSecond), 1),
		origin:  time.Unix(1, 0), // any but the zero time would do
		end:     d,
		left:    perSecond * d.Seconds(),
	}
}

func (c *constantPacer) Next() (time.Duration, bool) {
	if !(c.left > sliver) { // nor if it is no number
		return 0, false
	}
	c.left--
	due := c.limiter.ReserveN(c.origin, 1).DelayFrom(c.origin)
	return min(due, c.end-1), true
}

// A rampPacer inverts the integral of the rate: arrival k is due when the area
// under the target reaches k. With a gap drawn at random instead of 1 between one
// k and the next, exponential of mean 1, the arrivals are a Poisson process of
// that rate (time rescaling; Brown et al., Neural Computation 14 (2002) 325).
type rampPacer struct {
	stages []Stage
	begin  time.Duration // of the stage in hand
	from   float64
	area   float64        // at begin
	k      float64        // the next arrival
	gap    func() float64 // to the one after it; nil: 1
}

func (r *rampPacer) Next() (time.Duration, bool) {
	for len(r.stages) > 0 {
		s := r.stages[0]
		d := s.Duration.Seconds()
		need := r.k - r.area
		whole := (r.from + s.Target) / 2 * d
		if need < whole-sliver {
			if r.gap != nil {
				r.k += r.gap()
			} else {
				r.k++
			}
			at := time.Duration(math.Round(r.solve(need, s.Target, d) * 1e9))
			return r.begin + min(at, s.Duration-1), true
		}
		r.area += whole
		r.begin += s.Duration
		r.from = s.Target
		r.stages = r.stages[1:]
	}
	return 0, false
}

// solve is the x with from*x + (to-from)/(2d)*x*x = need, in seconds, in the
// form of the quadratic formula that does not cancel where the slope is small.
func (r *rampPacer) solve(need, to, d float64) float64 {
	if need <= 0 {
		return 0
	}
	slope := (to - r.from) / d
	root := math.Sqrt(math.Max(r.from*r.from+2*slope*need, 0))
	return min(2*need/(r.from+root), d)
}

// nominal is what the profile asks for between two times since the start:
// user-seconds in the closed model, arrivals in the open one.
func nominal(p *Profile, from, to time.Duration) float64 { return p.Area(to) - p.Area(from) }

// Expected is how many iterations the profile asks for in all: arrivals in the
// open model; in the closed one the user-seconds over the time that one iteration
// takes, think time included (0 when that is not known).
func (p *Profile) Expected(iteration time.Duration) float64 {
	area := p.Area(p.Duration())
	switch {
	case p.Model == metric.Open:
		return area
	case iteration <= 0:
		return 0
	}
	return area / iteration.Seconds()
}
