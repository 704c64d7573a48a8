package report

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

// eightHours is a run of 8 hours, a point each 5 s, with 200 endpoints, 400
// thresholds and 600 classes of failures.
func eightHours() *run.Result {
	r := long()
	for i := range r.Timeline {
		r.Timeline[i].T, r.Timeline[i].Length = float64(5*i), 5
	}
	r.DurationS, r.PlannedS, r.Outages = 8*3600, 8*3600, nil
	r.Endpoints = r.Endpoints[:0]
	for i := range 200 {
		r.Endpoints = append(r.Endpoints, run.EndpointResult{
			Name: fmt.Sprintf("GET /api/v1/things/%d/{id}", i), Method: "GET", Path: fmt.Sprintf("/api/v1/things/%d/{id}", i), Requests: 40_000, Failed: int64(i),
			ErrorRate: at(float64(i) / 40_000), Throughput: at(1.4), Response: latency(4, 40_000), Outcomes: map[string]int64{"ok": 40_000 - int64(i), "status_500": int64(i)},
		})
	}
	for i := range 600 {
		r.Failures = append(r.Failures, r.Failures[i%12])
	}
	return dispersed(r)
}

// TestVerifyEightHours renders every format of an 8-hour run of 200 endpoints in
// under 5 s and 500 MB on an idle machine; tenfold on time, for a busy one.
func TestVerifyEightHours(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs the counted suites")
	}
	r := eightHours()
	for _, f := range Formats() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var b strings.Builder
		start := time.Now()
		if err := f.Render(&b, r, Options{}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc // more than was ever held at once
		t.Logf("%-11s %9d bytes in %v, %d MB allocated", f.Name, b.Len(), took.Round(time.Millisecond), allocated>>20)
		if took > 50*time.Second || allocated > 500<<20 {
			t.Errorf("%s took %v and %d MB", f.Name, took, allocated>>20)
		}
		if f.Name == "html" && b.Len() > 1_500_000 {
			t.Errorf("the page has %d bytes", b.Len())
		}
	}
}

// TestThinnedPlotsKeepExtremes: of 5,760 points the page's script gets 720, and
// the highest and the lowest value of every line is among them.
func TestThinnedPlotsKeepExtremes(t *testing.T) {
	r := long()
	r.Timeline[1234].P95, r.Timeline[4321].P95 = at(98765.), at(.001)
	p := newPage(r)
	for _, want := range []string{"98765", "0.001"} {
		if !strings.Contains(string(p.Plots), want) {
			t.Errorf("%s is lost", want)
		}
	}
	x := newBoard(r)
	if n := strings.Count(strings.SplitN(string(x.plots(nil)), "]", 2)[0], ","); n > 2*drawnStretches {
		t.Errorf("%d points", n)
	}
	lone := &run.Result{Timeline: timeline(3, 0, 3, 1, func(int) (float64, float64, float64) { return math.NaN(), 0, 1 })}
	if text := string(newPage(lone).Plots); strings.Contains(text, "NaN") {
		t.Error("the data is no JSON")
	}
}

func BenchmarkEightHours(b *testing.B) {
	r := eightHours()
	b.ReportAllocs()
	for b.Loop() {
		if err := HTML(io.Discard, r, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
