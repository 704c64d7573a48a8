package report

import (
	"strings"

	"github.com/seed-42693903/lt/internal/run"
)

// phasesLine is the parts of requests' times in one line; empty without any.
func phasesLine(p *run.Phases) string {
	if p == nil {
		return ""
	}
	var parts []string
	for _, x := range []struct {
		name string
		part *run.Part
	}{
		{"DNS", p.DNS}, {"connect", p.Connect}, {"TLS", p.TLS}, {"first byte", p.FirstByte}, {"transfer", p.Transfer}, {"upstream", p.Upstream},
	} {
		if x.part != nil {
			parts = append(parts, x.name+" P50 "+decimal(x.part.P50)+", P99 "+decimal(x.part.P99)+" ms (n "+count(x.part.N)+")")
		}
	}
	return "phases: " + strings.Join(parts, "; ")
}
