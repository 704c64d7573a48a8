package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/brianvoe/gofakeit/v7"
	"github.com/tidwall/gjson"

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

	elsewhere map[string]*client.Conn // of redirects to other origins; made with the first
	jar       http.CookieJar          // made with the first cookie
	tokens    *tokens                 // nil: no login
	token     *token                  // that the request under way carries

	source  rand.PCG
	random  rand.Rand // over source
	faker   *gofakeit.Faker
	trace   tracer
	counter int64
	slots   []slot
	pools   []pool

	iterations int     // done
	rows       []int32 // of each feed, in this iteration; -1: none taken yet

	wire    []byte   // of the request under way, unless all users share it
	sent    []byte   // the last request
	copied  *request // the static request that wire holds; nil: another
	request [3]string
	row     int // of the last request
	http    client.Request
	resp    client.Response
	sample  metric.Sample
	failed  failure // why the last request's answer was not correct
	unmade  error   // why the request under way could not be made
}

// A failure is what in a complete answer was not as it should be.
type failure struct {
	save  *save
	push  *extractor
	check *boundCheck
	token bool // there is none in the answer to the login
	err   error
}

// Iterate does one iteration: the start steps, if they are not done yet, and one
// task. See [load.Session].
func (u *session) Iterate(ctx context.Context, due time.Duration, rec *metric.Recorder) (think time.Duration) {
	u.turn()
	u.iterate(ctx, due, rec)
	u.iterations++
	if cap(u.wire) > 8<<10 {
		u.wire, u.sent, u.copied = nil, nil, nil
	}
	return u.draw(u.persona.think)
}

func (u *session) iterate(ctx context.Context, due time.Duration, rec *metric.Recorder) {
	if !u.started {
		ok := false
		if due, ok = u.run(ctx, due, u.persona.start, rec); !ok {
			return
		}
		u.started = true
	}
	if t := u.next(); t != nil {
		u.run(ctx, due, t.steps, rec)
	} else {
		rec.Idle()
	}
}

// Close ends the session and its connection.
func (u *session) Close() {
	u.resp.Release()
	if u.conn != nil {
		u.conn.Close()
	}
	for _, c := range u.elsewhere {
		c.Close()
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
func (u *session) run(ctx context.Context, due time.Duration, steps []request, rec taker) (end time.Duration, ok bool) {
	for i := range steps {
		if due, ok = u.step(ctx, &steps[i], due, rec); !ok {
			return due, false
		}
	}
	return due, true
}

// step does one step.
func (u *session) step(ctx context.Context, r *request, due time.Duration, rec taker) (end time.Duration, ok bool) {
	if r.when != nil {
		holds, err := u.holds(r.when, nil)
		if err != nil && r.row >= 0 {
			u.unmade = fmt.Errorf("when %s has no value: %w", shorten(r.when.source, 80), err)
			s := u.notSent(r, due)
			u.finish(r, s, rec)
			return s.End, false
		}
		if !holds {
			return due, ctx.Err() == nil
		}
	}
	if r.row < 0 {
		due += u.draw(*r.pause)
		return due, u.wait(ctx, due)
	}
	if ctx.Err() != nil || !u.fill(r) {
		return due, false
	}
	u.assign(r)
	if r.poll != nil {
		return u.pollStep(ctx, r, due, rec)
	}
	if r.token {
		if due, ok = u.authorize(ctx, due, rec); !ok {
			return due, false
		}
	}
	s := u.attempt(ctx, r, due, rec)
	if s.Outcome == metric.OK && r.http.Keep {
		s.Outcome = u.examine(r)
	}
	u.finish(r, s, rec)
	return s.End, s.Outcome == metric.OK
}

// assign makes the variables that the step sets.
func (u *session) assign(r *request) {
	for i := range r.sets {
		v := &u.slots[r.sets[i].slot]
		text := u.append(nil, r.sets[i].value) // which may read the variable itself
		if v.kind = slotText; r.sets[i].typed {
			text, v.kind = settled(text)
		}
		v.text = text
	}
}

// settled is a JSON value as a variable holds it.
func settled(j []byte) ([]byte, slotKind) {
	if r := gjson.ParseBytes(j); r.Type == gjson.String {
		return append(j[:0], r.Str...), slotText
	}
	return j, slotJSON
}

// pollStep sends a step's request until its answer is as wanted.
func (u *session) pollStep(ctx context.Context, r *request, due time.Duration, rec taker) (end time.Duration, ok bool) {
	first := due
	for n := 1; ; n++ {
		if r.token {
			if due, ok = u.authorize(ctx, due, rec); !ok {
				return due, false
			}
		}
		s := u.attempt(ctx, r, due, rec)
		done := s.Outcome != metric.OK
		if !done {
			holds, err := u.holds(&r.poll.until.boundExpression, &u.resp)
			next := s.End + r.poll.every.Min
			switch {
			case holds:
				s.Outcome, done = u.examine(r), true
			case r.poll.times > 0 && n >= r.poll.times, r.poll.time > 0 && next-first > r.poll.time:
				if err == nil {
					err = fmt.Errorf("given up after %d requests", n)
				}
				s.Outcome, u.failed, done = metric.Check, failure{check: &r.poll.until, err: err}, true
			}
		}
		ok = s.Outcome == metric.OK
		u.finish(r, s, rec)
		if done {
			return s.End, ok
		}
		if due = s.End + u.draw(r.poll.every); !u.wait(ctx, due) {
			return due, false
		}
		u.assign(r)
	}
}

// finish records the last request.
func (u *session) finish(r *request, s *metric.Sample, rec taker) {
	rec.Record(u.row, s)
	if s.Outcome != metric.OK && s.Outcome != metric.Aborted && rec.Exemplar(u.row, s.Class()) {
		rec.KeepExemplar(u.exemplar(r))
	}
	u.resp.Release()
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

// attempt sends a step's request, and those that redirects lead to, all of which
// but the last it records.
func (u *session) attempt(ctx context.Context, r *request, due time.Duration, rec taker) *metric.Sample {
	s := u.exchange(ctx, r, due)
	if r.redirect.Follow == 0 || s.Outcome != metric.OK && s.Outcome != metric.Status {
		return s
	}
	head, body, _ := bytes.Cut(u.sent, []byte("\r\n\r\n"))
	line := bytes.SplitN(head, []byte(" "), 3)
	method, at := r.method, u.urlOf(string(line[1]))
	for hops := 0; ; hops++ {
		next, problem := u.redirected(r, method, at, body, hops)
		if problem != "" && s.Outcome == metric.Status {
			u.failed.err = errors.New(problem)
		}
		if next == nil {
			return s
		}
		next.body = bytes.Clone(next.body)
		s.Outcome = metric.OK // the step says to follow it
		u.finish(r, s, rec)
		method, at, body = next.method, next.url, next.body
		s = u.hop(ctx, r, next, s.End)
		if s.Outcome != metric.OK && s.Outcome != metric.Status {
			return s
		}
	}
}

// hop sends the request that a redirect asks for.
func (u *session) hop(ctx context.Context, r *request, h *hop, due time.Duration) *metric.Sample {
	u.row, u.failed, u.unmade, u.copied = r.hopRow, failure{}, nil, nil
	conn, err := u.connTo(h.url)
	if err == nil {
		u.wire, err = u.appendHop(u.wire[:0], r, h)
	}
	if err != nil {
		u.unmade = err
		return u.notSent(r, due)
	}
	u.http = r.http
	u.http.Wire, u.http.NoBody, u.sent = u.wire, h.method == "HEAD", u.wire
	u.sample.Due = due
	conn.Exchange(ctx, &u.http, &u.resp, &u.sample)
	if len(u.resp.Cookies) > 0 {
		u.keepCookies(h.url)
	}
	return &u.sample
}

// exchange sends a step's request. Sample and answer are the session's until the
// next exchange.
func (u *session) exchange(ctx context.Context, r *request, due time.Duration) *metric.Sample {
	req := u.prepare(r)
	u.row = r.row
	if u.unmade != nil {
		return u.notSent(r, due)
	}
	u.sample.Due = due
	u.failed = failure{}
	u.conn.Exchange(ctx, req, &u.resp, &u.sample)
	if len(u.resp.Cookies) > 0 {
		_, target, _ := bytes.Cut(u.sent, []byte(" "))
		target, _, _ = bytes.Cut(target, []byte(" "))
		u.keepCookies(u.urlOf(string(target)))
	}
	if u.sample.Status == http.StatusUnauthorized && r.token {
		u.refused(u.sample.End)
	}
	return &u.sample
}

// notSent is the sample of a request that could not be made: the scenario asks for
// a value that is not there.
func (u *session) notSent(r *request, due time.Duration) *metric.Sample {
	u.resp.Release()
	now := u.script.clock.Now()
	u.sample = metric.Sample{Due: due, Sent: now, End: now, Outcome: metric.Extract}
	u.failed = failure{err: u.unmade}
	u.row, u.sent, u.copied = r.row, nil, nil
	return &u.sample
}

// prepare is the step's request as this user sends it.
func (u *session) prepare(r *request) *client.Request {
	u.unmade = nil
	if r.fixed && u.jar == nil {
		if r.traceAt == 0 {
			u.sent = r.http.Wire
			return &r.http
		}
		// A copy of the user's own, in which only the ids change.
		if u.copied != r {
			u.wire = append(u.wire[:0], r.http.Wire...)
			u.http = r.http
			u.http.Wire, u.copied = u.wire, r
		}
		u.sent = u.wire
		u.trace.write(u.wire[r.traceAt:])
		return &u.http
	}
	if u.wire == nil {
		u.wire = make([]byte, 0, 512)
	}
	var err error
	u.wire, err = r.appendWire(u.wire[:0], u)
	if err != nil && u.unmade == nil {
		u.unmade = err
	}
	u.copied = nil
	u.http = r.http
	u.http.Wire, u.sent = u.wire, u.wire
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
		if ok, err := u.holds(&c.boundExpression, &u.resp); !ok {
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

// fakes is the user's source of fake data.
func (u *session) fakes() *gofakeit.Faker {
	if u.faker == nil {
		u.faker = gofakeit.NewFaker(&u.source, false)
	}
	return u.faker
}
