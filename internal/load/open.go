package load

import (
	"sync"
	"time"
)

// lastCall is how late an arrival of the profile's last moments may still start
// once the profile is over: the dispatcher's own lateness must cost none of them.
const lastCall = 100 * time.Millisecond

// idlers are the open model's users that wait for work, the last to finish
// first: its connection is the warmest.
type idlers struct {
	mu   sync.Mutex
	free []chan time.Duration
}

func (i *idlers) push(u chan time.Duration) {
	i.mu.Lock()
	i.free = append(i.free, u)
	i.mu.Unlock()
}

func (i *idlers) pop() (u chan time.Duration, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.free) - 1
	if n < 0 {
		return nil, false
	}
	u = i.free[n]
	i.free = i.free[:n]
	return u, true
}

// driveOpen hands each arrival, when it is due, to an idle user, or to a new
// one. An arrival that finds neither is dropped and counted. One that the
// dispatcher is late for keeps its due time, so that the response time carries
// the delay: there is no silent burst and no omission.
func (r *Runner) driveOpen() {
	var (
		idle    idlers
		work    []chan time.Duration // of every user, idle or not
		pacer   = NewPacer(&r.Profile)
		offset  time.Duration // of the pacer's start
		last    = r.Profile.Duration()
		timer   = time.NewTimer(time.Hour)
		due, ok = pacer.Next()
	)
	defer timer.Stop()
	defer func() {
		for _, w := range work {
			close(w)
		}
	}()
	arrive := func(at time.Duration) {
		if r.gate.closed.Load() != nil {
			return // paused: nothing is due
		}
		u, found := idle.pop()
		switch {
		case found:
			u <- r.start() + at
		case len(work) < r.Profile.MaxUsers:
			u := make(chan time.Duration, 1)
			u <- r.start() + at
			id := len(work)
			work = append(work, u)
			r.target.Store(int64(len(work)))
			r.spawn(func() { r.openUser(id, u, &idle) })
		default:
			r.dropped.Add(1)
		}
	}
	for {
		at := offset + due
		if !ok {
			at = last + time.Hour // the Runner stops the load, or a command comes
		}
		woke, cmd := r.sleep(timer, at)
		switch {
		case cmd != nil:
			now := r.since()
			for ; ok && offset+due < now; due, ok = pacer.Next() {
				arrive(offset + due)
			}
			offset, pacer = now, newConstantPacer(cmd.rate, last-now)
			due, ok = pacer.Next()
			r.note("rate", "set by hand")
		case !woke:
			for ; ok && offset+due < r.stopAt; due, ok = pacer.Next() {
				if r.stopAt >= last && r.since()-(offset+due) <= lastCall {
					arrive(offset + due)
				} else {
					r.unsent.Add(1)
				}
			}
			return
		case ok:
			arrive(at)
			due, ok = pacer.Next()
		}
	}
}

// openUser does an iteration for each due time that it is handed, until work is
// closed.
func (r *Runner) openUser(id int, work chan time.Duration, idle *idlers) {
	session := r.Script.NewUser(id, r.Seed)
	defer session.Close()
	rec := r.Recorders.Shard(id)
	for due := range work {
		rec.StartedLate(r.Clock.Now() - due)
		session.Iterate(r.sessions, due, rec)
		idle.push(work)
	}
}
