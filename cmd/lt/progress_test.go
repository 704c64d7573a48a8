package main

import (
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// TestLiveBlockFits80Columns: nothing of the largest figures is cut off.
func TestLiveBlockFits80Columns(t *testing.T) {
	p := progress{users: 10_000, n: 9_999_999, failed: 999_999_999, dropped: 999_999_999}
	p.since.Record(9999 * time.Second)
	counts, times := p.figures(1, metric.Warmup)
	if want := "10000 users  9999999 req/s  999999999 failed  999999999 dropped  warm-up"; counts != want || len(counts) > 79 {
		t.Errorf("%d columns: %q, want %q", len(counts), counts, want)
	}
	if want := "p50 9999.0s  p95 9999.0s  p99 9999.0s"; times != want || len(times) > 79 {
		t.Errorf("%d columns: %q, want %q", len(times), times, want)
	}
}
