package load

import (
	"strconv"
	"time"
)

// driveClosed starts and stops users as the profile's changes say, until the
// load stops.
func (r *Runner) driveClosed() {
	var stops []chan struct{} // of the users alive, the last started last
	started := 0              // an id is never given twice, so that no two users make up the same data
	plan := changes{stages: r.Profile.Stages}
	set := func(delta int, at time.Duration) {
		if delta > 0 {
			stop := make(chan struct{})
			stops = append(stops, stop)
			id := started
			started++
			r.spawn(func() { r.closedUser(id, at, stop) })
		} else if n := len(stops) - 1; n >= 0 {
			close(stops[n])
			stops = stops[:n]
		}
		r.target.Store(int64(len(stops)))
	}
	ch, ok := plan.next()
	for {
		if !ok {
			ch.at = r.Profile.Duration() + time.Hour // the Runner stops the load, or a command comes
		}
		woke, cmd := r.sleep(ch.at)
		switch {
		case cmd != nil:
			plan, ok = changes{}, false
			for len(stops) < cmd.users {
				set(+1, r.since())
			}
			for len(stops) > cmd.users {
				set(-1, 0)
			}
			r.note("users", strconv.Itoa(cmd.users))
		case !woke:
			return
		case ok:
			set(ch.delta, ch.at)
			ch, ok = plan.next()
		}
	}
}

// spawn runs a user on a goroutine of its own.
func (r *Runner) spawn(user func()) {
	r.users.Add(1)
	r.alive.Add(1)
	go func() {
		defer r.users.Done()
		defer r.alive.Add(-1)
		user()
	}()
}

// closedUser iterates and thinks in turn until it is stopped. In the closed
// model a user is due when it wakes, so that its response times are service
// times; how late it woke is start delay.
func (r *Runner) closedUser(id int, due time.Duration, stop <-chan struct{}) {
	session := r.Script.NewUser(id, r.Seed)
	defer session.Close()
	rec := r.Recorders.Shard(id)
	due += r.start()
	end := r.start() + r.Profile.Duration()
	var timer *time.Timer // made with the first think time
	timed := true         // the iteration to come has a due time of its own
	for {
		select { // with one case each, which costs no lock
		case <-stop:
			return
		default:
		}
		select {
		case <-r.stopping:
			return
		default:
		}
		ok, waited := r.gate.pass(stop, r.stopping)
		if !ok {
			return
		}
		now := r.Clock.Now()
		if now >= end { // though the Runner may not have said so yet
			return
		}
		if timed && !waited {
			rec.StartedLate(now - due)
		} else {
			rec.Started()
		}
		think := session.Iterate(r.sessions, now, rec)
		if timed = think > 0; !timed {
			continue
		}
		due = r.Clock.Now() + think
		if timer == nil {
			timer = time.NewTimer(think)
			defer timer.Stop()
		} else {
			timer.Reset(think)
		}
		select {
		case <-timer.C:
		case <-stop:
			return
		case <-r.stopping:
			return
		}
	}
}
