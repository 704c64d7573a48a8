package load

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestUsersStartOneSpawnIntervalApart(t *testing.T) {
	for _, tt := range []struct {
		users    int
		rate     float64
		duration time.Duration
		want     int // users that ever start
	}{
		{10, 2, 30 * s, 10},
		{500, 50, 60 * s, 500},
		{1, 1, 5 * s, 1},
		{20, 100, 5 * s, 20},
		{7, 3, 10 * s, 7},
		{10, 2.5, 20 * s, 10},
		{3, 0.5, 30 * s, 3},
		{10, 2, 5 * s, 10},     // the ramp fills the run
		{10, 2, 3 * s, 6},      // and more than that
		{10, 2, 3200 * 1e6, 7}, // ending between two users
		{100, 3, 10 * s, 30},   // 1/3 s apart
		{100, 0.3, 10 * s, 3},  // at 0, 3.3 and 6.7 s
		{2000, 1000, 10 * s, 2000},
	} {
		t.Run(fmt.Sprintf("%d at %v/s for %v", tt.users, tt.rate, tt.duration), func(t *testing.T) {
			f := &fake{think: always(time.Hour)}
			inBubble(t, Users(tt.users, tt.rate, tt.duration), f, nil, func(tr *trial) {
				var got, want []time.Duration
				for k, u := range f.began {
					got = append(got, u.start)
					if u.user != k {
						t.Errorf("user %d is number %d", u.user, k)
					}
				}
				for k := range tt.want {
					want = append(want, seconds(float64(k)/tt.rate))
				}
				wantTimes(t, got, want)
				tr.wantTook(tt.duration)
				if d := tr.sum().StartDelay; d.Count != int64(tt.want) || d.Max > 1 {
					t.Errorf("%d start delays, up to %v", d.Count, d.Max)
				}
			})
		})
	}
}

var closedProfiles = map[string]Profile{
	"spawn":           Users(50, 5, 30*s),
	"spike":           closedStages(s, Stage{0, 10}, Stage{20 * s, 10}, Stage{5 * s, 500}, Stage{20 * s, 500}, Stage{5 * s, 10}, Stage{10 * s, 10}),
	"steps":           closedStages(s, Stage{0, 5}, Stage{10 * s, 5}, Stage{0, 10}, Stage{10 * s, 10}, Stage{0, 15}, Stage{10 * s, 15}),
	"steps down":      closedStages(s, Stage{0, 15}, Stage{10 * s, 15}, Stage{0, 3}, Stage{10 * s, 3}, Stage{0, 0}, Stage{10 * s, 0}),
	"up and down":     closedStages(s, Stage{10 * s, 20}, Stage{10 * s, 0}),
	"nothing between": closedStages(s, Stage{5 * s, 7}, Stage{0, 0}, Stage{5 * s, 0}, Stage{5 * s, 9}),
	"fractions":       closedStages(s, Stage{3 * s, 2.5}, Stage{3 * s, 5.25}, Stage{4 * s, 0.5}, Stage{7 * s, 3}),
	"steep":           closedStages(s, Stage{7 * time.Millisecond, 1000}, Stage{3 * time.Millisecond, 1}),
}

func TestUsersAliveFollowTheStages(t *testing.T) {
	for name, p := range closedProfiles {
		t.Run(name, func(t *testing.T) {
			f := &fake{think: always(time.Hour)}
			inBubble(t, p, f, nil, func(tr *trial) {
				end := p.Duration()
				step := end / 997
				for at := step / 3; at < end; at += step {
					level := p.At(at)
					if math.Abs(level-math.Round(level)) < 1e-3 && p.At(at-10) != p.At(at+10) {
						continue // the very moment of a change
					}
					if got, want := f.alive(at), int(math.Ceil(level-1e-6)); got != want {
						t.Errorf("%v: %d users alive, want %d (the profile asks for %v)", at, got, want, level)
						return
					}
				}
				tr.wantTook(end)
			})
		})
	}
}

func TestSnapshotsSayHowManyUsersAreAliveAndWanted(t *testing.T) {
	p := closedStages(s, Stage{0, 4}, Stage{10 * s, 24}, Stage{0, 24}, Stage{2500 * time.Millisecond, 24})
	inBubble(t, p, &fake{think: always(time.Hour)}, nil, func(tr *trial) {
		for _, snap := range tr.snaps[:12] {
			// At a whole second a user may be just starting.
			want := int(math.Ceil(p.At(snap.Offset+snap.Length) - 1e-6))
			for _, got := range []int{snap.Users, snap.Target} {
				if got != want && got != want+1 {
					t.Errorf("at %v: %d users alive, %d wanted; the profile asks for %d", snap.Offset+snap.Length, snap.Users, snap.Target, want)
				}
			}
		}
		if last := tr.snaps[len(tr.snaps)-1]; last.Users != 0 {
			t.Errorf("%d users in the last snapshot", last.Users)
		}
	})
}

func TestARampDownStopsTheLastStartedFirst(t *testing.T) {
	p := closedStages(s, Stage{0, 20}, Stage{2 * s, 20}, Stage{10 * s, 10}, Stage{5 * s, 0})
	f := &fake{think: always(time.Hour)}
	inBubble(t, p, f, nil, func(*trial) {
		for i, u := range f.closed {
			if u.user != 19-i {
				t.Errorf("user %d stopped as number %d", u.user, i)
				return
			}
			at := seconds(2 + float64(i+1))
			if i >= 10 {
				at = seconds(12 + float64(i-9)/2)
			}
			if !near(u.end, at) {
				t.Errorf("user %d stopped at %v, want %v", u.user, u.end, at)
			}
		}
	})
}

func TestARampDownLetsIterationsEnd(t *testing.T) {
	p := closedStages(10*s, Stage{0, 2}, Stage{4500 * time.Millisecond, 2}, Stage{0, 1}, Stage{10 * s, 1})
	f := &fake{service: always(3 * s)}
	inBubble(t, p, f, nil, func(*trial) {
		if first := f.closed[0]; first.user != 1 || first.end != 6*s {
			t.Errorf("user %d ended at %v, want user 1 at the end of its second iteration", first.user, first.end)
		}
		for _, it := range f.iterations {
			if it.aborted || it.end-it.start != 3*s {
				t.Errorf("%+v was cut", it)
			}
		}
	})
}

func TestIterationsWithThinkTimeAreExactlyAsManyAsFit(t *testing.T) {
	for _, tt := range []struct {
		users          int
		rate           float64
		duration       time.Duration
		service, think time.Duration
	}{
		{10, 2, 60 * s, 200 * time.Millisecond, 800 * time.Millisecond}, // users wake at the very end of the run
		{10, 2, 60 * s, 300 * time.Millisecond, 2 * s},
		{100, 50, 30 * s, 70 * time.Millisecond, 930 * time.Millisecond},
		{3, 1, 20 * s, 0, s},
		{4, 3, 20 * s, 17 * time.Millisecond, 0},
		{5, 2, 20 * s, 0, 333 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%d users, %v and %v", tt.users, tt.service, tt.think), func(t *testing.T) {
			f := &fake{service: always(tt.service), think: always(tt.think)}
			inBubble(t, Users(tt.users, tt.rate, tt.duration), f, nil, func(tr *trial) {
				var want []time.Duration
				for k := range tt.users {
					for at := seconds(float64(k) / tt.rate); at < tt.duration; at += tt.service + tt.think {
						want = append(want, at)
					}
				}
				slices.Sort(want)
				wantTimes(t, f.starts(), want)
				total := tr.sum().Totals()
				if total.Failed != 0 || total.Response.Min != tt.service || total.Response.Max != tt.service {
					t.Errorf("%d failed, response times %v..%v, want the service time %v", total.Failed, total.Response.Min, total.Response.Max, tt.service)
				}
				if d := &tr.sum().StartDelay; d.Max > 1 {
					t.Errorf("start delay %v", d.Max)
				}
			})
		})
	}
}

func TestThinkTimeMayDifferFromIterationToIteration(t *testing.T) {
	f := &fake{think: func(_, n int) time.Duration { return []time.Duration{s, 0, 2 * s}[n%3] }}
	inBubble(t, Users(1, 1, 10*s), f, nil, func(tr *trial) {
		wantTimes(t, f.starts(), []time.Duration{0, s, s, 3 * s, 4 * s, 4 * s, 6 * s, 7 * s, 7 * s, 9 * s})
		// An iteration after no think time has no due time of its own.
		if d := tr.sum().StartDelay; d.Count != 7 {
			t.Errorf("%d start delays", d.Count)
		}
	})
}

func TestALateWakeUpIsStartDelayNotResponseTime(t *testing.T) {
	f := &fake{newUser: 700 * time.Millisecond, service: always(100 * time.Millisecond), think: always(time.Hour)}
	inBubble(t, Users(3, 10, 5*s), f, nil, func(tr *trial) {
		sum := tr.sum()
		total := sum.Totals()
		if sum.StartDelay.Count != 3 || sum.StartDelay.Min != 700*time.Millisecond || sum.StartDelay.Max != 700*time.Millisecond {
			t.Errorf("%d start delays %v..%v", sum.StartDelay.Count, sum.StartDelay.Min, sum.StartDelay.Max)
		}
		if total.Response.Max != 100*time.Millisecond || total.Service.Count != 0 {
			t.Errorf("response time %v, %d service times", total.Response.Max, total.Service.Count)
		}
	})
}

func TestIterationsWithNothingToDoAreCountedApart(t *testing.T) {
	f := &fake{idle: true, think: always(s)}
	inBubble(t, Users(2, 1, 10*s), f, nil, func(tr *trial) {
		if sum := tr.sum(); sum.Idle != 19 || sum.Iterations != 19 {
			t.Errorf("%d idle of %d", sum.Idle, sum.Iterations)
		}
	})
}

func TestUsersAreSpreadOverTheShardsByTheirNumber(t *testing.T) {
	f := &fake{think: always(time.Hour)}
	inBubble(t, Users(10, 10, 5*s), f, nil, func(tr *trial) {
		if tr.Recorders.Shard(3) != tr.Recorders.Shard(5) || tr.Recorders.Shard(3) == tr.Recorders.Shard(4) {
			t.Error("a user changed its shard")
		}
		if n := tr.sum(metric.Warmup).Iterations; n != 10 {
			t.Errorf("%d iterations in the warm-up", n)
		}
	})
}
