package load

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// queue is when the arrivals of a rate start and what they wait for, with so many
// users, each of whom takes as long as service says from the start on.
func queue(due []time.Duration, users int, patience time.Duration, service func(start time.Duration) time.Duration) (starts []time.Duration, waited, dropped int64) {
	free := make([]time.Duration, users)
	for _, at := range due {
		i := 0
		for j := range free {
			if free[j] < free[i] {
				i = j
			}
		}
		start := max(at, free[i])
		if start-at > patience {
			dropped++
			continue
		}
		if start > at {
			waited++
		}
		starts = append(starts, start)
		free[i] = start + service(start)
	}
	return starts, waited, dropped
}

func TestAnArrivalWaitsForAUserAndKeepsItsDueTime(t *testing.T) {
	for _, tt := range []struct {
		rate     float64
		users    int
		patience time.Duration
		freeze   time.Duration // from 3 s on
	}{
		{50, 1, 30 * s, 2 * s},
		{50, 7, 30 * s, 2 * s},
		{50, 7, 1500 * time.Millisecond, 2 * s}, // some give up
		{50, 200, 30 * s, 2 * s},                // none waits
		{997, 10, 400 * time.Millisecond, s},
	} {
		t.Run(fmt.Sprintf("%d users, %v", tt.users, tt.patience), func(t *testing.T) {
			p := Rate(tt.rate, 10*s, tt.users)
			f := &fake{}
			service := func(start time.Duration) time.Duration {
				if start >= 3*s && start < 3*s+tt.freeze {
					return 3*s + tt.freeze - start
				}
				return 100 * time.Microsecond
			}
			f.service = func(int, int) time.Duration { return service(f.now()) }
			starts, waited, dropped := queue(drain(NewPacer(&p, 1)), tt.users, tt.patience, service)
			inBubble(t, p, f, func(tr *trial) { tr.Patience = tt.patience }, func(tr *trial) {
				wantTimes(t, f.starts(), starts)
				sum := tr.sum()
				if sum.Dropped != dropped || sum.Waited != waited || sum.Unsent != 0 {
					t.Errorf("dropped %d, waited %d, unsent %d; want %d, %d and 0", sum.Dropped, sum.Waited, sum.Unsent, dropped, waited)
				}
				if sum.StartDelay.Max != 0 || sum.StartDelay.Count != sum.Iterations-sum.Waited {
					t.Errorf("%d start delays up to %v: waiting for the target is none", sum.StartDelay.Count, sum.StartDelay.Max)
				}
				if total := sum.Totals(); tt.patience > tt.freeze && total.Response.Max != tt.freeze {
					t.Errorf("the longest response took %v, want %v", total.Response.Max, tt.freeze)
				}
			})
		})
	}
}

func TestArrivalsThatWaitAtTheEndAreDropped(t *testing.T) {
	f := &fake{service: always(time.Hour)}
	p := Rate(10, 2*s, 3)
	inBubble(t, p, f, func(tr *trial) { tr.Patience = 30 * s }, func(tr *trial) {
		if sum := tr.sum(); sum.Iterations != 3 || sum.Dropped != 17 || sum.Unsent != 0 {
			t.Errorf("%d started, %d dropped, %d unsent", sum.Iterations, sum.Dropped, sum.Unsent)
		}
	})
}

func TestNoneThatWaitsStartsInAPause(t *testing.T) {
	f := &fake{}
	f.service = func(int, int) time.Duration {
		if now := f.now(); now < 3*s {
			return 3*s - now
		}
		return 0
	}
	inBubble(t, Rate(10, 8*s, 1), f, func(tr *trial) {
		tr.Patience = 30 * s
		tr.at(2*s-1, func() { tr.Pause() })
		tr.at(5*s+1, func() { tr.Resume() })
	}, func(tr *trial) {
		starts := f.starts()
		if i, _ := slices.BinarySearch(starts, 5*s); starts[0] != 0 || i != 1 {
			t.Errorf("starts %v", starts[:min(5, len(starts))])
		}
		// 20 were due before the pause, 30 after it.
		if len(starts) != 20+29 && len(starts) != 20+30 {
			t.Errorf("%d started", len(starts))
		}
	})
}

// Gaps of a Poisson process of rate r are exponential: mean 1/r, deviation 1/r,
// and counts in equal times have their mean as variance.
func TestPoissonArrivalsAreThat(t *testing.T) {
	const rate, d = 200., 500 * s
	for seed := range uint64(5) {
		p := Rate(rate, d, 1)
		p.Arrivals = Poisson
		due := drain(NewPacer(&p, seed))
		n := float64(len(due))
		if sigma := math.Sqrt(rate * d.Seconds()); math.Abs(n-rate*d.Seconds()) > 4*sigma {
			t.Errorf("seed %d: %v arrivals, want %v", seed, n, rate*d.Seconds())
		}
		gaps := make([]float64, len(due)-1)
		for i := range gaps {
			gaps[i] = (due[i+1] - due[i]).Seconds() * rate
		}
		slices.Sort(gaps)
		// Kolmogorov-Smirnov against 1-exp(-x), at 0.1 %.
		worst := 0.
		for i, x := range gaps {
			f := -math.Expm1(-x)
			worst = max(worst, f-float64(i)/n, float64(i+1)/n-f)
		}
		if limit := 1.95 / math.Sqrt(n); worst > limit {
			t.Errorf("seed %d: the gaps are off the exponential by %.4f, allowed %.4f", seed, worst, limit)
		}
		counts := make([]float64, int(d/s))
		for _, at := range due {
			counts[at/s]++
		}
		square := 0.
		for _, c := range counts {
			square += (c - rate) * (c - rate)
		}
		if ratio := square / float64(len(counts)) / rate; ratio < .75 || ratio > 1.3 {
			t.Errorf("seed %d: the counts of seconds have %.2f of the variance of a Poisson process", seed, ratio)
		}
		if again := drain(NewPacer(&p, seed)); !slices.Equal(due, again) {
			t.Errorf("seed %d gives other arrivals the second time", seed)
		}
	}
	// On a ramp, the counts follow the integral.
	p := openStages(0, 1, Stage{100 * s, 400}, Stage{100 * s, 0})
	p.Arrivals = Poisson
	due := drain(NewPacer(&p, 1))
	for _, at := range []time.Duration{30 * s, 100 * s, 150 * s, 200 * s} {
		n, _ := slices.BinarySearch(due, at)
		if want := p.Area(at); math.Abs(float64(n)-want) > 4*math.Sqrt(want) {
			t.Errorf("%d arrivals until %v, want about %.0f", n, at, want)
		}
	}
}

func TestInFlightIsTheIntegralOfTheRequestsUnderWay(t *testing.T) {
	f := &fake{service: func(user, n int) time.Duration { return time.Duration(300+user*170+n*13) * time.Millisecond }}
	inBubble(t, Rate(7, 20*s, 100), f, nil, func(tr *trial) {
		for _, snap := range tr.snaps {
			want := time.Duration(0)
			for _, it := range f.iterations {
				want += max(min(it.end, snap.Offset+snap.Length)-max(it.start, snap.Offset), 0)
			}
			if snap.InFlight != want {
				t.Errorf("interval at %v: %v in flight, want %v", snap.Offset, snap.InFlight, want)
			}
		}
		if sum := tr.sum(); sum.InFlight != sum.Residence || sum.Residence == 0 {
			t.Errorf("%v in flight, %v in service times", sum.InFlight, sum.Residence)
		}
	})
}

func TestAWaiterReturnsInTimeAndWhenWoken(t *testing.T) {
	for name, w := range map[string]Waiter{"timer": NewTimer(), "system": NewWaiter()} {
		clock := metric.NewClock()
		for range 50 {
			until := clock.Now() + 700*time.Microsecond
			for clock.Now() < until {
				w.Wait(until - clock.Now())
			}
		}
		if took := clock.Now(); took < 35*time.Millisecond || took > 10*time.Second {
			t.Errorf("%s: 50 waits of 700 µs took %v", name, took)
		}
		w.Wake()
		w.Wait(time.Hour) // a Wake before it counts
		for range 20 {
			woken := make(chan struct{})
			go func() {
				defer close(woken)
				w.Wake()
			}()
			w.Wait(time.Hour)
			<-woken
			w.Wake()
			w.Wait(time.Hour)
		}
		w.Close()
		w.Wake()
	}
}
