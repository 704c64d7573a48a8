package verdict

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// BenchmarkJudge judges an hour with 30 endpoints and 60 blocks.
func BenchmarkJudge(b *testing.B) {
	thresholds := parse(b, "error_rate < 1%", "p95 < 500ms", "p99 < 1s", "error_rate{*} < 1%", "p95{*} < 500ms", "throughput > 1/s", "mean < 1s")
	random := rand.New(rand.NewPCG(1, 1))
	e := Evidence{Model: metric.Closed, Window: time.Hour, Complete: true}
	e.Total.Outcomes = map[metric.Class]int64{}
	for i := range 30 {
		s := Series{Name: fmt.Sprintf("GET /%d", i), Blocks: make([]Block, 60), Outcomes: map[metric.Class]int64{}}
		for j := range s.Blocks {
			block := &s.Blocks[j]
			var d metric.Dist
			for range 400 {
				d.Record(time.Duration(random.ExpFloat64() * float64(100*time.Millisecond)))
			}
			block.Response.Merge(&d)
			block.Requests = d.Count
			s.Requests += block.Requests
			s.Response.Merge(&d)
		}
		e.Endpoints = append(e.Endpoints, s)
		e.Total.add(&s)
	}
	e.Total.Attempted, e.Total.Succeeded = e.Total.Requests, e.Total.Requests
	b.ReportAllocs()
	for b.Loop() {
		Judge(thresholds, e)
	}
}
