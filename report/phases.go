package report

import (
	"strings"

	"github.com/seed-42693903/lt/internal/run"
)

// A namedPart is a part of requests' times with the name that people read.
type namedPart struct {
	name string
	part *run.Part
}

// phasesLine is the parts of requests' times in one line; empty without any.
func phasesLine(p *run.Phases) string {
	if p == nil {
		return ""
	}
	return partsLine("phases", []namedPart{
		{"DNS", p.DNS}, {"connect", p.Connect}, {"TLS", p.TLS}, {"first byte", p.FirstByte}, {"transfer", p.Transfer},
	})
}

// hopsLine is where requests' times went, likewise.
func hopsLine(h *run.Hops) string {
	if h == nil {
		return ""
	}
	return partsLine("hops", []namedPart{{"gateway", h.Gateway}, {"upstream", h.Upstream}})
}

func partsLine(title string, all []namedPart) string {
	var parts []string
	for _, x := range all {
		if x.part != nil {
			parts = append(parts, x.name+" P50 "+decimal(x.part.P50)+", P99 "+decimal(x.part.P99)+" ms (n "+count(x.part.N)+")")
		}
	}
	return title + ": " + strings.Join(parts, "; ")
}
