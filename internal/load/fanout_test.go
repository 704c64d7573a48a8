package load

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// thinking is a light closed load.
func thinking() *fake { return &fake{think: always(s)} }

func TestEveryObserverGetsEverySnapshotInOrder(t *testing.T) {
	seen := make([][]int, 3)
	inBubble(t, Users(1, 1, 20*s), thinking(), func(tr *trial) {
		for i := range seen {
			tr.observers = append(tr.observers, Observer{Blocking: i == 0, Observe: func(s *metric.Snapshot) error {
				time.Sleep(900 * time.Millisecond) // slow, but not too slow
				seen[i] = append(seen[i], s.Seq)
				return errors.New("of no interest")
			}})
		}
		tr.observers[0].Observe = func(s *metric.Snapshot) error { seen[0] = append(seen[0], s.Seq); return nil }
	}, func(tr *trial) {
		for i, got := range seen {
			var want []int
			for n := range tr.snaps {
				want = append(want, n)
			}
			if !slices.Equal(got, want) {
				t.Errorf("observer %d saw %v", i, got)
			}
		}
		if tr.err != nil {
			t.Errorf("an error that should be ignored: %v", tr.err)
		}
	})
}

func TestABlockingObserverIsWaitedForAndTheUsersGoOn(t *testing.T) {
	f := &fake{think: always(s)}
	var seen []int
	inBubble(t, Users(1, 1, 30*s), f, func(tr *trial) {
		tr.observers = []Observer{{Blocking: true, Observe: func(s *metric.Snapshot) error {
			if s.Seq == 2 {
				time.Sleep(8500 * time.Millisecond)
			}
			seen = append(seen, s.Seq)
			return nil
		}}}
	}, func(tr *trial) {
		if len(seen) != len(tr.snaps) || !slices.IsSorted(seen) {
			t.Errorf("it saw %v of %d", seen, len(tr.snaps))
		}
		if n := len(f.iterations); n != 30 {
			t.Errorf("%d iterations, want 30", n)
		}
		if lag := tr.sum().Health.ObserverLag; lag != 0 {
			t.Errorf("lag %d", lag)
		}
	})
}

func TestAJournalThatHangsDoesNotMoveTheEndOfTheLoad(t *testing.T) {
	// It takes its first snapshot at 1 s and hangs for 30 s: the queue is full long
	// before the load ends at 20 s, and so is the Runner's patience.
	f := &fake{service: always(100 * time.Millisecond)}
	p := Users(1, 1, 20*s)
	p.GracefulStop = 2 * s
	f.service = func(_, n int) time.Duration {
		if f.now() > 19*s {
			return time.Hour
		}
		return 100 * time.Millisecond
	}
	synctestRun(t, p, f, []Observer{{Blocking: true, Observe: func(s *metric.Snapshot) error {
		if s.Seq == 0 {
			time.Sleep(30 * time.Second)
		}
		return nil
	}}}, func(err error) {
		last := f.iterations[len(f.iterations)-1]
		if err != nil || !last.aborted || last.end != 22*s {
			t.Errorf("%v: the last iteration is %+v, want it cut off at 22s", err, last)
		}
		for _, it := range f.iterations {
			if it.start >= 20*s {
				t.Errorf("%+v started after the end", it)
			}
		}
	})
}

func TestASlowObserverLosesSnapshotsAndTheNextOnesSaySo(t *testing.T) {
	var (
		mu     sync.Mutex // of an observer that the Runner no longer waits for
		seen   []int
		seenAt []time.Duration
	)
	inBubble(t, Users(1, 1, 60*s), thinking(), func(tr *trial) {
		tr.observers = []Observer{{Observe: func(snap *metric.Snapshot) error {
			mu.Lock()
			seenAt, seen = append(seenAt, tr.fake.now()), append(seen, snap.Seq)
			mu.Unlock()
			time.Sleep(5500 * time.Millisecond)
			return nil
		}}}
	}, func(tr *trial) {
		lost := int64(0)
		for _, snap := range tr.snaps {
			lost += snap.Health.ObserverLag
		}
		// The Runner gave up on it 5 s after the end; no snapshot reaches it later.
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if !slices.IsSorted(seen) || len(seen) >= len(tr.snaps)-20 {
			t.Errorf("it saw %v of %d", seen, len(tr.snaps))
		}
		missed := int64(len(tr.snaps) - len(seen))
		if lost == 0 || lost > missed || lost < missed-observerQueue-2 {
			t.Errorf("%d snapshots lost, %d not seen", lost, missed)
		}
		if after := seenAt[len(seenAt)-1]; after > 66*s {
			t.Errorf("it was still shown snapshots at %v", after)
		}
	})
}

func TestAnErrorOfTheJournalStopsTheRunAndIsReturned(t *testing.T) {
	broken, second := errors.New("disk full"), errors.New("still full")
	both(t, 30*s, func(t *testing.T, p Profile) {
		f := &fake{service: always(brief)}
		calls := 0
		inBubble(t, p, f, func(tr *trial) {
			tr.observers = []Observer{{Name: "journal", Blocking: true, Observe: func(s *metric.Snapshot) error {
				calls++
				if s.Seq < 2 {
					return nil
				}
				if s.Seq == 2 {
					return broken
				}
				return second
			}}}
		}, func(tr *trial) {
			if !errors.Is(tr.err, broken) {
				t.Errorf("error %v", tr.err)
			}
			tr.wantTook(3 * s)
			if !tr.has("journal", 3*s) || calls != len(tr.snaps) {
				t.Errorf("events %v, %d of %d snapshots", tr.sum().Events, calls, len(tr.snaps))
			}
		})
	})
}

func TestAnErrorOfTheJournalsLastSnapshotIsReturned(t *testing.T) {
	broken := errors.New("disk full")
	for name, stuck := range map[string]bool{"alone": false, "behind an observer that is stuck": true} {
		t.Run(name, func(t *testing.T) {
			release := (chan struct{})(nil)
			inBubble(t, Users(1, 1, 5*s), thinking(), func(tr *trial) {
				release = make(chan struct{})
				if stuck {
					tr.observers = append(tr.observers, Observer{Observe: func(*metric.Snapshot) error { <-release; return nil }})
				}
				tr.observers = append(tr.observers, Observer{Blocking: true, Observe: func(s *metric.Snapshot) error {
					if !s.Final {
						return nil
					}
					time.Sleep(2 * observerEnd)
					return broken
				}})
			}, func(tr *trial) {
				close(release)
				if !errors.Is(tr.err, broken) {
					t.Errorf("error %v", tr.err)
				}
			})
		})
	}
}

func TestAStuckObserverDoesNotHangTheRun(t *testing.T) {
	var release chan struct{}
	inBubble(t, Users(1, 1, 30*s), thinking(), func(tr *trial) {
		release = make(chan struct{})
		for range 3 {
			tr.observers = append(tr.observers, Observer{Observe: func(*metric.Snapshot) error { <-release; return nil }})
		}
	}, func(tr *trial) {
		close(release)
		tr.wantEvents("measured", "end")
		if lost := tr.sum().Health.ObserverLag; lost == 0 {
			t.Error("nothing says that snapshots were lost")
		}
	})
}

func TestARunWithoutObserversRuns(t *testing.T) {
	f := thinking()
	synctestRun(t, Users(2, 1, 10*s), f, nil, func(err error) {
		if err != nil || len(f.iterations) != 19 {
			t.Errorf("%v, %d iterations", err, len(f.iterations))
		}
	})
}
