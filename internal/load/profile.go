package load

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Profile says how much load there is and when. It is complete: every default
// has been filled in, so that what run.json holds is what was run.
type Profile struct {
	Model metric.Model `json:"model"`

	// Stages are linear ramps, one after the other, from 0: of the number of users
	// in the closed model, of the arrival rate (iterations/s) in the open one. A
	// stage of duration 0 is a jump.
	Stages []Stage `json:"stages"`

	// Staged is true where the user gave the stages, rather than users and a spawn
	// rate or a constant rate.
	Staged bool `json:"staged,omitempty"`

	// Arrivals is how the open model's arrivals lie in time: even ("") or poisson.
	Arrivals Arrivals `json:"arrivals,omitempty"`

	// MaxUsers caps the users of the open model.
	MaxUsers int `json:"max_users,omitempty"`

	// Warmup is the time from the start after which the figures start.
	Warmup time.Duration `json:"warmup_ns"`

	// GracefulStop is how long the iterations then under way may take after the
	// last stage.
	GracefulStop time.Duration `json:"graceful_stop_ns"`
}

// Arrivals is how arrivals lie in time about the rate of each moment.
type Arrivals string

// The kinds of arrivals.
const (
	Even    Arrivals = ""        // evenly spaced
	Poisson Arrivals = "poisson" // at random and independent of each other, as those of many users are
)

// A Stage is a linear change from the target of the stage before to Target.
type Stage struct {
	Duration time.Duration `json:"duration_ns"`
	Target   float64       `json:"target"`
}

// DefaultGracefulStop is the GracefulStop of a profile that names none.
const DefaultGracefulStop = 30 * time.Second

// Users is the closed profile of users started at spawnRate users per second,
// until duration, the ramp included, is over. Its warm-up is the ramp and a tenth
// of the duration, at most 10 s.
func Users(users int, spawnRate float64, duration time.Duration) Profile {
	ramp := min(time.Duration(float64(users)/spawnRate*float64(time.Second)), duration)
	reached := float64(users)
	if ramp == duration {
		reached = max(spawnRate*duration.Seconds(), 1) // the first user starts at once
	}
	p := Profile{Model: metric.Closed, GracefulStop: DefaultGracefulStop}
	p.Stages = []Stage{{ramp, reached}, {duration - ramp, reached}}
	// The last of n users starts at (n-1)/rate.
	last := time.Duration((math.Ceil(reached-1e-9) - 1) / spawnRate * float64(time.Second))
	p.Warmup = min(max(last, 0)+min(duration/10, 10*time.Second), duration)
	return p
}

// Rate is the open profile of a constant arrival rate (iterations per second).
func Rate(perSecond float64, duration time.Duration, maxUsers int) Profile {
	return Profile{
		Model: metric.Open, Stages: []Stage{{0, perSecond}, {duration, perSecond}},
		MaxUsers: maxUsers, GracefulStop: DefaultGracefulStop,
		Warmup: min(duration/10, 10*time.Second),
	}
}

// Duration is the length of all stages together.
func (p *Profile) Duration() time.Duration {
	var d time.Duration
	for _, s := range p.Stages {
		d += s.Duration
	}
	return d
}

// Peak is the highest target of any stage.
func (p *Profile) Peak() float64 {
	peak := 0.0
	for _, s := range p.Stages {
		peak = max(peak, s.Target)
	}
	return peak
}

// At is the target at time t: users or rate. After the last stage it is 0.
func (p *Profile) At(t time.Duration) float64 {
	from := 0.0
	for _, s := range p.Stages {
		if t < s.Duration {
			return from + (s.Target-from)*float64(t)/float64(s.Duration)
		}
		t -= s.Duration
		from = s.Target
	}
	return 0
}

// Area is the integral of the target over the time up to t: user-seconds, or
// arrivals.
func (p *Profile) Area(t time.Duration) float64 {
	area, from := 0.0, 0.0
	for _, s := range p.Stages {
		d := min(t, s.Duration)
		if d > 0 {
			to := from + (s.Target-from)*float64(d)/float64(s.Duration)
			area += (from + to) / 2 * d.Seconds()
		}
		t -= s.Duration
		if t < 0 {
			break
		}
		from = s.Target
	}
	return area
}

// Validate is every mistake of the profile, joined; nil when there is none.
func (p *Profile) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Model != metric.Closed && p.Model != metric.Open {
		add("load model %q: want closed or open", p.Model)
	}
	for i, s := range p.Stages {
		if s.Duration < 0 {
			add("stage %d: its duration %v is negative", i+1, s.Duration)
		}
		if s.Target < 0 || math.IsNaN(s.Target) || math.IsInf(s.Target, 0) {
			add("stage %d: its target %v is not a number of users or a rate", i+1, s.Target)
		}
	}
	if p.Duration() <= 0 {
		add("the load lasts no time: give a duration")
	} else if p.Peak() <= 0 {
		add("the load has no users and no rate")
	}
	if p.Arrivals != Even && p.Arrivals != Poisson {
		add("arrivals %q: want even or poisson", p.Arrivals)
	} else if p.Arrivals != Even && p.Model == metric.Closed {
		add("arrivals are of the open model: give a rate")
	}
	if p.Model == metric.Open && p.MaxUsers < 1 {
		add("an open model needs at least one user at most (max users is %d)", p.MaxUsers)
	}
	if p.Warmup < 0 || p.Warmup > p.Duration() {
		add("the warm-up of %v does not fit into the duration of %v", p.Warmup, p.Duration())
	}
	if p.GracefulStop < 0 {
		add("the graceful stop of %v is negative", p.GracefulStop)
	}
	return errors.Join(errs...)
}
