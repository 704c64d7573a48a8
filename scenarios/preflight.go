package scenarios

import (
	"context"
	"math"
	"time"

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

// A prober keeps what preflight sends.
type prober struct {
	sc     *Script
	probes []Probe
}

func (p *prober) Record(row int, s *metric.Sample) { p.probes = append(p.probes, p.sc.probe(row, s)) }
func (p *prober) Exemplar(int, metric.Class) bool  { return true }
func (*prober) Begin(time.Duration)                {}
func (p *prober) KeepExemplar(e metric.Exemplar)   { p.probes[len(p.probes)-1].Message = e.Message }

func (u *session) preflight(ctx context.Context) []Probe {
	p := &prober{sc: u.script}
	for i := range u.persona.start {
		r := &u.persona.start[i]
		if r.method == "DELETE" {
			continue
		}
		if _, ok := u.step(ctx, r, u.script.clock.Now(), p); !ok {
			return p.probes
		}
	}
	for i := range u.persona.tasks {
		t := &u.persona.tasks[i]
		if !u.runnable(t) {
			continue
		}
		for j := range t.steps {
			r := &t.steps[j]
			if r.row < 0 || r.when != nil {
				continue
			}
			if r.method != "DELETE" && len(r.draws) == 0 {
				u.step(ctx, r, u.script.clock.Now(), p)
				return p.probes
			}
			break // the steps after it need what it would have given
		}
	}
	return p.probes
}
