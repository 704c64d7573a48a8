package load

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// lastCall is how late an arrival of the profile's last moments may still start
// once the profile is over: the dispatcher's own lateness must cost none of them.
const lastCall = 100 * time.Millisecond

// A crew is the open model's users. Those that wait for work are taken the last
// to finish first: its connection is the warmest. Arrivals that find every user in
// flight wait in turn for the first that is free.
type crew struct {
	mu       sync.Mutex
	free     []chan time.Duration
	waiting  []time.Duration // due times; none while a user is free
	patience time.Duration   // an arrival waits for no longer
	dropped  *atomic.Int64   // arrivals that no user came to
}

// take is a user for the arrival due at a time. With none free and enlist, the
// arrival is the caller's to place: to a new user. Else it waits, unless nobody may.
func (c *crew) take(due time.Duration, enlist bool) (u chan time.Duration, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free) - 1; n >= 0 {
		u = c.free[n]
		c.free = c.free[:n]
		return u, false
	}
	if enlist || c.patience <= 0 {
		return nil, false
	}
	c.prune(due)
	c.waiting = append(c.waiting, due)
	return nil, true
}

// give offers a user that has finished at the time now: to the arrival that has
// waited longest, whose due time it returns, or to those to come.
func (c *crew) give(u chan time.Duration, now time.Duration) (due time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prune(now)
	if len(c.waiting) > 0 {
		due, ok = c.waiting[0], true
		c.waiting = c.waiting[1:]
		return due, ok
	}
	c.waiting = nil // and what it grew to
	c.free = append(c.free, u)
	return 0, false
}

// prune drops the arrivals whose patience is over.
func (c *crew) prune(now time.Duration) {
	for len(c.waiting) > 0 && now-c.waiting[0] > c.patience {
		c.waiting = c.waiting[1:]
		c.dropped.Add(1)
	}
}

// dismiss ends the waiting of all arrivals; none waits afterwards.
func (c *crew) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped.Add(int64(len(c.waiting)))
	c.waiting, c.patience = nil, 0
}

// driveOpen hands each arrival, when it is due, to an idle user, or to a new
// one. With all users in flight and no more allowed, the arrival waits for a user:
// that is the target's doing, and counted apart from a late start. One that no
// user comes to in time is dropped and counted. An arrival that the dispatcher is
// late for, or that waits, keeps its due time, so that the response time carries
// the delay: there is no silent burst and no omission.
func (r *Runner) driveOpen() {
	var (
		crew    = crew{patience: r.Patience, dropped: &r.dropped}
		work    []chan time.Duration // of every user, idle or not
		pacer   = NewPacer(&r.Profile, r.Seed)
		offset  time.Duration // of the pacer's start
		last    = r.Profile.Duration()
		due, ok = pacer.Next()
	)
	defer func() {
		crew.dismiss()
		for _, w := range work {
			close(w)
		}
	}()
	arrive := func(at time.Duration) {
		if r.gate.closed.Load() != nil {
			return // paused: nothing is due
		}
		at += r.start()
		enlist := len(work) < r.Profile.MaxUsers
		u, waits := crew.take(at, enlist)
		switch {
		case u != nil:
			u <- at
		case waits:
		case enlist:
			u := make(chan time.Duration, 1)
			u <- at
			id := len(work)
			work = append(work, u)
			r.target.Store(int64(len(work)))
			r.spawn(func() { r.openUser(id, u, &crew) })
		default:
			r.dropped.Add(1)
		}
	}
	for {
		at := offset + due
		if !ok {
			at = last + time.Hour // the Runner stops the load, or a command comes
		}
		woke, cmd := r.sleep(at)
		switch {
		case cmd != nil:
			now := r.since()
			for ; ok && offset+due < now; due, ok = pacer.Next() {
				arrive(offset + due)
			}
			rest := Profile{Stages: []Stage{{0, cmd.rate}, {last - now, cmd.rate}}, Arrivals: r.Profile.Arrivals}
			offset, pacer = now, NewPacer(&rest, r.Seed+uint64(now))
			due, ok = pacer.Next()
			r.note("rate", strconv.FormatFloat(cmd.rate, 'g', -1, 64)+"/s")
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
// closed, and for arrivals that wait.
func (r *Runner) openUser(id int, work chan time.Duration, crew *crew) {
	session := r.Script.NewUser(id, r.Seed)
	defer session.Close()
	rec := r.Recorders.Shard(id)
	for due := range work {
		rec.StartedLate(r.Clock.Now() - due)
		for waited := true; waited; {
			session.Iterate(r.sessions, due, rec)
			if due, waited = r.waiting(crew, work); waited {
				rec.Waited()
			}
		}
	}
}

// waiting is the arrival that has waited longest for the user of work, who has
// finished; else the user is free.
func (r *Runner) waiting(crew *crew, work chan time.Duration) (due time.Duration, ok bool) {
	if due, ok = crew.give(work, r.Clock.Now()); !ok {
		return 0, false
	}
	ok, _ = r.gate.pass(nil, r.stopping)
	select {
	case <-r.stopping:
		ok = false
	default:
	}
	if !ok {
		r.dropped.Add(1)
	}
	return due, ok
}
