package scenarios

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// An Errand is what setup or teardown sent.
type Errand struct {
	Requests, Failed int64
	Created, Deleted int64  // successful POST and DELETE requests
	Failure          *Probe // the first; nil: all went well
}

// HasSetup and HasTeardown report whether there is anything to do before and
// after the load.
func (sc *Script) HasSetup() bool    { return sc.setup != nil }
func (sc *Script) HasTeardown() bool { return sc.teardown != nil }

// Setup does the steps that come once per run, before every other request. What
// they save every user has, and Teardown. It ends with the first failure, or with
// ctx.
func (sc *Script) Setup(ctx context.Context) Errand {
	var e Errand
	if sc.setup == nil {
		return e
	}
	u := sc.newSession(sc.setup, asideID, sc.seed)
	defer u.Close()
	u.run(ctx, sc.clock.Now(), sc.setup.start, &errander{sc: sc, errand: &e})
	sc.shared = nil
	for _, v := range u.slots[:len(sc.names)] {
		sc.shared = append(sc.shared, slot{v.kind, slices.Clone(v.text)})
	}
	return e
}

// Teardown does the steps that come once per run, after every other request. It
// goes on after a failure, for what is left undone stays on the target; a step
// whose variables are not there is left out. It ends with ctx.
func (sc *Script) Teardown(ctx context.Context) Errand {
	var e Errand
	if sc.teardown == nil {
		return e
	}
	u := sc.newSession(sc.teardown, asideID-1, sc.seed)
	defer u.Close()
	for i := range sc.teardown.start {
		r := &sc.teardown.start[i]
		if slices.ContainsFunc(r.reads, func(slot int) bool { return u.slots[slot].kind == slotEmpty }) && len(r.sets) == 0 {
			continue
		}
		u.step(ctx, r, sc.clock.Now(), &errander{sc: sc, errand: &e})
	}
	return e
}

// Ids that no user of the load has, nor one of the preflight.
const asideID = math.MaxInt32 - 10_000

// An errander counts what setup and teardown send.
type errander struct {
	sc     *Script
	errand *Errand
	last   Probe
}

func (*errander) Begin(time.Duration) {}

func (e *errander) Record(row int, s *metric.Sample) {
	e.last = e.sc.probe(row, s)
	if s.Outcome == metric.Extract && s.BytesOut == 0 {
		return // nothing was sent
	}
	e.errand.Requests++
	switch {
	case s.Outcome != metric.OK:
		e.errand.Failed++
	case e.last.Endpoint.Method == "POST":
		e.errand.Created++
	case e.last.Endpoint.Method == "DELETE":
		e.errand.Deleted++
	}
}

func (e *errander) Exemplar(int, metric.Class) bool { return e.errand.Failure == nil }

func (e *errander) KeepExemplar(x metric.Exemplar) {
	e.last.Message = x.Message
	failure := e.last
	e.errand.Failure = &failure
}

// aside compiles the steps of setup or teardown; nil without any.
func (c *compiler) aside(name string, steps []Step) *persona {
	if len(steps) == 0 {
		return nil
	}
	c.slots, c.pools = c.sharedSlots(), map[string]int{}
	c.script.names = c.sharedNames()
	p := &persona{name: name}
	known := c.sharedKnown()
	if name == "setup" {
		known = map[string]bool{}
	}
	p.start = c.steps(&Persona{Name: name}, name, steps, known)
	c.sized(p)
	return p
}

// sharedNames are the variables that setup makes, which have the same slots in
// every persona.
func (c *compiler) sharedNames() (names []string) {
	for i := range c.scenario.Setup {
		for _, name := range c.scenario.Setup[i].makes() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (c *compiler) sharedSlots() map[string]int {
	slots := map[string]int{}
	for _, name := range c.sharedNames() {
		number(slots, name)
	}
	return slots
}

func (c *compiler) sharedKnown() map[string]bool {
	known := map[string]bool{}
	for _, name := range c.sharedNames() {
		known[name] = true
	}
	return known
}

// makes is the variables that a step makes.
func (s *Step) makes() (names []string) {
	for i := range s.set {
		names = append(names, s.set[i].variable)
	}
	for i := range s.pick {
		names = append(names, s.pick[i].variable)
	}
	for i := range s.save {
		names = append(names, s.save[i].variable)
	}
	return names
}
