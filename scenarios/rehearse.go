package scenarios

import (
	"context"
	"slices"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// A Rehearsed is one exchange of Rehearse. What it refers to is valid until the
// callback returns.
type Rehearsed struct {
	Persona  string
	Step     string
	Endpoint metric.Endpoint
	Wire     []byte // the request as it was sent, secrets and all; nil: it could not be made
	Sample   *metric.Sample
	Response *client.Response
	Message  string // what went wrong, in one line, redacted; empty for a success
}

// Rehearse sends every step once, as far as the answers let it: a user of each
// persona runs the start steps and then every task, those last that take members
// out of pools or delete. Pauses are left out, and so are conditions: a step whose
// `when` does not hold is told of as not sent. A step that fails ends its task, and
// observe gets the task's other steps as not sent, with the reason.
func (sc *Script) Rehearse(ctx context.Context, observe func(*Rehearsed)) {
	for i, p := range sc.personas {
		u := sc.newSession(p, 1<<30+i, sc.seed)
		u.rehearse(ctx, &rehearsal{u: u, observe: observe})
		u.Close()
	}
}

// A rehearsal is the taker of a session that hands each exchange on.
type rehearsal struct {
	u       *session
	observe func(*Rehearsed)
	last    string // message of the last failure
	at      *request
}

func (h *rehearsal) Record(row int, s *metric.Sample) {
	h.last = ""
	r := h.u.script.rows[row]
	out := &Rehearsed{Persona: r.Persona, Step: r.Step, Endpoint: r.Endpoint, Wire: h.u.sent, Sample: s, Response: &h.u.resp}
	if s.Outcome != metric.OK && s.Outcome != metric.Aborted && h.at != nil {
		h.last = h.u.message(h.at)
		out.Message = h.last
	}
	h.observe(out)
}

func (*rehearsal) Begin(time.Duration) {}

func (h *rehearsal) Exemplar(int, metric.Class) bool { return false }
func (h *rehearsal) KeepExemplar(metric.Exemplar)    {}

func (u *session) rehearse(ctx context.Context, h *rehearsal) {
	u.turn()
	ok := u.rehearseSteps(ctx, u.persona.start, h)
	tasks := make([]*task, 0, len(u.persona.tasks))
	for i := range u.persona.tasks {
		tasks = append(tasks, &u.persona.tasks[i])
	}
	slices.SortStableFunc(tasks, func(a, b *task) int { return a.removes() - b.removes() })
	for again := ok; again && len(tasks) > 0 && ctx.Err() == nil; {
		again = false
		left := tasks[:0:0]
		for _, t := range tasks {
			if !u.runnable(t) {
				left = append(left, t)
				continue
			}
			again = true
			u.rehearseSteps(ctx, t.steps, h)
			u.iterations++
			u.turn()
		}
		tasks = left
	}
	why := "the pools that it draws from stayed empty"
	if !ok {
		why = "a start step failed: " + h.last
	}
	for _, t := range tasks {
		u.unsent(t.steps, why, h)
	}
}

// removes orders tasks: 1 where one takes members out of a pool or deletes.
func (t *task) removes() int {
	for i := range t.steps {
		if t.steps[i].method == "DELETE" || slices.ContainsFunc(t.steps[i].draws, func(d boundDraw) bool { return d.take }) {
			return 1
		}
	}
	return 0
}

// rehearseSteps sends steps in order, and reports whether all went well.
func (u *session) rehearseSteps(ctx context.Context, steps []request, h *rehearsal) bool {
	for i := range steps {
		if steps[i].row < 0 {
			continue
		}
		if w := steps[i].when; w != nil {
			if holds, err := u.holds(w, nil); err == nil && !holds {
				u.unsent(steps[i:i+1], "its condition does not hold: "+shorten(w.source, 80), h)
				continue
			}
		}
		r := steps[i] // a copy that keeps its answers whole
		r.http.Keep = true
		h.at = &r
		if _, ok := u.step(ctx, &r, u.script.clock.Now(), h); !ok {
			u.unsent(steps[i+1:], "an earlier step of its task failed: "+h.last, h)
			return false
		}
	}
	return true
}

// unsent tells of steps that are not sent.
func (u *session) unsent(steps []request, why string, h *rehearsal) {
	for i := range steps {
		if steps[i].row < 0 {
			continue
		}
		r := u.script.rows[steps[i].row]
		h.observe(&Rehearsed{
			Persona: r.Persona, Step: r.Step, Endpoint: r.Endpoint, Message: why,
			Sample: &metric.Sample{Outcome: metric.Extract}, Response: &client.Response{},
		})
	}
}
