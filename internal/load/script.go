// Package load is the engine: it decides when every iteration of every virtual
// user starts, and owns every goroutine of a run. It knows nothing of protocols:
// what an iteration does is a [Script]'s business, what it measured a
// [metric.Recorder]'s.
package load

import (
	"context"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Script makes virtual users. NewUser is called from several goroutines at
// once, with ids 0, 1, 2, ...; the same id and seed give a user that does the
// same things again.
type Script interface {
	NewUser(id int, seed uint64) Session
}

// A Session is one virtual user. The Runner calls its methods from one goroutine
// at a time.
type Session interface {
	// Iterate does one iteration, which was due at the given time of the run's
	// clock, and records a sample for each request that it attempts. The first
	// request of the iteration was due then; a later one is due at the end of the
	// one before plus the pause between them. Iterate returns when the iteration
	// is over, or soon after ctx is done, with the requests then under way
	// recorded as aborted. It returns the think time that the user wants before
	// its next iteration; the open model ignores it.
	//
	// A user that found nothing to do calls rec.Idle.
	Iterate(ctx context.Context, due time.Duration, rec *metric.Recorder) (think time.Duration)

	// Close ends the session and its connections.
	Close()
}

// An Observer watches a run. Each gets every snapshot, in order, on a goroutine
// of its own.
type Observer struct {
	Name string

	// Observe gets a snapshot, which it must not change. An error from a Blocking
	// observer stops the run, and Run returns it; any other error is ignored.
	Observe func(*metric.Snapshot) error

	// Blocking is for the journal alone: the Runner waits for it rather than drop
	// a snapshot (the users go on meanwhile). Other observers that cannot keep up
	// lose snapshots, and the next one's Health says so.
	Blocking bool
}
