// Package probe reads the processes of a target while a run goes on: their
// memory, threads, connections and file descriptors, from a page of metrics or
// from the operating system.
package probe

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

// The figures that a source may tell: bytes, and counts of what is open or runs.
const (
	Memory      = "memory" // resident, in bytes
	Goroutines  = "goroutines"
	Threads     = "threads"
	Connections = "connections"
	FDs         = "fds"
)

// timeout is the longest that one reading may take.
const timeout = 2 * time.Second

// A Source is one process of the target.
type Source interface {
	Name() string // in reports: "gateway", "pid 4711", a host with its port
	Read(ctx context.Context) (map[string]float64, error)
}

// A Watcher reads sources from time to time. It implements [run.Prober].
type Watcher struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	fresh  map[string]float64
	failed map[string]failures // by source
}

type failures struct {
	n, of int
	last  error
}

var _ run.Prober = (*Watcher)(nil)

// Watch reads each source now and then once in every interval, on a goroutine of
// its own, until Close is called.
func Watch(sources []Source, every time.Duration) *Watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watcher{cancel: cancel, fresh: map[string]float64{}, failed: map[string]failures{}}
	for _, s := range sources {
		w.done.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				w.read(ctx, s)
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	return w
}

func (w *Watcher) read(ctx context.Context, s Source) {
	once, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	figures, err := s.Read(once)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.failed[s.Name()]
	f.of++
	if err != nil {
		f.n, f.last = f.n+1, err
	}
	w.failed[s.Name()] = f
	for figure, v := range figures {
		w.fresh[run.ProbeName(figure, s.Name())] = v
	}
}

// Read is what was read since the last call; nil: nothing.
func (w *Watcher) Read() map[string]float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.fresh) == 0 {
		return nil
	}
	out := maps.Clone(w.fresh)
	clear(w.fresh)
	return out
}

// Close ends the reading and says, for each source that failed, how often and
// how the last time.
func (w *Watcher) Close() []string {
	w.cancel()
	w.done.Wait()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(w.failed)) {
		if f := w.failed[name]; f.n > 0 {
			out = append(out, fmt.Sprintf("%s could not be read %d of %d times: %v", name, f.n, f.of, f.last))
		}
	}
	return out
}

// Check reads every source once, and gives the errors by source.
func Check(ctx context.Context, sources []Source) map[string]error {
	out := map[string]error{}
	for _, s := range sources {
		once, cancel := context.WithTimeout(ctx, timeout)
		if _, err := s.Read(once); err != nil {
			out[s.Name()] = err
		}
		cancel()
	}
	return out
}
