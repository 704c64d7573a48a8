package report

import (
	"testing"

	"github.com/seed-42693903/lt/internal/run"
)

func TestPhasesAreOneLine(t *testing.T) {
	if s := phasesLine(nil); s != "" {
		t.Errorf("no phases give %q", s)
	}
	p := &run.Phases{Connect: &run.Part{N: 1200, P50: .2, P99: 1.5}, FirstByte: &run.Part{N: 90000, P50: 12.3, P99: 45.6}}
	if got, want := phasesLine(p), "phases: connect P50 0.200, P99 1.50 ms (n 1,200); first byte P50 12.3, P99 45.6 ms (n 90,000)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
