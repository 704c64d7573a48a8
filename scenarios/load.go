package scenarios

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

const (
	defaultMaxUsers = 10_000
	defaultRamp     = 10 * time.Second
	maxRate         = 1e6 // iterations or users per second
)

// Profile is the load as the engine takes it, every default filled in: without a
// spawn rate all users start within 10 s, or within a tenth of a shorter run.
func (l *LoadSpec) Profile() (load.Profile, error) {
	var p load.Profile
	switch {
	case len(l.Stages) > 0:
		p = load.Profile{Model: metric.Closed, Staged: true, GracefulStop: load.DefaultGracefulStop, Stages: expand(l.Stages)}
		if l.Open {
			p.Model, p.MaxUsers = metric.Open, cmp.Or(l.MaxUsers, defaultMaxUsers)
		}
	case l.Rate > 0 && l.Duration > 0:
		p = load.Rate(l.Rate, l.Duration, cmp.Or(l.MaxUsers, defaultMaxUsers))
	case l.Users > 0 && l.Duration > 0:
		spawn := l.SpawnRate
		if spawn == 0 {
			spawn = float64(l.Users) / min(defaultRamp, l.Duration/10).Seconds()
		}
		p = load.Users(l.Users, spawn, l.Duration)
	case l.Users > 0 || l.Rate > 0:
		return p, fmt.Errorf("the load has no end: give a duration")
	default:
		return p, fmt.Errorf("this says what users do, not how many there are: give users and a duration, or a rate and a duration")
	}
	if p.Model == metric.Open { // a workload keeps the key when flags make it closed
		p.Arrivals = l.Arrivals
	}
	if l.Warmup != nil {
		p.Warmup = *l.Warmup
	}
	if l.GracefulStop != nil {
		p.GracefulStop = *l.GracefulStop
	}
	return p, p.Validate()
}

// expand writes stages with a spawn rate as a ramp and a hold.
func expand(stages []Stage) (l []load.Stage) {
	from := 0.0
	for _, s := range stages {
		if s.SpawnRate == 0 {
			l = append(l, load.Stage{Duration: s.Duration, Target: s.Target})
			from = s.Target
			continue
		}
		ramp := time.Duration(math.Abs(s.Target-from) / s.SpawnRate * float64(time.Second))
		if ramp > s.Duration {
			// The stage ends on the way.
			from += math.Copysign(s.SpawnRate*s.Duration.Seconds(), s.Target-from)
			l = append(l, load.Stage{Duration: s.Duration, Target: from})
			continue
		}
		l = append(l, load.Stage{Duration: ramp, Target: s.Target}, load.Stage{Duration: s.Duration - ramp, Target: s.Target})
		from = s.Target
	}
	return l
}

// ParseStage reads a stage written as "30s:20": within 30 s to 20 users.
func ParseStage(text string) (Stage, error) {
	d, target, ok := strings.Cut(text, ":")
	if !ok {
		return Stage{}, fmt.Errorf("the stage `%s` has no target: write `30s:20`, for 20 users after 30 s", shorten(text, 40))
	}
	v, problem := parseDuration(strings.TrimSpace(d))
	if problem != "" {
		return Stage{}, fmt.Errorf("the stage's duration `%s` %s", shorten(d, 40), problem)
	}
	n, err := strconv.Atoi(strings.TrimSpace(target))
	if err != nil || n < 0 || n > maxUsers {
		return Stage{}, fmt.Errorf("the stage's target `%s` is no number of users: write `30s:20`, for 20 users after 30 s", shorten(target, 40))
	}
	return Stage{Duration: v, Target: float64(n)}, nil
}

// ParseArrivals reads how arrivals lie in time: "even" or "poisson".
func ParseArrivals(text string) (load.Arrivals, error) {
	switch text {
	case "even":
		return load.Even, nil
	case string(load.Poisson):
		return load.Poisson, nil
	}
	return load.Even, fmt.Errorf("arrivals are `even` or `poisson`, not `%s`", shorten(text, 40))
}

// ParseRate reads an arrival rate: "200/s", "600/min", or a number per second.
func ParseRate(text string) (float64, error) {
	digits, scale := strings.TrimSpace(text), 1.0
	for _, unit := range rateUnits {
		if s, ok := strings.CutSuffix(digits, unit.suffix); ok {
			digits, scale = strings.TrimSpace(s), unit.seconds
			break
		}
	}
	f, err := strconv.ParseFloat(digits, 64)
	if f > maxRate*scale {
		return 0, fmt.Errorf("`%s` is more than lt paces: at most 1,000,000/s", shorten(text, 40))
	}
	if err != nil || !(f > 0) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("`%s` is no rate: write a number over 0, per second or as in `200/s` or `600/min`", shorten(text, 40))
	}
	return f / scale, nil
}

var rateUnits = []struct {
	suffix  string
	seconds float64
}{{"/s", 1}, {"/sec", 1}, {"/min", 60}, {"/m", 60}, {"/h", 3600}}

var loadKeys = []string{
	"users", "spawn_rate", "duration", "warmup", "stages", "rate", "max_users", "arrivals", "graceful_stop", "think", "thresholds",
}

func (d *decoder) load(s *Scenario, n *yaml.Node) {
	l := &s.Load
	keys := map[string]*yaml.Node{}
	for _, e := range d.mapping(n, "load", loadKeys) {
		keys[e.name] = e.key
		switch e.name {
		case "users":
			l.Users = d.integer(e.value, "users", 1, maxUsers)
		case "spawn_rate":
			l.SpawnRate = d.rate(e.value, "spawn_rate")
		case "duration":
			l.Duration = d.duration(e.value, "the duration", time.Millisecond)
		case "warmup":
			v := d.duration(e.value, "the warm-up", 0)
			l.Warmup = &v
		case "graceful_stop":
			v := d.duration(e.value, "graceful_stop", 0)
			l.GracefulStop = &v
		case "stages":
			for item := range d.list(e.value, "stages") {
				l.Stages = append(l.Stages, d.stage(item))
			}
		case "rate":
			l.Rate = d.rate(e.value, "rate")
		case "max_users":
			l.MaxUsers = d.integer(e.value, "max_users", 1, maxUsers)
		case "arrivals":
			var err error
			if l.Arrivals, err = ParseArrivals(d.line(e.value, "arrivals")); err != nil {
				d.add(e.value, "%v", err)
			}
		case "think":
			r := d.span(e.value, "the think time")
			l.Think = &r
		case "thresholds":
			l.Thresholds = d.thresholds(s, e.value)
		}
	}
	d.loadWhole(l, keys)
}

const maxUsers = 1_000_000

// loadWhole checks which keys of a load stand together.
func (d *decoder) loadWhole(l *LoadSpec, keys map[string]*yaml.Node) {
	if len(keys) == 0 {
		return
	}
	against := func(key string, others ...string) {
		for _, o := range others {
			if keys[key] != nil && keys[o] != nil {
				d.add(keys[o], "%s stands beside %s: a load has users and a duration, a rate and a duration, or stages", o, key)
			}
		}
	}
	against("stages", "users", "rate", "spawn_rate", "duration")
	against("rate", "users", "spawn_rate")
	if keys["max_users"] != nil && keys["rate"] == nil {
		d.add(keys["max_users"], "max_users caps the users of an arrival rate: it needs rate")
	}
	if keys["arrivals"] != nil && keys["rate"] == nil {
		d.add(keys["arrivals"], "arrivals are of an arrival rate: they need rate")
	}
	if keys["users"] != nil && keys["duration"] == nil && keys["stages"] == nil {
		d.add(keys["users"], "users without an end: add a duration, such as `duration: 5m`")
	}
	if keys["rate"] != nil && keys["duration"] == nil && keys["stages"] == nil {
		d.add(keys["rate"], "a rate without an end: add a duration, such as `duration: 5m`")
	}
	if keys["spawn_rate"] != nil && keys["users"] == nil && keys["stages"] == nil {
		d.add(keys["spawn_rate"], "spawn_rate needs users")
	}
	if l.Warmup != nil && l.Duration > 0 && *l.Warmup > l.Duration {
		d.add(keys["warmup"], "the warm-up of %v does not fit into the duration of %v", *l.Warmup, l.Duration)
	}
}

// stage reads "30s:20" or {duration: 30s, target: 20, spawn_rate: 5}.
func (d *decoder) stage(n *yaml.Node) (s Stage) {
	r := d.deref(n)
	if r == nil {
		return s
	}
	if r.Kind == yaml.ScalarNode {
		s, err := ParseStage(r.Value)
		if err != nil {
			d.add(n, "%v", err)
		}
		return s
	}
	seen := map[string]bool{}
	for _, e := range d.mapping(n, "a stage", stageKeys) {
		seen[e.name] = true
		switch e.name {
		case "duration":
			s.Duration = d.duration(e.value, "the duration", 0)
		case "target":
			s.Target = float64(d.integer(e.value, "the target", 0, maxUsers))
		case "spawn_rate":
			s.SpawnRate = d.rate(e.value, "spawn_rate")
		}
	}
	if r.Kind == yaml.MappingNode && !(seen["duration"] && seen["target"]) {
		d.add(n, "a stage has a duration and a target: write `30s:20` or `{duration: 30s, target: 20}`")
	}
	return s
}

var stageKeys = []string{"duration", "target", "spawn_rate"}
