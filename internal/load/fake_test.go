package load

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An iteration is what a fake session did, in times since the start of the load.
type iteration struct {
	user            int
	due, start, end time.Duration
	aborted         bool
}

// A fake is a Script whose iterations take and think as long as its fields say,
// and which remembers all of them.
type fake struct {
	service func(user, n int) time.Duration // of the user's n-th iteration; nil: 0
	think   func(user, n int) time.Duration // after it; nil: 0
	newUser time.Duration                   // what NewUser takes
	slowEnd time.Duration                   // what a session takes to notice that its context is done
	idle    bool                            // sessions find nothing to do

	clock metric.Clock
	start time.Duration // of the load, on the clock

	mu         sync.Mutex
	iterations []iteration   // in the order of their ends
	began      []iteration   // users: user, start
	closed     []iteration   // users: user, end
	last       time.Duration // when the last thing happened
}

func always(d time.Duration) func(int, int) time.Duration {
	return func(int, int) time.Duration { return d }
}

func (f *fake) now() time.Duration { return f.clock.Now() - f.start }

func (f *fake) NewUser(id int, _ uint64) Session {
	f.mu.Lock()
	f.began = append(f.began, iteration{user: id, start: f.now()})
	f.mu.Unlock()
	time.Sleep(f.newUser)
	return &fakeUser{f, id, 0}
}

type fakeUser struct {
	*fake
	id, n int
}

func (u *fakeUser) Iterate(ctx context.Context, due time.Duration, rec *metric.Recorder) time.Duration {
	it := iteration{user: u.id, due: due - u.start, start: u.now()}
	n := u.n
	u.n++
	if u.fake.idle {
		rec.Idle()
	} else {
		s := metric.Sample{Due: due, Sent: u.clock.Now(), Status: 200, Begun: true}
		rec.Begin(s.Sent)
		if d := u.take(n); d > 0 {
			select {
			case <-time.After(d):
			case <-ctx.Done():
				time.Sleep(u.slowEnd)
				s.Outcome, it.aborted = metric.Aborted, true
			}
		}
		s.End = u.clock.Now()
		rec.Record(0, &s)
	}
	it.end = u.now()
	u.mu.Lock()
	u.iterations = append(u.iterations, it)
	u.last = max(u.last, it.end)
	u.mu.Unlock()
	if u.think == nil {
		return 0
	}
	return u.think(u.id, n)
}

func (u *fakeUser) take(n int) time.Duration {
	if u.service == nil {
		return 0
	}
	return u.service(u.id, n)
}

func (u *fakeUser) Close() {
	u.mu.Lock()
	u.closed = append(u.closed, iteration{user: u.id, end: u.now()})
	u.mu.Unlock()
}

// starts are the times at which iterations started, in order.
func (f *fake) starts() []time.Duration {
	var at []time.Duration
	for _, it := range f.iterations {
		at = append(at, it.start)
	}
	slices.Sort(at)
	return at
}

// alive is how many users had begun and not been closed at t.
func (f *fake) alive(t time.Duration) int {
	n := 0
	for _, u := range f.began {
		if u.start <= t {
			n++
		}
	}
	for _, u := range f.closed {
		if u.end <= t {
			n--
		}
	}
	return n
}

// A trial is a Runner in the bubble of a test, with its script and all it showed.
type trial struct {
	*Runner
	t         *testing.T
	fake      *fake
	observers []Observer
	ctx       context.Context
	cancel    context.CancelFunc

	snaps []*metric.Snapshot
	err   error
	took  time.Duration // when the last snapshot came
	plans sync.WaitGroup
}

// inBubble runs a profile under a fake clock: before, which may be nil, can set
// the trial up and plan what happens when; after can look at what came of it. The
// snapshots of every run are checked against what the sessions did.
func inBubble(t *testing.T, p Profile, f *fake, before, after func(*trial)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		f.clock = metric.NewClock()
		time.Sleep(3 * time.Second) // the run's clock is older than the load
		f.start = f.clock.Now()
		tr := &trial{t: t, fake: f}
		tr.ctx, tr.cancel = context.WithCancel(t.Context())
		defer tr.cancel()
		row := metric.Row{Persona: "p", Step: "s", Endpoint: metric.Endpoint{Method: "GET", Path: "/"}}
		tr.Runner = New(Config{
			RunID: "run", Profile: p, Script: f, Clock: f.clock, Seed: 1,
			Recorders: metric.NewRecorders(p.Model, []metric.Row{row}, 2),
		})
		if before != nil {
			before(tr)
		}
		watch := Observer{Name: "test", Blocking: true, Observe: func(s *metric.Snapshot) error {
			tr.snaps, tr.took = append(tr.snaps, s), f.now()
			return nil
		}}
		tr.err = tr.Run(tr.ctx, append([]Observer{watch}, tr.observers...)...)
		tr.plans.Wait()
		tr.check()
		if after != nil {
			after(tr)
		}
	})
}

// at plans a deed for a time since the start of the load.
func (tr *trial) at(d time.Duration, do func()) {
	tr.plans.Go(func() {
		time.Sleep(d)
		do()
	})
}

// check finds what must hold of every run.
func (tr *trial) check() {
	tr.t.Helper()
	var offset time.Duration
	order := map[metric.Period]int{metric.Warmup: 1, metric.Measured: 2, metric.Drain: 3}
	period := 1
	for i, s := range tr.snaps {
		if s.Seq != i || s.RunID != "run" {
			tr.t.Errorf("snapshot %d has sequence %d of run %q", i, s.Seq, s.RunID)
		}
		if s.Offset != offset || s.Length < 0 || s.Length > time.Second {
			tr.t.Errorf("snapshot %d covers %v and %v from there; the one before ended at %v", i, s.Offset, s.Length, offset)
		}
		offset = s.Offset + s.Length
		if order[s.Period] < period {
			tr.t.Errorf("snapshot %d is of period %s again", i, s.Period)
		}
		period = order[s.Period]
		if s.Final != (i == len(tr.snaps)-1) {
			tr.t.Errorf("snapshot %d of %d: final is %v", i, len(tr.snaps), s.Final)
		}
		if s.Length == 0 && !s.Final {
			tr.t.Errorf("snapshot %d, at %v, covers no time", i, s.Offset)
		}
	}
	if offset != tr.took {
		tr.t.Errorf("the snapshots end at %v, the run at %v", offset, tr.took)
	}
	sum := tr.sum()
	total := sum.Totals()
	done := len(tr.fake.iterations)
	if int(sum.Iterations) != done {
		tr.t.Errorf("%d iterations counted, %d done", sum.Iterations, done)
	}
	if got := int(total.Requests + sum.Idle); got != done {
		tr.t.Errorf("%d samples and idle iterations, %d iterations done", got, done)
	}
	if total.Requests != total.Response.Count+total.Failures.Count {
		tr.t.Errorf("%d requests, %d and %d times", total.Requests, total.Response.Count, total.Failures.Count)
	}
	if b, c := len(tr.fake.began), len(tr.fake.closed); b != c {
		tr.t.Errorf("%d users began, %d were closed", b, c)
	}
	if n := tr.alive.Load(); n != 0 {
		tr.t.Errorf("%d users are alive after the run", n)
	}
}

// sum is all snapshots together, or those of some periods.
func (tr *trial) sum(periods ...metric.Period) *metric.Snapshot {
	sum := &metric.Snapshot{}
	for _, s := range tr.snaps {
		if len(periods) == 0 || slices.Contains(periods, s.Period) {
			sum = metric.Merge(sum, s)
		}
	}
	return sum
}

// events are the kinds of a run's events, in order, without the first and last.
func (tr *trial) events() []string {
	var kinds []string
	for _, e := range tr.sum().Events {
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) < 2 || kinds[0] != "start" || kinds[len(kinds)-1] != "ended" {
		tr.t.Errorf("events %v", kinds)
		return kinds
	}
	return kinds[1 : len(kinds)-1]
}

// has reports whether the run had an event of a kind at a time.
func (tr *trial) has(kind string, at time.Duration) bool {
	return slices.ContainsFunc(tr.sum().Events, func(e metric.Event) bool { return e.Kind == kind && e.At == at })
}

func (tr *trial) wantEvents(want ...string) {
	tr.t.Helper()
	if got := tr.events(); !slices.Equal(got, want) {
		tr.t.Errorf("events %v, want %v", got, want)
	}
}

// wantNoneFrom says that no iteration started at t or later.
func (tr *trial) wantNoneFrom(t time.Duration) {
	tr.t.Helper()
	for _, it := range tr.fake.iterations {
		if it.start >= t {
			tr.t.Fatalf("user %d started an iteration at %v, after %v", it.user, it.start, t)
		}
	}
}

func (tr *trial) wantTook(want time.Duration) {
	tr.t.Helper()
	if tr.took != want {
		tr.t.Errorf("the run ended at %v, want %v", tr.took, want)
	}
}

// near allows for the rounding of a time to whole nanoseconds.
func near(a, b time.Duration) bool { return (a - b).Abs() <= 1 }

func wantTimes(t *testing.T, got, want []time.Duration) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d times, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !near(got[i], want[i]) {
			t.Errorf("time %d of %d is %v, want %v", i, len(got), got[i], want[i])
			return
		}
	}
}

func seconds(x float64) time.Duration { return time.Duration(math.Round(x * 1e9)) }

func closedStages(grace time.Duration, stages ...Stage) Profile {
	return Profile{Model: metric.Closed, Stages: stages, Staged: true, GracefulStop: grace}
}

func openStages(grace time.Duration, maxUsers int, stages ...Stage) Profile {
	return Profile{Model: metric.Open, Stages: stages, Staged: true, GracefulStop: grace, MaxUsers: maxUsers}
}

const s = time.Second

// synctestRun runs a profile under a fake clock with these observers alone.
func synctestRun(t *testing.T, p Profile, f *fake, observers []Observer, after func(error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.clock = metric.NewClock()
		r := New(Config{Profile: p, Script: f, Clock: f.clock, Recorders: metric.NewRecorders(p.Model, make([]metric.Row, 1), 1)})
		after(r.Run(t.Context(), observers...))
	})
}
