package scenarios

import (
	"context"
	"math"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Probe is one request of Preflight and what became of it.
type Probe struct {
	Persona  string
	Step     string
	Endpoint metric.Endpoint
	Class    metric.Class
	Phase    metric.Phase
	Status   int    // the answer's; 0: none came
	Message  string // what went wrong, in one line, redacted; empty for a success
	Requests int    // that were sent: 1; 0 for a persona of which no request could be tried
}

// Preflight sends the first requests of each persona, before any load: a
// throw-away user runs the start steps and then the first step whose variables
// exist. It deletes nothing. It stops with ctx; a persona ends at its first
// failure.
func (sc *Script) Preflight(ctx context.Context) []Probe {
	var probes []Probe
	for i, p := range sc.personas {
		// Ids from the top, so that no user of the run has the same randomness.
		u := sc.newSession(p, math.MaxInt32-i, sc.seed)
		tried := u.preflight(ctx)
		u.Close()
		if len(tried) == 0 {
			tried = []Probe{{Persona: p.name, Message: "no request of this persona can be sent without one that deletes, or before a pool is filled"}}
		}
		probes = append(probes, tried...)
	}
	return probes
}

func (u *session) preflight(ctx context.Context) (probes []Probe) {
	try := func(r *request) bool {
		if ctx.Err() != nil {
			return false
		}
		s := u.exchange(ctx, r, u.script.clock.Now())
		row := u.script.rows[r.row]
		p := Probe{
			Persona: row.Persona, Step: row.Step, Endpoint: row.Endpoint,
			Class: s.Class(), Phase: s.Phase, Status: s.Status, Requests: 1,
		}
		if s.Outcome != metric.OK {
			p.Message = u.message(r)
		}
		u.resp.Release()
		probes = append(probes, p)
		return s.Outcome == metric.OK
	}
	for i := range u.persona.start {
		r := &u.persona.start[i]
		if r.row < 0 {
			if !u.wait(ctx, u.script.clock.Now()+u.draw(*r.pause)) {
				return probes
			}
		} else if r.method == "DELETE" {
			continue
		} else if !try(r) {
			return probes
		}
	}
	for i := range u.persona.tasks {
		t := &u.persona.tasks[i]
		if !u.runnable(t) {
			continue
		}
		for j := range t.steps {
			r := &t.steps[j]
			if r.row < 0 {
				continue
			}
			if r.method != "DELETE" && len(r.draws) == 0 {
				try(r)
				return probes
			}
			break // the steps after it need what it would have given
		}
	}
	return probes
}
