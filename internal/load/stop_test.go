package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// both makes a test of a closed and an open run of 10 s with a warm-up of 4 s,
// started at 10/s, and of iterations that take 330 ms.
func both(t *testing.T, grace time.Duration, test func(t *testing.T, p Profile)) {
	closed, open := Users(10, 10, 10*s), Rate(10, 10*s, 100)
	for _, p := range []Profile{closed, open} {
		p.Warmup, p.GracefulStop = 4*s, grace
		t.Run(string(p.Model), func(t *testing.T) { test(t, p) })
	}
}

const brief = 330 * time.Millisecond

func TestPeriodsSplitTheRunAtTheirBorders(t *testing.T) {
	for _, tt := range []struct{ warmup, duration time.Duration }{
		{4 * s, 10 * s},
		{0, 10 * s},
		{3500 * time.Millisecond, 9250 * time.Millisecond},
		{1, 2 * s},
		{700 * time.Millisecond, 800 * time.Millisecond},
		{5*s - 1, 5 * s},
		{5 * s, 5 * s},
		{s, s + 1},
	} {
		both(t, 5*s, func(t *testing.T, p Profile) {
			t.Run(fmt.Sprintf("%v of %v", tt.warmup, tt.duration), func(t *testing.T) {
				p.Warmup = tt.warmup
				for i := range p.Stages {
					p.Stages[i].Duration = 0
				}
				p.Stages[len(p.Stages)-1].Duration = tt.duration
				f := &fake{service: always(brief), think: always(37 * time.Millisecond)}
				inBubble(t, p, f, nil, func(tr *trial) {
					for period, want := range map[metric.Period][2]time.Duration{
						metric.Warmup: {0, tt.warmup}, metric.Measured: {tt.warmup, tt.duration}, metric.Drain: {tt.duration, tr.took},
					} {
						from, to := time.Hour, time.Duration(0)
						for _, snap := range tr.snaps {
							if snap.Period == period {
								from, to = min(from, snap.Offset), max(to, snap.Offset+snap.Length)
							}
						}
						if want[0] == want[1] {
							want[0], want[1] = time.Hour, 0 // no such interval
						}
						if [2]time.Duration{from, to} != want && period != metric.Drain {
							t.Errorf("%s: %v to %v, want %v", period, from, to, want)
						}
						if period == metric.Drain && (from != tt.duration || to != tr.took) {
							t.Errorf("drain: %v to %v, want %v to %v", from, to, tt.duration, tr.took)
						}
					}
					ended := map[metric.Period]int64{}
					for _, it := range f.iterations {
						switch {
						case it.end < tt.warmup:
							ended[metric.Warmup]++
						case it.end < tt.duration:
							ended[metric.Measured]++
						default:
							ended[metric.Drain]++
						}
					}
					for period, n := range ended {
						// What ends at the very border may be counted on either side.
						total := tr.sum(period).Totals()
						if got := total.Requests; got < n-10 || got > n+10 {
							t.Errorf("%s: %d requests, %d ended then", period, got, n)
						}
					}
					tr.wantNoneFrom(tt.duration)
					if want := tt.warmup > 0 && tt.warmup < tt.duration; tr.has("measured", tt.warmup) != want {
						t.Errorf("events %v", tr.sum().Events)
					}
				})
			})
		})
	}
}

func TestNominalIsTheAreaOfTheProfile(t *testing.T) {
	both(t, 5*s, func(t *testing.T, p Profile) {
		inBubble(t, p, &fake{service: always(brief)}, nil, func(tr *trial) {
			for _, snap := range tr.snaps {
				if want := p.Area(snap.Offset+snap.Length) - p.Area(snap.Offset); snap.Nominal != want {
					t.Errorf("interval at %v: nominal %v, want %v", snap.Offset, snap.Nominal, want)
				}
			}
		})
	})
}

func TestAGracefulStopLetsIterationsEndAndStartsNone(t *testing.T) {
	both(t, 30*s, func(t *testing.T, p Profile) {
		f := &fake{service: always(5500 * time.Millisecond)}
		inBubble(t, p, f, nil, func(tr *trial) {
			tr.wantNoneFrom(10 * s)
			last := time.Duration(0)
			for _, it := range f.iterations {
				last = max(last, it.end)
				if it.aborted {
					t.Errorf("%+v was cut off", it)
					return
				}
			}
			tr.wantTook(last)
			tr.wantEvents("measured", "end")
			if !tr.has("end", 10*s) || last <= 11*s {
				t.Errorf("events %v, the last iteration ended at %v", tr.sum().Events, last)
			}
		})
	})
}

func TestPastTheGracePeriodSessionsAreCutOff(t *testing.T) {
	for _, grace := range []time.Duration{0, 300 * time.Millisecond, s, 2700 * time.Millisecond} {
		both(t, grace, func(t *testing.T, p Profile) {
			t.Run(grace.String(), func(t *testing.T) {
				f := &fake{service: always(time.Hour)}
				inBubble(t, p, f, nil, func(tr *trial) {
					tr.wantTook(10*s + grace)
					tr.wantEvents("measured", "end", "aborted")
					total := tr.sum().Totals()
					if n := total.Outcomes[metric.Class{Outcome: metric.Aborted}]; n != total.Requests || n != int64(len(f.began)) {
						t.Errorf("%d aborted of %d, %d users", n, total.Requests, len(f.began))
					}
				})
			})
		})
	}
}

func TestTheRunWaitsForSessionsThatTakeTimeToEnd(t *testing.T) {
	both(t, s, func(t *testing.T, p Profile) {
		f := &fake{service: always(time.Hour), slowEnd: 2600 * time.Millisecond}
		inBubble(t, p, f, nil, func(tr *trial) { tr.wantTook(13600 * time.Millisecond) })
	})
}

func TestStopEndsTheLoadAtAnyTime(t *testing.T) {
	for _, at := range []time.Duration{
		1, 700 * time.Millisecond, s, 1300 * time.Millisecond, 4*s - 1, 4 * s, 4*s + 1, 7250 * time.Millisecond, 9 * s, 10*s - 1, 10 * s,
	} {
		both(t, 30*s, func(t *testing.T, p Profile) {
			t.Run("at "+at.String(), func(t *testing.T) {
				f := &fake{service: always(brief), think: always(s)}
				inBubble(t, p, f, func(tr *trial) {
					tr.at(at, func() { tr.Stop("interrupted", 5*s) })
				}, func(tr *trial) {
					tr.wantNoneFrom(at + 1) // at the very moment, either may be first
					if !tr.has("interrupted", at) {
						t.Errorf("events %v", tr.sum().Events)
					}
					if tr.took < at || tr.took > at+brief {
						t.Errorf("ended at %v", tr.took)
					}
					for _, snap := range tr.snaps {
						if (snap.Period == metric.Drain) != (snap.Offset >= at) && snap.Offset != at {
							t.Errorf("the interval at %v is of period %s", snap.Offset, snap.Period)
						}
					}
					if sum := tr.sum(); sum.Unsent != 0 || sum.Dropped != 0 || sum.Totals().Failed != 0 {
						t.Errorf("%d unsent, %d dropped, %d failed", sum.Unsent, sum.Dropped, sum.Totals().Failed)
					}
				})
			})
		})
	}
}

func TestALaterStopOnlyBringsTheDeadlineNearer(t *testing.T) {
	type stop struct{ at, grace time.Duration }
	for name, tt := range map[string]struct {
		stops []stop
		end   time.Duration
	}{
		"at once":               {[]stop{{5 * s, 30 * s}, {6300 * time.Millisecond, 0}}, 6300 * time.Millisecond},
		"sooner":                {[]stop{{5 * s, 30 * s}, {6300 * time.Millisecond, 2 * s}}, 8300 * time.Millisecond},
		"not later":             {[]stop{{5 * s, 2 * s}, {6 * s, 30 * s}}, 7 * s},
		"nearer twice":          {[]stop{{5 * s, 30 * s}, {6 * s, 20 * s}, {7 * s, 1500 * time.Millisecond}}, 8500 * time.Millisecond},
		"in the warm-up":        {[]stop{{2500 * time.Millisecond, 30 * s}, {2600 * time.Millisecond, 100 * time.Millisecond}}, 2700 * time.Millisecond},
		"while the run drains":  {[]stop{{12300 * time.Millisecond, 0}}, 12300 * time.Millisecond},
		"a little of the drain": {[]stop{{12300 * time.Millisecond, 900 * time.Millisecond}}, 13200 * time.Millisecond},
		"after the deadline":    {[]stop{{5 * s, s}, {6 * s, 0}, {6100 * time.Millisecond, s}}, 6 * s},
	} {
		both(t, 40*s, func(t *testing.T, p Profile) {
			t.Run(name, func(t *testing.T) {
				f := &fake{service: always(time.Hour)}
				inBubble(t, p, f, func(tr *trial) {
					for _, x := range tt.stops {
						tr.at(x.at, func() { tr.Stop("interrupted", x.grace) })
					}
				}, func(tr *trial) { tr.wantTook(tt.end) })
			})
		})
	}
}

func TestStopBeforeTheRunStartsNothing(t *testing.T) {
	both(t, 30*s, func(t *testing.T, p Profile) {
		f := &fake{}
		inBubble(t, p, f, func(tr *trial) { tr.Stop("interrupted", 5*s) }, func(tr *trial) {
			tr.wantTook(0)
			if sum := tr.sum(); len(f.began) != 0 || sum.Unsent != 0 || !sum.Final {
				t.Errorf("%d users, %d unsent, final %v", len(f.began), sum.Unsent, sum.Final)
			}
		})
	})
}

func TestADoneContextKillsTheRunAtOnce(t *testing.T) {
	for _, at := range []time.Duration{700 * time.Millisecond, 4200 * time.Millisecond, 9900 * time.Millisecond, 11500 * time.Millisecond} {
		for _, service := range []time.Duration{0, brief, time.Hour} {
			both(t, 30*s, func(t *testing.T, p Profile) {
				t.Run(fmt.Sprintf("at %v, iterations of %v", at, service), func(t *testing.T) {
					f := &fake{service: always(service), think: always(90 * time.Millisecond)}
					inBubble(t, p, f, func(tr *trial) { tr.at(at, tr.cancel) }, func(tr *trial) {
						if at < 10*s || service == time.Hour {
							tr.wantTook(at)
							if kinds := tr.events(); kinds[len(kinds)-1] != "killed" {
								t.Errorf("events %v", kinds)
							}
						}
						for _, it := range f.iterations {
							if it.start >= at && it.start%(100*time.Millisecond) != 0 {
								t.Errorf("%+v started with its context done", it)
							}
						}
					})
				})
			})
		}
	}
}

func TestUsersWithoutThinkTimeDoNotSpinOnADoneContext(t *testing.T) {
	for name, stop := range map[string]func(*trial){
		"killed":  func(tr *trial) { tr.cancel() },
		"stopped": func(tr *trial) { tr.Stop("interrupted", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{service: always(time.Hour)}
			inBubble(t, Users(50, 50, 20*s), f, func(tr *trial) { tr.at(5500*time.Millisecond, func() { stop(tr) }) }, func(*trial) {
				if n := len(f.iterations); n != 50 {
					t.Errorf("50 users started %d iterations", n)
				}
			})
		})
	}
}
