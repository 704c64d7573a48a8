package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// Config is what a Runner runs.
type Config struct {
	RunID     string
	Profile   Profile
	Script    Script
	Recorders *metric.Recorders
	Clock     metric.Clock
	Seed      uint64
	Interval  time.Duration // between snapshots; 0: 1 s
	Monitor   *Monitor      // the generator's own health; nil: not watched
	Waiter    Waiter        // of the dispatcher, closed at the end of Run; nil: a timer's

	// Patience is how long an arrival of the open model that found every user in
	// flight may wait for one before it is dropped: as long as its request could
	// have taken. 0: none waits.
	Patience time.Duration
}

// A Runner runs a Profile: it starts users and iterations when they are due,
// takes a snapshot each interval and hands it to the observers. A Runner is used
// once.
type Runner struct {
	Config
	begin    atomic.Int64 // on the clock: when the load started; -1 before
	sessions context.Context
	kill     context.CancelFunc // ends sessions

	stopping chan struct{} // closed: start nothing more
	stopAt   time.Duration // since start; valid once stopping is closed
	atStop   int           // users alive then; likewise
	deadline time.Duration // guarded by mu; likewise: when the graceful stop is over
	nearer   chan struct{} // told when the deadline came nearer

	commands chan command // to the driver, which the Waiter then wakes
	gate     gate
	users    sync.WaitGroup
	alive    atomic.Int64
	target   atomic.Int64
	dropped  atomic.Int64
	unsent   atomic.Int64

	mu     sync.Mutex
	events []metric.Event
	failed error // of the blocking observer
}

// A command changes what the driver aims at.
type command struct {
	users int     // closed model
	rate  float64 // open model
}

// New is a Runner for c, whose profile has been validated.
func New(c Config) *Runner {
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	r := &Runner{
		Config: c, stopping: make(chan struct{}), nearer: make(chan struct{}, 1), commands: make(chan command, 1),
	}
	if r.Waiter == nil {
		r.Waiter = NewTimer()
	}
	r.begin.Store(-1)
	return r
}

// Run runs the profile to its end and returns when every goroutine of the run
// has ended. Done ctx ends everything at once, the requests under way being
// recorded as aborted; to stop gracefully, call Stop. The error is the blocking
// observer's.
func (r *Runner) Run(ctx context.Context, observers ...Observer) error {
	// The sessions end after the load has stopped, never before: a user whose
	// requests fail at once must not start another iteration.
	r.sessions, r.kill = context.WithCancel(context.WithoutCancel(ctx))
	defer r.kill()
	defer r.Waiter.Close()
	r.begin.Store(int64(r.Clock.Now()))
	out := newFanout(observers, func(err error) {
		r.mu.Lock()
		r.failed = err
		r.mu.Unlock()
		r.Stop("journal", 0)
	})
	if r.Monitor != nil {
		r.Monitor.start()
		defer r.Monitor.stop()
	}

	idle := make(chan struct{}) // closed when the driver and every user have ended
	go func() {
		defer close(idle)
		if r.Profile.Model == metric.Open {
			r.driveOpen()
		} else {
			r.driveClosed()
		}
		r.users.Wait()
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.end(ctx, idle)
	}()
	stopCtx := context.AfterFunc(ctx, func() {
		r.Stop("killed", 0)
		r.kill()
	})
	defer stopCtx()

	r.note("start", "")
	from := time.Duration(0)
	seq := 0
	observe := func(period metric.Period, users int, final bool) {
		now := r.since()
		s := r.Recorders.Take()
		s.InFlight = r.Recorders.InFlight(r.start() + now)
		s.RunID, s.Seq, s.Period, s.Final = r.RunID, seq, period, final
		s.Offset, s.Length = from, now-from
		s.Users, s.Target = users, int(r.target.Load())
		s.Nominal = nominal(&r.Profile, from, now)
		s.Dropped, s.Unsent = r.dropped.Swap(0), r.unsent.Swap(0)
		if r.Monitor != nil {
			s.Health = r.Monitor.Take()
		}
		s.Health.ObserverLag = out.lag.Swap(0)
		for i := range s.Exemplars {
			s.Exemplars[i].At -= r.start()
		}
		r.mu.Lock()
		s.Events, r.events = r.events, nil
		r.mu.Unlock()
		out.send(s)
		from, seq = now, seq+1
	}

	period := metric.Warmup
	if r.Profile.Warmup == 0 {
		period = metric.Measured
	}
	end := r.Profile.Duration()
	timer := time.NewTimer(0)
	defer timer.Stop()
running:
	for {
		next := from.Truncate(r.Interval) + r.Interval
		if period == metric.Warmup {
			next = min(next, r.Profile.Warmup)
		}
		border := timer.C
		if timer.Reset(next - r.since()); next >= end {
			border = nil // the stop ends this interval
		}
		select {
		case <-border:
		case <-r.stopping:
			break running
		}
		observe(period, int(r.alive.Load()), false)
		if period == metric.Warmup && next == r.Profile.Warmup {
			period = metric.Measured
			r.note("measured", "")
		}
	}
	if from < r.stopAt {
		observe(period, r.atStop, false)
	}

	// Drain: wait for the users; end sees to it that they have only the grace period.
draining:
	for {
		timer.Reset(from.Truncate(r.Interval) + r.Interval - r.since())
		select {
		case <-idle:
			break draining
		case <-timer.C:
			observe(metric.Drain, int(r.alive.Load()), false)
		}
	}
	<-ended
	r.note("ended", "")
	observe(metric.Drain, 0, true)
	out.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// end stops the load when the profile is over and cuts the sessions off when the
// grace period is, whatever a snapshot may be waiting for. It returns when no
// user is left or none has a session any more.
func (r *Runner) end(ctx context.Context, idle <-chan struct{}) {
	timer := time.NewTimer(r.Profile.Duration() - r.since())
	defer timer.Stop()
	select {
	case <-timer.C:
		r.Stop("end", r.Profile.GracefulStop)
	case <-r.stopping:
	}
	for {
		r.mu.Lock()
		deadline := r.deadline
		r.mu.Unlock()
		timer.Reset(deadline - r.since())
		select {
		case <-idle:
			return
		case <-r.nearer:
		case <-timer.C:
			if ctx.Err() == nil {
				r.note("aborted", "the graceful stop was over; requests still under way were cut off")
			}
			r.kill()
			return
		}
	}
}

// start is when the load started, on the clock.
func (r *Runner) start() time.Duration { return time.Duration(r.begin.Load()) }

// since is the time since the start of the load; 0 before it.
func (r *Runner) since() time.Duration {
	if start := r.start(); start >= 0 {
		return r.Clock.Now() - start
	}
	return 0
}

// Note adds an event to the next snapshot, and so to the journal. It may be
// called by an observer.
func (r *Runner) Note(kind, text string) { r.note(kind, text) }

// note adds an event to the next snapshot.
func (r *Runner) note(kind, text string) {
	r.mu.Lock()
	r.events = append(r.events, metric.Event{At: r.since(), Kind: kind, Note: text})
	r.mu.Unlock()
}

// Stop ends the load: no iteration starts any more, those under way have until
// grace is over. A later call can only bring that moment nearer. The reason
// becomes the kind of an event: "end", "interrupted", ...
func (r *Runner) Stop(reason string, grace time.Duration) {
	r.note(reason, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.since()
	select {
	case <-r.stopping:
		r.deadline = min(r.deadline, now+grace)
	default:
		r.stopAt, r.deadline = now, now+grace
		r.atStop = int(r.alive.Load())
		close(r.stopping)
		r.Waiter.Wake()
	}
	select {
	case r.nearer <- struct{}{}:
	default:
	}
}

// Pause lets running iterations end and starts no new ones until Resume. The
// profile's time goes on.
func (r *Runner) Pause() {
	if r.gate.close() {
		r.note("pause", "")
	}
}

// Resume ends a pause.
func (r *Runner) Resume() {
	if r.gate.open() {
		r.note("resume", "")
	}
}

// SetUsers makes a closed run aim at n users from now to its end, whatever the
// profile says. An open run ignores it.
func (r *Runner) SetUsers(n int) {
	if r.Profile.Model == metric.Closed {
		r.command(command{users: max(n, 0)})
	}
}

// SetRate makes an open run aim at perSecond arrivals from now to its end,
// whatever the profile says. A closed run ignores it.
func (r *Runner) SetRate(perSecond float64) {
	if r.Profile.Model == metric.Open {
		r.command(command{rate: perSecond})
	}
}

func (r *Runner) command(c command) {
	select {
	case r.commands <- c:
		r.Waiter.Wake()
	case <-r.stopping:
	}
}

// sleep waits until the time since the start of the load is t; false: the load
// is stopping, or a command came, which is then returned.
func (r *Runner) sleep(t time.Duration) (ok bool, c *command) {
	for {
		select {
		case <-r.stopping:
			return false, nil
		default:
		}
		select {
		case c := <-r.commands:
			return false, &c
		default:
		}
		wait := t - r.since()
		if wait <= 0 {
			return true, nil
		}
		r.Waiter.Wait(wait)
	}
}

// A gate holds users back during a pause; the zero value is open. Passing an
// open gate costs one atomic load.
type gate struct {
	mu     sync.Mutex
	closed atomic.Pointer[chan struct{}]
}

func (g *gate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed.Load() != nil {
		return false
	}
	ch := make(chan struct{})
	g.closed.Store(&ch)
	return true
}

func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ch := g.closed.Swap(nil)
	if ch == nil {
		return false
	}
	close(*ch)
	return true
}

// pass waits until the gate is open; false: stop or stopping was closed first.
// waited tells that it was shut.
func (g *gate) pass(stop, stopping <-chan struct{}) (ok, waited bool) {
	for {
		ch := g.closed.Load()
		if ch == nil {
			return true, waited
		}
		waited = true
		select {
		case <-*ch:
		case <-stop:
			return false, waited
		case <-stopping:
			return false, waited
		}
	}
}
