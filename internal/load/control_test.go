package load

import (
	"math"
	"testing"
	"time"
)

func TestAPauseStartsNothingAndResumeGoesOn(t *testing.T) {
	both(t, 30*s, func(t *testing.T, p Profile) {
		f := &fake{service: always(brief), think: always(s)}
		inBubble(t, p, f, func(tr *trial) {
			tr.at(2550*time.Millisecond, tr.Pause)
			tr.at(2600*time.Millisecond, tr.Pause) // once more does nothing
			tr.at(5450*time.Millisecond, tr.Resume)
			tr.at(5460*time.Millisecond, tr.Resume)
		}, func(tr *trial) {
			before, after := 0, 0
			for _, it := range f.iterations {
				switch {
				case it.start <= 2550*time.Millisecond:
					before++
				case it.start < 5450*time.Millisecond:
					t.Errorf("%+v started in the pause", it)
				default:
					after++
				}
			}
			if before < 20 || after < 20 {
				t.Errorf("%d iterations before the pause, %d after it", before, after)
			}
			sum := tr.sum()
			if sum.Dropped != 0 || sum.Unsent != 0 || sum.StartDelay.Max > 1 {
				t.Errorf("%d dropped, %d unsent, start delay %v: a pause is nobody's fault", sum.Dropped, sum.Unsent, sum.StartDelay.Max)
			}
			tr.wantEvents("pause", "measured", "resume", "end")
			tr.wantNoneFrom(10 * s)
		})
	})
}

func TestOpenArrivalsKeepTheirGridAcrossAPause(t *testing.T) {
	f := &fake{}
	inBubble(t, Rate(10, 10*s, 5), f, func(tr *trial) {
		tr.at(2550*time.Millisecond, tr.Pause)
		tr.at(5450*time.Millisecond, tr.Resume)
	}, func(*trial) {
		var want []time.Duration
		for k := range 100 {
			if k < 26 || k > 54 {
				want = append(want, time.Duration(k)*100*time.Millisecond)
			}
		}
		wantTimes(t, f.starts(), want)
	})
}

func TestAPausedRunStops(t *testing.T) {
	for name, at := range map[string]time.Duration{"by itself": time.Hour, "by Stop": 3*s + 1} {
		both(t, 30*s, func(t *testing.T, p Profile) {
			t.Run(name, func(t *testing.T) {
				f := &fake{service: always(brief)}
				inBubble(t, p, f, func(tr *trial) {
					tr.at(1050*time.Millisecond, tr.Pause)
					if at < time.Hour {
						tr.at(at, func() { tr.Stop("interrupted", s) })
					}
				}, func(tr *trial) { tr.wantTook(min(at, 10*s)) })
			})
		})
	}
}

func TestUsersStoppedInAPauseLeave(t *testing.T) {
	f := &fake{}
	f.think = always(100 * time.Millisecond)
	inBubble(t, Users(10, 10, 10*s), f, func(tr *trial) {
		tr.at(2050*time.Millisecond, tr.Pause)
		tr.at(3050*time.Millisecond, func() { tr.SetUsers(4) })
		tr.at(5050*time.Millisecond, tr.Resume)
	}, func(*trial) {
		if n := f.alive(3100 * time.Millisecond); n != 4 {
			t.Errorf("%d users alive", n)
		}
	})
}

func TestSetUsersTakesOverFromTheProfile(t *testing.T) {
	f := &fake{think: always(400 * time.Millisecond)}
	inBubble(t, Users(10, 2, 20*s), f, func(tr *trial) {
		for at, n := range map[time.Duration]int{2250: 7, 4250: 30, 6250: 3, 8250: 0, 9250: -4, 11250: 5} {
			tr.at(at*time.Millisecond, func() { tr.SetUsers(n) })
		}
	}, func(tr *trial) {
		for at, want := range map[time.Duration]int{2200: 5, 2300: 7, 4200: 7, 4300: 30, 6200: 30, 6300: 3, 8200: 3, 8300: 0, 9300: 0, 11300: 5, 19900: 5} {
			if got := f.alive(at * time.Millisecond); got != want {
				t.Errorf("%d ms: %d users alive, want %d", at, got, want)
			}
		}
		if d := tr.sum().StartDelay; d.Max != 0 {
			t.Errorf("start delay %v", d.Max)
		}
		tr.wantTook(20 * s)
	})
}

func TestSetRateTakesOverFromTheProfile(t *testing.T) {
	f := &fake{}
	inBubble(t, Rate(10, 20*s, 10), f, func(tr *trial) {
		for at, rate := range map[time.Duration]float64{2050: 100, 4053: 0, 6050: 1, 9053: math.NaN(), 10050: 7, 12053: -3, 13050: 4} {
			tr.at(at*time.Millisecond, func() { tr.SetRate(rate) })
		}
	}, func(tr *trial) {
		var want []time.Duration
		add := func(from, to int, rate float64) {
			for k := 0; ; k++ {
				at := time.Duration(from)*time.Millisecond + seconds(float64(k)/rate)
				if at >= time.Duration(to)*time.Millisecond {
					return
				}
				want = append(want, at)
			}
		}
		add(0, 2050, 10)
		add(2050, 4053, 100)
		add(6050, 9053, 1)
		add(10050, 12053, 7)
		add(13050, 20000, 4)
		wantTimes(t, f.starts(), want)
		if sum := tr.sum(); sum.Unsent != 0 || sum.Dropped != 0 {
			t.Errorf("%d unsent, %d dropped", sum.Unsent, sum.Dropped)
		}
		tr.wantTook(20 * s)
	})
}

func TestACommandOfTheOtherModelChangesNothing(t *testing.T) {
	both(t, 30*s, func(t *testing.T, p Profile) {
		plain, commanded := &fake{think: always(s)}, &fake{think: always(s)}
		inBubble(t, p, plain, nil, nil)
		inBubble(t, p, commanded, func(tr *trial) {
			tr.at(2050*time.Millisecond, func() {
				if p.Model == "closed" {
					tr.SetRate(1)
				} else {
					tr.SetUsers(1)
				}
			})
		}, nil)
		wantTimes(t, commanded.starts(), plain.starts())
	})
}

func TestCommandsAfterTheEndReturn(t *testing.T) {
	both(t, 30*s, func(t *testing.T, p Profile) {
		inBubble(t, p, &fake{service: always(5 * s)}, func(tr *trial) {
			tr.at(11*s, func() { tr.SetUsers(5); tr.SetRate(5) }) // the run drains
		}, func(tr *trial) {
			tr.SetUsers(5)
			tr.SetRate(5)
			tr.Pause()
			tr.Resume()
			tr.Stop("late", 0)
		})
	})
}
