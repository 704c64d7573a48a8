package report

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

func drifting() *run.Result {
	r := passing()
	values := []*float64{at(20.0), nil, at(60.0)}
	r.Drift = &verdict.Drift{
		Verdict: verdict.DriftDegrading, Reason: "P95 rose steadily from 20 ms to 60 ms, +40 ms an hour (+35 to +45)", WindowS: 60, Starts: []float64{20, 80, 140},
		Metrics: []verdict.DriftMetric{
			{Metric: "p95", Unit: "ms", Verdict: verdict.DriftDegrading, Reason: "rose steadily", N: 60, Median: at(40.0), SlopePerHour: at(40.0), SlopeLow: at(35.0), SlopeHigh: at(45.0), Values: values},
			{Metric: "memory", Scope: `gateway<img src=x>`, Unit: "bytes", Verdict: verdict.DriftStable, Reason: "stayed", N: 60, Median: at(64.0 * (1 << 20)), Values: values},
			{Metric: "p95", Scope: "GET /calm", Unit: "ms", Verdict: verdict.DriftStable},
			{Metric: "p95", Scope: "GET /bursts", Unit: "ms", Verdict: verdict.DriftUnstable, Reason: "was 90 ms instead of 6 ms from 17m for 1m"},
		},
		Compliance: &verdict.Compliance{Limits: []string{"p95 < 500ms"}, Windows: 60, Bad: []float64{80}, Share: 59.0 / 60},
	}
	return r
}

func TestTheTrendIsDrawn(t *testing.T) {
	r := drifting()
	if c := response(newBoard(r), r); len(c.Lines) != 3 {
		t.Errorf("%d lines where no trend was drawn", len(c.Lines))
	}
	r.Drift.Metrics[0].Start, r.Drift.Metrics[0].End = at(20.), at(60.)
	c := response(newBoard(r), r)
	if len(c.Lines) != 4 || c.Lines[3].Class != "trend" || c.Lines[3].Path == "" {
		t.Fatalf("the trend is not drawn: %d lines", len(c.Lines))
	}
	values := c.series[4].values
	if !math.IsNaN(values[0]) || math.Abs(values[110]-40) > .5 { // the middle of windows from 20 s to 200 s
		t.Errorf("the trend is %v at the start and %v in its middle, want none and 40", values[0], values[110])
	}
}

func TestDriftStandsInEveryReport(t *testing.T) {
	for name, wants := range map[string][]string{
		"terminal": {"drift      degrading: P95 rose steadily from 20 ms to 60 ms"},
		"markdown": {"**Drift**: degrading: P95 rose steadily from 20 ms to 60 ms"},
		"html": {
			`id="drift"`, ">degrading<", "GET /bursts", "was 90\u00a0ms instead of 6\u00a0ms", "64.0 MiB", "gateway&lt;img src=x&gt;",
			"59 of 60 windows kept", "1 figure of single endpoints",
		},
	} {
		f, ok := ByName(name)
		if !ok {
			t.Fatal(name)
		}
		var b bytes.Buffer
		if err := f.Render(&b, drifting(), Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if strings.Contains(b.String(), "GET /calm") {
			t.Errorf("%s names an endpoint that did not change", name)
		}
		b.Reset()
		r := drifting()
		r.Drift = &verdict.Drift{Verdict: verdict.DriftUndecided, Reason: "12 windows of 5s; 30 are needed"}
		if err := f.Render(&b, r, Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(b.String()), "drift") && name != "html" || strings.Contains(b.String(), `id="drift"`) {
			t.Errorf("%s speaks of the drift of a run that was too short", name)
		}
	}
}
