package load

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-42693903/lt/internal/metric"
)

func drain(p Pacer) []time.Duration {
	var all []time.Duration
	for {
		due, ok := p.Next()
		if !ok {
			return all
		}
		all = append(all, due)
	}
}

func TestTheTwoPacersAgreeOnConstantProfiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.OneOf(
			rapid.Float64Range(0.01, 500),
			rapid.Map(rapid.IntRange(1, 5000), func(n int) float64 { return float64(n) / 10 }),
		).Draw(t, "rate")
		d := rapid.OneOf(
			rapid.Map(rapid.IntRange(1, 20), func(n int) time.Duration { return time.Duration(n) * s }),
			rapid.Map(rapid.Int64Range(1, int64(20*s)), func(n int64) time.Duration { return time.Duration(n) }),
		).Draw(t, "duration")
		p := Rate(rate, d, 1)
		constant, ok := NewPacer(&p, 1).(*constantPacer)
		if !ok {
			t.Fatalf("a constant profile has a %T", NewPacer(&p, 1))
		}
		a, b := drain(constant), drain(&rampPacer{stages: p.Stages})
		want := int(math.Ceil(rate*d.Seconds() - sliver))
		if len(a) != want || len(b) != want {
			t.Fatalf("%d and %d arrivals, want %d", len(a), len(b), want)
		}
		for i := range a {
			if !near(a[i], b[i]) {
				t.Fatalf("arrival %d at %v and %v", i, a[i], b[i])
			}
		}
	})
}

// anyStages are stages of targets up to the top, with jumps and pauses.
func anyStages(t *rapid.T, top float64) []Stage {
	target := rapid.OneOf(rapid.Just(0.), rapid.Just(top), rapid.Float64Range(0, top),
		rapid.Map(rapid.IntRange(0, int(top)), func(n int) float64 { return float64(n) }))
	stages := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Stage {
		d := time.Duration(rapid.SampledFrom([]int{0, 0, 1, 333, 1000, 2500, 7000}).Draw(t, "ms")) * time.Millisecond
		return Stage{d, target.Draw(t, "target")}
	}), 1, 6).Draw(t, "stages")
	return append(stages, Stage{s, target.Draw(t, "last")})
}

func TestPacersIntegrateAnyProfileExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := openStages(0, 1, anyStages(t, 400)...)
		last := time.Duration(0)
		all := drain(NewPacer(&p, 1))
		if area := p.Area(p.Duration()); math.Abs(float64(len(all))-math.Ceil(area-sliver)) > 0 && math.Abs(area-math.Round(area)) > 1e-5 {
			t.Fatalf("%d arrivals, the area is %v", len(all), area)
		}
		for k, due := range all {
			if due < last || due < 0 || due >= p.Duration() {
				t.Fatalf("arrival %d at %v, after %v, of %v", k, due, last, p.Duration())
			}
			last = due
			if lo, hi := p.Area(due-2), p.Area(due+2); lo > float64(k)+1e-5 || hi < float64(k)-1e-5 {
				t.Fatalf("arrival %d at %v, where the area is %v", k, due, p.Area(due))
			}
		}
	})
}

func TestOnlyOneRateForAllTheTimeIsConstant(t *testing.T) {
	for name, tt := range map[string]struct {
		stages   []Stage
		constant bool
	}{
		"constant":             {[]Stage{{0, 5}, {s, 5}}, true},
		"in parts":             {[]Stage{{0, 5}, {s, 5}, {0, 5}, {s, 5}}, true},
		"ramp":                 {[]Stage{{s, 5}}, false},
		"ramp and hold":        {[]Stage{{s, 5}, {s, 5}}, false},
		"jump":                 {[]Stage{{0, 5}, {s, 5}, {0, 6}, {s, 6}}, false},
		"jump down":            {[]Stage{{0, 5}, {s, 5}, {0, 0}, {s, 0}}, false},
		"jump at the very end": {[]Stage{{0, 5}, {s, 5}, {0, 0}}, false},
		"nothing":              {[]Stage{{0, 0}, {s, 0}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := openStages(0, 1, tt.stages...)
			if _, ok := NewPacer(&p, 1).(*constantPacer); ok != tt.constant {
				t.Errorf("constant: %v", ok)
			}
		})
	}
}

func TestAConstantPacerDoesNotDrift(t *testing.T) {
	p := Rate(333.3, 5*time.Minute, 1)
	all := drain(NewPacer(&p, 1))
	if len(all) != 99_990 {
		t.Fatalf("%d arrivals in 5 minutes", len(all))
	}
	for _, k := range []int{0, 1, 3333, 66_666, len(all) - 1} {
		if want := seconds(float64(k) / 333.3); !near(all[k], want) {
			t.Errorf("arrival %d at %v, want %v", k, all[k], want)
		}
	}
}

func TestChangesKeepTheUsersAtTheProfile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := closedStages(0, anyStages(t, 60)...)
		c := changes{stages: p.Stages}
		users, last := 0, time.Duration(0)
		for {
			ch, ok := c.next()
			until := p.Duration()
			if ok {
				until = ch.at
			}
			if until < last {
				t.Fatalf("a change at %v after one at %v", until, last)
			}
			if mid := last + (until-last)/2; until-last > time.Microsecond {
				if level := p.At(mid); float64(users) < level-1e-6 || float64(users) >= level+1+1e-6 {
					t.Fatalf("%v: %d users, the profile asks for %v", mid, users, level)
				}
			}
			if !ok {
				break
			}
			if users += ch.delta; users < 0 || ch.at < 0 || ch.at > p.Duration() {
				t.Fatalf("%d users at %v of %v", users, ch.at, p.Duration())
			}
			last = ch.at
		}
		if want := int(math.Ceil(p.Stages[len(p.Stages)-1].Target - 1e-9)); users != want {
			t.Fatalf("%d users at the end, want %d", users, want)
		}
	})
}

func TestExpectedIterations(t *testing.T) {
	closed, open := closedStages(0, Stage{10 * s, 20}, Stage{10 * s, 20}), openStages(0, 1, Stage{10 * s, 20})
	for name, tt := range map[string]struct {
		p         Profile
		iteration time.Duration
		want      float64
	}{
		"closed":                      {closed, 2 * s, 150},
		"closed, iteration not known": {closed, 0, 0},
		"open":                        {open, 0, 100},
		"open, whatever it takes":     {open, time.Hour, 100},
	} {
		if got := tt.p.Expected(tt.iteration); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestAtAndArea(t *testing.T) {
	p := openStages(0, 1, Stage{10 * s, 20}, Stage{0, 50}, Stage{10 * s, 50}, Stage{5 * s, 0}, Stage{0, 8}, Stage{s, 8})
	for _, tt := range []struct {
		t        time.Duration
		at, area float64
	}{
		{0, 0, 0},
		{5 * s, 10, 25},
		{10*s - 1, 20, 100},
		{10 * s, 50, 100},
		{15 * s, 50, 350},
		{20 * s, 50, 600},
		{22500 * time.Millisecond, 25, 693.75},
		{25*s - 1, 0, 725},
		{25 * s, 8, 725},
		{25500 * time.Millisecond, 8, 729},
		{26 * s, 0, 733}, // over
		{time.Hour, 0, 733},
	} {
		if got := p.At(tt.t); math.Abs(got-tt.at) > 1e-6 {
			t.Errorf("at %v: %v, want %v", tt.t, got, tt.at)
		}
		if got := p.Area(tt.t); math.Abs(got-tt.area) > 1e-6 {
			t.Errorf("area up to %v: %v, want %v", tt.t, got, tt.area)
		}
	}
	if p.Duration() != 26*s || p.Peak() != 50 {
		t.Errorf("duration %v, peak %v", p.Duration(), p.Peak())
	}
}

func TestAreaIsTheIntegralOfAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := openStages(0, 1, anyStages(t, 100)...)
		const n = 2000
		sum, step := 0.0, p.Duration()/n
		for i := range n {
			sum += p.At(time.Duration(i)*step+step/2) * step.Seconds()
		}
		// A jump inside a step costs at most its height for that long.
		if area := p.Area(n * step); math.Abs(area-sum) > 100*7*step.Seconds() {
			t.Fatalf("area %v, sum %v", area, sum)
		}
	})
}

func TestUsersAndRateFillEveryDefaultIn(t *testing.T) {
	for name, tt := range map[string]struct {
		p      Profile
		stages []Stage
		warmup time.Duration
	}{
		"10 at 2/s for 30 s":        {Users(10, 2, 30*s), []Stage{{5 * s, 10}, {25 * s, 10}}, 7500 * time.Millisecond},
		"500 at 50/s for 5 min":     {Users(500, 50, 300*s), []Stage{{10 * s, 500}, {290 * s, 500}}, 19980 * time.Millisecond},
		"one user":                  {Users(1, 1, 10*s), []Stage{{s, 1}, {9 * s, 1}}, s},
		"truncated":                 {Users(100, 2, 10*s), []Stage{{10 * s, 20}, {0, 20}}, 10 * s},
		"truncated between users":   {Users(10, 2, 3200*time.Millisecond), []Stage{{3200 * time.Millisecond, 6.4}, {0, 6.4}}, 3200 * time.Millisecond},
		"ramp as long as the run":   {Users(10, 2, 5*s), []Stage{{5 * s, 10}, {0, 10}}, 5 * s},
		"200 arrivals/s for 1 min":  {Rate(200, 60*s, 7), []Stage{{0, 200}, {60 * s, 200}}, 6 * s},
		"an hour's warm-up is 10 s": {Rate(1, time.Hour, 7), []Stage{{0, 1}, {time.Hour, 1}}, 10 * s},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.p.Validate(); err != nil {
				t.Error(err)
			}
			for i, want := range tt.stages {
				if got := tt.p.Stages[i]; got.Duration != want.Duration || math.Abs(got.Target-want.Target) > 1e-9 {
					t.Errorf("stage %d: %v", i, got)
				}
			}
			if tt.p.Warmup != tt.warmup || tt.p.GracefulStop != DefaultGracefulStop || tt.p.Staged {
				t.Errorf("warm-up %v, graceful stop %v, staged %v", tt.p.Warmup, tt.p.GracefulStop, tt.p.Staged)
			}
			if open := tt.p.Model == metric.Open; open != (tt.p.MaxUsers == 7) {
				t.Errorf("%s with at most %d users", tt.p.Model, tt.p.MaxUsers)
			}
		})
	}
}

func TestFiguresStartNoSoonerThanTheLastUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Users(rapid.IntRange(1, 300).Draw(t, "users"), rapid.Float64Range(.5, 100).Draw(t, "rate"),
			time.Duration(rapid.IntRange(100, 100_000).Draw(t, "ms"))*time.Millisecond)
		c := changes{stages: p.Stages}
		for ch, ok := c.next(); ok; ch, ok = c.next() {
			if ch.at > p.Warmup+time.Microsecond {
				t.Fatalf("a user starts at %v, the figures at %v", ch.at, p.Warmup)
			}
		}
	})
}

func TestValidateNamesEveryMistake(t *testing.T) {
	good := Users(10, 2, 30*s)
	for name, tt := range map[string]struct {
		change func(*Profile)
		want   []string // parts of the message; none: the profile is good
	}{
		"good":           {func(*Profile) {}, nil},
		"open":           {func(p *Profile) { *p = Rate(5, s, 1) }, nil},
		"model":          {func(p *Profile) { p.Model = "ajar" }, []string{`"ajar"`}},
		"no users":       {func(p *Profile) { p.Stages = []Stage{{s, 0}} }, []string{"no users"}},
		"no stages":      {func(p *Profile) { p.Stages, p.Warmup = nil, 0 }, []string{"lasts no time"}},
		"no time":        {func(p *Profile) { p.Stages, p.Warmup = []Stage{{0, 5}}, 0 }, []string{"lasts no time"}},
		"negative time":  {func(p *Profile) { p.Stages = append(p.Stages, Stage{-s, 1}) }, []string{"stage 3", "-1s"}},
		"negative users": {func(p *Profile) { p.Stages[1].Target = -1 }, []string{"stage 2", "-1"}},
		"NaN":            {func(p *Profile) { p.Stages[0].Target = math.NaN() }, []string{"stage 1"}},
		"infinite":       {func(p *Profile) { p.Stages[0].Target = math.Inf(1) }, []string{"stage 1"}},
		"warm-up":        {func(p *Profile) { p.Warmup = 31 * s }, []string{"31s", "30s"}},
		"no warm-up":     {func(p *Profile) { p.Warmup = 0 }, nil},
		"warm-up only":   {func(p *Profile) { p.Warmup = 30 * s }, nil},
		"below zero":     {func(p *Profile) { p.Warmup = -1 }, []string{"warm-up"}},
		"grace":          {func(p *Profile) { p.GracefulStop = -s }, []string{"graceful stop", "-1s"}},
		"max users":      {func(p *Profile) { *p = Rate(5, s, 0) }, []string{"at least one user"}},
		"all at once": {func(p *Profile) {
			p.Model, p.Stages, p.Warmup = "", []Stage{{-s, math.NaN()}}, 5*s
		}, []string{"model", "negative", "not a number", "lasts no time", "warm-up"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			p.Stages = append([]Stage(nil), good.Stages...)
			tt.change(&p)
			err := p.Validate()
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("%v", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}
