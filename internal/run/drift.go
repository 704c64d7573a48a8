package run

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// ProbeName is the name of a figure of a process: "memory of gateway".
func ProbeName(figure, source string) string { return figure + " of " + source }

// probes are what was read of the target's processes, in the measured period.
type probes map[string]*verdict.Probed

func (p probes) add(iv *Interval) {
	if iv.Period != metric.Measured {
		return
	}
	for name, v := range iv.Probes {
		figure, source, _ := strings.Cut(name, " of ")
		s := p[name]
		if s == nil {
			s = &verdict.Probed{Source: source, Name: figure}
			p[name] = s
		}
		s.At = append(s.At, iv.Offset+iv.Length/2)
		s.Values = append(s.Values, v)
	}
}

// all are the probes by name.
func (p probes) all() []verdict.Probed {
	var out []verdict.Probed
	for _, name := range slices.Sorted(maps.Keys(p)) {
		s := *p[name]
		s.At, s.Values = slices.Clone(s.At), slices.Clone(s.Values)
		out = append(out, s)
	}
	return out
}

// steady reports whether the load was meant to stay the same all through the
// measured period, and nobody changed it.
func (c *Collector) steady() bool {
	if c.plan.Profile.Staged {
		return false
	}
	for _, e := range c.events {
		if e.At > 0 && slices.Contains([]string{"users", "rate", "pause", "resume"}, e.Kind) {
			return false
		}
	}
	return true
}

// DriftPlanned reports whether a run of the plan is long enough for its drift to
// be judged.
func (p *Plan) DriftPlanned() bool {
	return !p.Profile.Staged && p.Profile.Duration()-p.Profile.Warmup >= verdict.DriftFrom
}

// A Prober reads the target's processes in the course of a run. Read gives what
// was read since it was called last; nil: nothing.
type Prober interface{ Read() map[string]float64 }

// ProbeEvery is how often the processes are read in a run planned to last so long.
func ProbeEvery(planned time.Duration) time.Duration { return Resolution(planned) }
