// Package selftest measures how often the verdicts of lt are right, on simulated
// runs whose truth is known: `lt selftest stats`.
package selftest

import (
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/internal/verdict/sim"
)

// Evidence is what a run of so long a window shows of the source. fail says
// whether a request that arrives then fails; nil: none does.
func Evidence(s sim.Source, window time.Duration, fail func(at float64) bool) verdict.Evidence {
	e := verdict.Evidence{Model: metric.Open, Window: window, Complete: true, Steady: true}
	length := verdict.BlockLength(window)
	e.Total.Blocks = make([]verdict.Block, (window+length-1)/length)
	for i := range e.Total.Blocks {
		b := &e.Total.Blocks[i]
		b.Start = time.Duration(i) * length
		b.Length = min(length, window-b.Start)
	}
	for {
		at, response := s.Next()
		if at >= window.Seconds() {
			break
		}
		b := &e.Total.Blocks[int(at/length.Seconds())]
		b.Requests++
		if fail != nil && fail(at) {
			b.Failed++
			continue
		}
		b.Response.Record(time.Duration(response * float64(time.Second)))
	}
	for i := range e.Total.Blocks {
		b := &e.Total.Blocks[i]
		e.Total.Requests += b.Requests
		e.Total.Failed += b.Failed
		e.Total.Response.Merge(&b.Response)
	}
	e.Total.Attempted, e.Total.Succeeded = e.Total.Requests, e.Total.Requests-e.Total.Failed
	e.Iterations = e.Total.Requests
	return e
}
