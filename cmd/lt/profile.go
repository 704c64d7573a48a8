package main

import (
	"slices"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/scenarios"
)

// parseLoad lets the flags change the scenario's load, and makes the profile of
// it.
func (o *runOptions) parseLoad(s *settings) {
	l := &o.scenario.Load
	if o.isURL {
		l.Users, l.SpawnRate, l.Duration = urlUsers, 0, urlDuration
	}
	mistakes := len(s.mistakes)
	clash := func(hint, format string, args ...any) {
		s.mistakes = append(s.mistakes, hintf(usageErrorf(format, args...), "%s", hint))
	}
	if s.exclude("rate", "stage") {
		clash("--open --stage 30s:200 ramps the rate", "%s and %s exclude each other", s.origin("rate"), s.origin("stage"))
	}
	if s.exclude("rate", "open") {
		s.mistake("%s is an open model already: drop %s", s.origin("rate"), s.origin("open"))
	}
	if s.exclude("users", "concurrency") {
		s.mistake("-c is another name of --users: give one of them")
	}
	for _, name := range []string{"users", "concurrency", "spawn-rate", "duration"} {
		if name != "duration" && s.exclude("rate", name) {
			clash("--max-users caps them", "with %s, users are added as they are needed: drop %s", s.origin("rate"), s.origin(name))
		}
		staged := s.exclude("stage", name) || (!s.given("stage") && !s.given("rate") && len(l.Stages) > 0 && s.given(name))
		if staged {
			clash("use --stage DURATION:TARGET", "%s does not fit a load that is given in stages", s.origin(name))
		}
	}
	given := func(names ...string) bool { return slices.ContainsFunc(names, s.given) }
	o.ownLoad = !given("users", "concurrency", "spawn-rate", "duration", "rate", "stage", "warmup", "open", "arrivals")
	staged := given("stage") || (len(l.Stages) > 0 && !given("rate"))
	open := s.boolean("open")

	users := "users"
	if given("concurrency") {
		users = "concurrency"
	}
	l.Users = s.count(users, l.Users)
	l.SpawnRate = s.rate("spawn-rate", l.SpawnRate)
	l.Duration = s.duration("duration", l.Duration)
	l.MaxUsers = s.count("max-users", l.MaxUsers)
	if given("arrivals") {
		var err error
		if l.Arrivals, err = scenarios.ParseArrivals(s.str("arrivals")); err != nil {
			s.mistake("%s: %w", s.origin("arrivals"), err)
		}
	}
	if given("duration") && l.Duration == 0 && s.str("duration") != "" {
		s.mistake("--duration 0s: a run needs some time")
	}
	switch {
	case given("rate"):
		l.Stages, l.Rate = nil, s.rate("rate", 0)
	case given("stage"):
		l.Rate, l.Stages = 0, s.stages("stage")
	case given("users", "concurrency"):
		l.Rate = 0
	}
	if given("warmup") {
		l.Warmup = new(s.duration("warmup", 0))
	}
	if o.isURL && l.SpawnRate == 0 && l.Rate == 0 {
		l.SpawnRate = float64(l.Users) * 10 // all within a tenth of a second: nothing to warm up but connections
	}
	if l.Open = l.Open || (open && staged); open && !staged {
		o.openLoad(l, s)
	}
	if len(s.mistakes) > mistakes {
		return
	}
	p, err := l.Profile()
	if err != nil {
		s.mistakes = append(s.mistakes, hintf(usageErrorf("%s: %w", o.scenario.Name, err), "--users N or --rate N/s, and --duration 1m, give a load"))
		return
	}
	if l.GracefulStop == nil {
		// A request that the timeout still allows must not be cut off.
		p.GracefulStop = max(p.GracefulStop, o.timeout+time.Second)
	}
	if given("arrivals") && p.Model == metric.Closed && !s.suite {
		clash("--rate 200/s, or --open, gives an arrival rate", "%s: the load has users and no arrivals", s.origin("arrivals"))
	}
	o.profile = p
}

// openLoad turns a load of users into the rate that they would ask for.
func (o *runOptions) openLoad(l *scenarios.LoadSpec, s *settings) {
	think := meanThink(o.scenario)
	switch {
	case l.Users == 0:
		s.mistake("--open needs --users, whose rate it takes")
	case think <= 0:
		s.mistakes = append(s.mistakes, hintf(usageErrorf("--open: these users do not think, so that they ask for no particular rate"), "use --rate N/s"))
	default:
		l.Rate, l.Users, l.SpawnRate = float64(l.Users)/think.Seconds(), 0, 0
	}
}

// meanThink is the think time that gives the users' rate: the harmonic mean over
// the personas; 0 when one of them does not think.
func meanThink(s *scenarios.Scenario) time.Duration {
	weights, rate := 0.0, 0.0
	for _, p := range s.Describe().Personas {
		if p.Think.Mean() <= 0 {
			return 0
		}
		weights += float64(p.Weight)
		rate += float64(p.Weight) / p.Think.Mean().Seconds()
	}
	if rate == 0 {
		return 0
	}
	return time.Duration(weights / rate * float64(time.Second))
}

// users is the most that there can be at a time.
func (o *runOptions) users() int {
	if o.profile.MaxUsers > 0 {
		return o.profile.MaxUsers
	}
	return int(o.profile.Peak())
}
