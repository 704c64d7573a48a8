package verdict

import (
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// Simulated is what a run of so long a window shows whose requests next makes:
// each one's arrival and response time, in seconds since the run's start
// (internal/verdict/sim has such sources, whose truth is known). fail says whether
// a request that arrives then fails; nil: none does.
func Simulated(next func() (at, response float64), window time.Duration, fail func(at float64) bool) Evidence {
	e := Evidence{Model: metric.Open, Window: window, Complete: true, Steady: true}
	length := BlockLength(window)
	e.Total.Blocks = make([]Block, (window+length-1)/length)
	for i := range e.Total.Blocks {
		b := &e.Total.Blocks[i]
		b.Start = time.Duration(i) * length
		b.Length = min(length, window-b.Start)
	}
	for {
		at, response := next()
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
