package scenarios

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/brianvoe/gofakeit/v7"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// A session is one virtual user: a [load.Session]. It holds no more than the
// user must remember, for thousands of them wait at a time.
type session struct {
	script  *Script
	persona *persona
	id      int
	started bool // the start steps are done
	conn    *client.Conn

	source  rand.PCG
	random  rand.Rand // over source
	faker   *gofakeit.Faker
	counter int64
	slots   []slot
	pools   []pool

	wire   []byte // of the request under way, unless it is fixed
	http   client.Request
	resp   client.Response
	sample metric.Sample
	failed failure // why the last request's answer was not correct
}

// A failure is what in a complete answer was not as it should be.
type failure struct {
	save  *save
	push  *extractor
	check *boundCheck
	err   error
}

// Iterate does one iteration: the start steps, if they are not done yet, and one
// task. See [load.Session].
func (u *session) Iterate(ctx context.Context, due time.Duration, rec *metric.Recorder) (think time.Duration) {
	if !u.started {
		ok := false
		if due, ok = u.run(ctx, due, u.persona.start, rec); !ok {
			return u.draw(u.persona.think)
		}
		u.started = true
	}
	if t := u.next(); t != nil {
		u.run(ctx, due, t.steps, rec)
	} else {
		rec.Idle()
	}
	if cap(u.wire) > 8<<10 {
		u.wire = nil
	}
	return u.draw(u.persona.think)
}

// Close ends the session and its connection.
func (u *session) Close() {
	u.resp.Release()
	if u.conn != nil {
		u.conn.Close()
	}
}

// next draws one of the tasks whose pools hold what they need; nil if there is
// none.
func (u *session) next() *task {
	tasks := u.persona.tasks
	total := 0
	for i := range tasks {
		if u.runnable(&tasks[i]) {
			total += tasks[i].weight
		}
	}
	if total == 0 {
		return nil
	}
	n := int(u.random.Uint64N(uint64(total)))
	for i := range tasks {
		if !u.runnable(&tasks[i]) {
			continue
		}
		if n -= tasks[i].weight; n < 0 {
			return &tasks[i]
		}
	}
	return nil
}

func (u *session) runnable(t *task) bool {
	for pool, n := range t.needs {
		if len(u.pools[pool].members) < n {
			return false
		}
	}
	return true
}

// run does steps in order, the first of them due at the given time. It returns
// when the step after them would be due, and whether all went well; the first
// failure ends it.
func (u *session) run(ctx context.Context, due time.Duration, steps []request, rec *metric.Recorder) (end time.Duration, ok bool) {
	for i := range steps {
		r := &steps[i]
		if r.row < 0 {
			pause := u.draw(*r.pause)
			due += pause
			if !u.wait(ctx, due) {
				return due, false
			}
			continue
		}
		if ctx.Err() != nil || !u.fill(r) {
			return due, false
		}
		s := u.exchange(ctx, r, due)
		rec.Record(r.row, s)
		if s.Outcome != metric.OK {
			if s.Outcome != metric.Aborted && rec.Exemplar(r.row, s.Class()) {
				rec.KeepExemplar(u.exemplar(r))
			}
			u.resp.Release()
			return s.End, false
		}
		u.resp.Release()
		due = s.End
	}
	return due, true
}

// wait waits until the given time of the run's clock; it is false when ctx ended
// first.
func (u *session) wait(ctx context.Context, until time.Duration) bool {
	d := until - u.script.clock.Now()
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// draw is a time of the range.
func (u *session) draw(r Range) time.Duration {
	if r.Max <= r.Min {
		return r.Min
	}
	return r.Min + time.Duration(u.random.Uint64N(uint64(r.Max-r.Min)+1))
}

// fill makes the variables that the step draws from pools.
func (u *session) fill(r *request) bool {
	for _, d := range r.draws {
		p := &u.pools[d.pool]
		if len(p.members) == 0 {
			return false
		}
		i := int(u.random.Uint64N(uint64(len(p.members))))
		m := p.members[i]
		if d.take {
			p.take(i)
		}
		v := &u.slots[d.slot]
		v.kind, v.text = m.kind, append(v.text[:0], m.text...)
	}
	return true
}

// exchange sends a step's request and takes from the answer what the step wants.
// Sample and answer are the session's until the next exchange.
func (u *session) exchange(ctx context.Context, r *request, due time.Duration) *metric.Sample {
	req := u.prepare(r)
	u.sample.Due = due
	u.failed = failure{}
	u.conn.Exchange(ctx, req, &u.resp, &u.sample)
	if u.sample.Outcome == metric.OK && req.Keep {
		u.sample.Outcome = u.examine(r)
	}
	return &u.sample
}

// prepare is the step's request as this user sends it.
func (u *session) prepare(r *request) *client.Request {
	if r.fixed {
		return &r.http
	}
	if u.wire == nil {
		u.wire = make([]byte, 0, 512)
	}
	var err error
	u.wire, err = r.appendWire(u.wire[:0], u)
	if err != nil {
		panic("scenarios: a request that compiled cannot be sent: " + err.Error()) // values are encoded
	}
	u.http = r.http
	u.http.Wire = u.wire
	return &u.http
}

// examine saves, checks and fills pools.
func (u *session) examine(r *request) metric.Outcome {
	for i := range r.saves {
		v := &u.slots[r.saves[i].slot]
		v.text, v.kind = r.saves[i].save.from.append(v.text[:0], &u.resp)
		if v.kind == slotEmpty {
			u.failed = failure{save: r.saves[i].save}
			return metric.Extract
		}
	}
	for i := range r.checks {
		c := &r.checks[i]
		if ok, err := c.holds(u.answer(c)); !ok {
			u.failed = failure{check: c, err: err}
			return metric.Check
		}
	}
	for _, p := range r.pushes {
		var m member
		if p.from != nil {
			var text []byte
			if text, m.kind = p.from.append(nil, &u.resp); m.kind == slotEmpty {
				u.failed = failure{push: p.from}
				return metric.Extract
			}
			m.text = view(text)
		} else {
			m.kind, m.text = u.slots[p.slot].kind, string(u.slots[p.slot].text)
		}
		u.pools[p.pool].push(m)
	}
	return metric.OK
}

// answer is the last answer as a check sees it.
func (u *session) answer(c *boundCheck) answer {
	return answer{resp: &u.resp, variable: func(name string) any { return u.slots[c.slots[name]].value() }}
}

// fakes is the user's source of fake data.
func (u *session) fakes() *gofakeit.Faker {
	if u.faker == nil {
		u.faker = gofakeit.NewFaker(&u.source, false)
	}
	return u.faker
}
