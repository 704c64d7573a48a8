package load

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestArrivalsAtAConstantRateAreExactInNumberAndTime(t *testing.T) {
	for _, tt := range []struct {
		rate     float64
		duration time.Duration
		want     int
	}{
		{5000, 10 * s, 50_000},
		{7, 10 * s, 70},
		{0.5, 10 * s, 5},
		{0.5, 11 * s, 6},
		{333.3, 10 * s, 3333},
		{333.3, 9999 * time.Millisecond, 3333}, // 3332.67: the last one is due before the end
		{1, 500 * time.Millisecond, 1},
		{0.01, 30 * s, 1},
		{3, 1 * s, 3},
		{2.2, 30 * s, 66}, // 66/2.2 is a little under 30 in floating point
	} {
		t.Run(fmt.Sprintf("%v per second for %v", tt.rate, tt.duration), func(t *testing.T) {
			f := &fake{service: always(time.Millisecond)}
			inBubble(t, Rate(tt.rate, tt.duration, 100), f, nil, func(tr *trial) {
				var want []time.Duration
				for k := range tt.want {
					want = append(want, seconds(float64(k)/tt.rate))
				}
				wantTimes(t, f.starts(), want)
				tr.wantNoneFrom(tt.duration)
				sum := tr.sum()
				if sum.Dropped != 0 || sum.Unsent != 0 || sum.StartDelay.Max != 0 || sum.StartDelay.Count != int64(tt.want) {
					t.Errorf("dropped %d, unsent %d, %d start delays up to %v", sum.Dropped, sum.Unsent, sum.StartDelay.Count, sum.StartDelay.Max)
				}
			})
		})
	}
}

func TestArrivalsOfRampsFollowTheIntegral(t *testing.T) {
	for name, tt := range map[string]struct {
		stages []Stage
		want   int
	}{
		"up":               {[]Stage{{10 * s, 100}}, 500},
		"down":             {[]Stage{{0, 100}, {10 * s, 0}}, 500},
		"up, hold, down":   {[]Stage{{5 * s, 40}, {5 * s, 40}, {5 * s, 0}}, 100 + 200 + 100},
		"jumps":            {[]Stage{{0, 10}, {5 * s, 10}, {0, 50}, {5 * s, 50}, {0, 5}, {5 * s, 5}}, 50 + 250 + 25},
		"a pause between":  {[]Stage{{0, 10}, {5 * s, 10}, {0, 0}, {60 * s, 0}, {0, 20}, {5 * s, 20}}, 50 + 100},
		"nothing at first": {[]Stage{{20 * s, 0}, {0, 4}, {5 * s, 4}}, 20},
		"nothing at last":  {[]Stage{{0, 4}, {5 * s, 4}, {0, 0}, {20 * s, 0}}, 20},
		"a part of one":    {[]Stage{{4 * s, 1}, {3 * s, 2}}, 7}, // 2 + 4.5 arrivals
	} {
		t.Run(name, func(t *testing.T) {
			p := openStages(s, 1000, tt.stages...)
			f := &fake{}
			inBubble(t, p, f, nil, func(tr *trial) {
				starts := f.starts()
				if len(starts) != tt.want {
					t.Errorf("%d arrivals, want %d", len(starts), tt.want)
					return
				}
				for k, at := range starts {
					if at >= p.Duration() {
						t.Errorf("arrival %d at %v, the profile ends at %v", k, at, p.Duration())
					}
					// Arrival k is due when the area reaches k.
					if before, after := p.Area(at-2), p.Area(at+2); before > float64(k)+1e-5 || after < float64(k)-1e-5 {
						t.Errorf("arrival %d at %v, where the area is %v", k, at, p.Area(at))
						return
					}
				}
				if sum := tr.sum(); sum.Unsent != 0 || sum.Dropped != 0 {
					t.Errorf("unsent %d, dropped %d", sum.Unsent, sum.Dropped)
				}
			})
		})
	}
}

func TestAnArrivalIsDroppedExactlyWhenAllUsersAreInFlight(t *testing.T) {
	for _, tt := range []struct {
		rate     float64
		service  time.Duration
		maxUsers int
	}{
		{10, 1050 * time.Millisecond, 3},
		{10, 1050 * time.Millisecond, 11},
		{10, 1050 * time.Millisecond, 10},
		{10, 350 * time.Millisecond, 1},
		{100, 3333 * time.Millisecond, 50},
	} {
		t.Run(fmt.Sprintf("%v per second taking %v, %d users", tt.rate, tt.service, tt.maxUsers), func(t *testing.T) {
			const duration = 20 * s
			p := Rate(tt.rate, duration, tt.maxUsers)
			free := make([]time.Duration, tt.maxUsers) // when each user is free
			var want []time.Duration
			for k := range int(tt.rate * duration.Seconds()) {
				at := seconds(float64(k) / tt.rate)
				if i := slices.IndexFunc(free, func(x time.Duration) bool { return x <= at }); i >= 0 {
					free[i] = at + tt.service
					want = append(want, at)
				}
			}
			f := &fake{service: always(tt.service)}
			inBubble(t, p, f, nil, func(tr *trial) {
				wantTimes(t, f.starts(), want)
				sum := tr.sum()
				if all := int64(tt.rate * duration.Seconds()); sum.Dropped != all-int64(len(want)) || sum.Unsent != 0 {
					t.Errorf("%d started, %d dropped, %d unsent of %d", sum.Iterations, sum.Dropped, sum.Unsent, all)
				}
				if got := len(f.began); got > tt.maxUsers {
					t.Errorf("%d users, at most %d", got, tt.maxUsers)
				}
				if total := sum.Totals(); total.Response.Min != tt.service || total.Response.Max != tt.service {
					t.Errorf("response times %v..%v", total.Response.Min, total.Response.Max)
				}
			})
		})
	}
}

func TestAFreezeOfTheTargetMakesNoBurstAfterwards(t *testing.T) {
	// The target answers at once, but stands still from 3 s to 5 s.
	f := &fake{}
	f.service = func(int, int) time.Duration {
		if now := f.now(); now >= 3*s && now < 5*s {
			return 5*s - now
		}
		return 0
	}
	inBubble(t, Rate(50, 10*s, 1000), f, nil, func(tr *trial) {
		perSecond := make([]int, 10)
		for _, at := range f.starts() {
			perSecond[at/s]++
		}
		for sec, n := range perSecond {
			if n != 50 {
				t.Errorf("second %d: %d arrivals, want 50", sec, n)
			}
		}
		total := tr.sum().Totals()
		if frozen := total.Response.CountAbove(0); frozen != 100 || total.Response.Max != 2*s {
			t.Errorf("%d requests met the freeze, the longest for %v", frozen, total.Response.Max)
		}
	})
}

func TestResponseTimeCarriesTheDelayOfTheStart(t *testing.T) {
	// A user takes 700 ms to be made: the due time stays.
	f := &fake{newUser: 700 * time.Millisecond, service: always(100 * time.Millisecond)}
	inBubble(t, Rate(1, 10*s, 100), f, nil, func(tr *trial) {
		first := f.iterations[0]
		if first.due != 0 || first.start != 700*time.Millisecond {
			t.Errorf("the first iteration was due at %v and started at %v", first.due, first.start)
		}
		sum := tr.sum()
		total := sum.Totals()
		if total.Response.Max != 800*time.Millisecond || total.Service.Max != 100*time.Millisecond || total.Service.Count != total.Response.Count {
			t.Errorf("response time %v, service time %v (%d and %d of them)", total.Response.Max, total.Service.Max, total.Response.Count, total.Service.Count)
		}
		if sum.StartDelay.Max != 700*time.Millisecond || sum.StartDelay.Min != 0 {
			t.Errorf("start delay %v..%v", sum.StartDelay.Min, sum.StartDelay.Max)
		}
	})
}

func TestTheOpenModelIgnoresThinkTime(t *testing.T) {
	f := &fake{think: always(time.Hour)}
	inBubble(t, Rate(10, 10*s, 1), f, nil, func(tr *trial) {
		if sum := tr.sum(); sum.Iterations != 100 || sum.Dropped != 0 {
			t.Errorf("%d iterations, %d dropped", sum.Iterations, sum.Dropped)
		}
	})
}

func TestTheUserThatFinishedLastIsUsedFirst(t *testing.T) {
	f := &fake{service: func(user, _ int) time.Duration { return []time.Duration{250, 310, 130}[user] * time.Millisecond }}
	p := openStages(s, 3, Stage{0, 10}, Stage{300 * time.Millisecond, 10}, Stage{0, 0}, Stage{s, 0}, Stage{0, 1}, Stage{s, 1})
	inBubble(t, p, f, nil, func(*trial) {
		if last := f.iterations[len(f.iterations)-1]; last.user != 1 {
			t.Errorf("user %d took the last arrival; user 1 had finished last", last.user)
		}
	})
}

// The dispatcher under the real clock: however late the machine is, no arrival
// may be lost, and the profile's end costs none.
func TestUnderTheRealClockEveryArrivalIsAccountedFor(t *testing.T) {
	p := Rate(2000, 250*time.Millisecond, 500)
	f := &fake{clock: metric.NewClock()}
	rs := metric.NewRecorders(metric.Open, make([]metric.Row, 1), 2)
	sum := &metric.Snapshot{}
	r := New(Config{Profile: p, Script: f, Recorders: rs, Clock: f.clock, Interval: 50 * time.Millisecond, Monitor: NewMonitor(), Waiter: NewWaiter()})
	err := r.Run(context.Background(), Observer{Blocking: true, Observe: func(s *metric.Snapshot) error {
		sum = metric.Merge(sum, s)
		return nil
	}})
	if all := sum.Iterations + sum.Dropped + sum.Unsent; err != nil || all != 500 {
		t.Errorf("%d started, %d dropped, %d unsent of 500 (%v)", sum.Iterations, sum.Dropped, sum.Unsent, err)
	}
	if sum.Iterations == 0 || int(sum.Iterations) != len(f.iterations) {
		t.Errorf("%d of 500 counted, %d done; start delay up to %v", sum.Iterations, len(f.iterations), sum.StartDelay.Max)
	}
}
