package run

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

// hour is a run of 60 minutes and 30 endpoints, 300 requests/s.
func hour(t testing.TB) *Collector {
	p := testPlan(time.Hour)
	p.Profile, p.Resolution = load.Users(200, 20, time.Hour), Resolution(time.Hour)
	p.Endpoints = nil
	for i := range 30 {
		p.Endpoints = append(p.Endpoints, metric.Endpoint{Method: "GET", Path: "/" + strconv.Itoa(i)})
	}
	p.Thresholds = thresholds(t, "error_rate < 1%", "p95 < 500ms", "p99 < 1s", "error_rate{*} < 1%", "p95{*} < 500ms", "p99{*} < 1s",
		"throughput >= 100/s", "mean < 1s", "goodput >= 90%", "p95 < 800ms for 30s", "error_rate{*} < 5% within 1m", "error_rate < 50% abort")
	c := NewCollector(p)
	r := rand.New(rand.NewPCG(1, 2))
	j := &Journal{Collector: c}
	recs := metric.NewRecorders(metric.Closed, rowsOf(p), 1)
	for s := range 3600 {
		for row := range p.Endpoints {
			for range 10 {
				at := time.Duration(s) * time.Second
				sm := metric.Sample{Due: at, Sent: at, End: at + time.Duration(r.ExpFloat64()*float64(50*time.Millisecond)), Status: 200}
				recs.Shard(0).Record(row, &sm)
			}
		}
		snap := recs.Take()
		snap.Seq, snap.Offset, snap.Length, snap.Users, snap.Nominal = s, time.Duration(s)*time.Second, time.Second, 200, 200
		if snap.Period = metric.Measured; snap.Offset < p.Profile.Warmup {
			snap.Period = metric.Warmup
		}
		snap.Final = s == 3599
		iv := newInterval(p, snap)
		if j.hold == nil {
			j.hold, j.from, j.period = snap, snap.Offset, snap.Period
		} else {
			j.hold = metric.Merge(j.hold, snap)
		}
		var g *group
		if snap.Final || j.ends(snap) {
			g = j.group(snap.Offset + snap.Length - j.from)
			iv.Histograms = &g.index
			j.hold = nil
		}
		c.Add(iv, g)
	}
	return c
}

func rowsOf(p *Plan) []metric.Row {
	var rows []metric.Row
	for _, e := range p.Endpoints {
		rows = append(rows, metric.Row{Endpoint: e})
	}
	return rows
}

// TestVerifyAnHourIsJudgedFast: judging 60 minutes and 30 endpoints takes under 2 s
// and 300 MB. The bound on the time allows for a busy machine.
func TestVerifyAnHourIsJudgedFast(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs the counted suites")
	}
	c := hour(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	r := c.Result()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc // more than was ever held at once
	t.Logf("judged %d requests in %v; the evidence kept is %.0f MB, judging it allocated %.0f MB in all, of %.0f MB from the system",
		r.Totals.Requests, took, float64(before.HeapAlloc)/1e6, float64(allocated)/1e6, float64(after.Sys)/1e6)
	if took > 20*time.Second || after.Sys > 300e6 {
		t.Errorf("judging took %v and %d bytes", took, after.Sys)
	}
}
