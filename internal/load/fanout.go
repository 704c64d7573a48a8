package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

const (
	observerQueue = 8               // snapshots that wait for an observer
	observerEnd   = 5 * time.Second // for an observer to end after the last snapshot
)

// A fanout hands each snapshot to every observer, on the observer's goroutine.
type fanout struct {
	queues []chan *metric.Snapshot
	block  []bool
	done   []chan struct{}
	quit   chan struct{} // closed: nobody waits for an observer any more
	lag    atomic.Int64  // snapshots dropped
	once   sync.Once
}

// newFanout starts the observers. fail is called with the first error of a
// blocking one.
func newFanout(observers []Observer, fail func(error)) *fanout {
	f := &fanout{quit: make(chan struct{})}
	for _, o := range observers {
		q, done := make(chan *metric.Snapshot, observerQueue), make(chan struct{})
		f.queues, f.block, f.done = append(f.queues, q), append(f.block, o.Blocking), append(f.done, done)
		go func() {
			defer close(done)
			for s := range q {
				select {
				case <-f.quit:
					return
				default:
				}
				if err := o.Observe(s); err != nil && o.Blocking {
					f.once.Do(func() { fail(err) })
				}
			}
		}()
	}
	return f
}

func (f *fanout) send(s *metric.Snapshot) {
	for i, q := range f.queues {
		if f.block[i] {
			q <- s
			continue
		}
		select {
		case q <- s:
		default:
			f.lag.Add(1)
		}
	}
}

// close ends the observers and waits for them: for those that block the run until
// they are done, for the others, such as a terminal that nobody reads, not for ever.
func (f *fanout) close() {
	defer close(f.quit)
	for i, q := range f.queues {
		close(q)
		if f.block[i] {
			defer func() { <-f.done[i] }()
		}
	}
	late := time.NewTimer(observerEnd)
	defer late.Stop()
	for _, done := range f.done {
		select {
		case <-done:
		case <-late.C:
			return // after the blocking ones
		}
	}
}
