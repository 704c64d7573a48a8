package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/seed-42693903/lt/internal/probe"
	"github.com/seed-42693903/lt/internal/run"
)

// addWatchFlags adds the flags that name the target's processes.
func addWatchFlags(s *settings) {
	s.list("scrape", "", "URL", "read the target's memory, goroutines, connections from its /metrics (repeatable)")
	s.list("watch-pid", "", "PID", "read them of a process of this machine instead, on Linux (repeatable)")
}

// parseWatched reads --scrape and --watch-pid.
func (o *runOptions) parseWatched(s *settings) {
	for _, v := range s.flag("scrape").values {
		u, err := probe.ParseURL(v)
		if err != nil {
			s.mistake("%s: %w", s.origin("scrape"), err)
			continue
		}
		o.inURL = append(o.inURL, formSecrets(u.RawQuery)...)
		o.scrape = append(o.scrape, u)
	}
	for _, v := range s.flag("watch-pid").values {
		pid, err := strconv.Atoi(v)
		if err != nil || pid < 1 {
			s.mistake("%s %q: want the number of a process", s.origin("watch-pid"), v)
			continue
		}
		p, err := probe.Process("", pid)
		if err != nil {
			s.mistake("%s %d: %w", s.origin("watch-pid"), pid, err)
			continue
		}
		o.watched, o.watchedPIDs = append(o.watched, p), append(o.watchedPIDs, pid)
	}
}

// watch starts reading the target's processes; nil: none is known. Of the
// reference platform lt knows them itself, and reads them where the run is long
// enough for drift.
func (r *runner) watch(ctx context.Context) (*probe.Watcher, error) {
	sources := append([]probe.Source(nil), r.o.watched...)
	for _, u := range r.o.scrape {
		sources = append(sources, probe.Page("", u, r.o.conn.tls))
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	var errs []error
	failed := probe.Check(ctx, sources)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, hintf(notReadyf("%s cannot be read: %w", name, failed[name]), "leave --scrape or --watch-pid out to run without"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if r.reference != nil && r.plan.DriftPlanned() {
		sources = append(sources, r.reference.sources()...)
	}
	if len(sources) == 0 {
		return nil, nil
	}
	return probe.Watch(sources, run.ProbeEvery(r.plan.Profile.Duration())), nil
}

// family are the target's processes that lt knows to run on this machine.
func (r *runner) family() []int {
	if r.reference != nil {
		return append(r.reference.pids(), r.o.watchedPIDs...)
	}
	return r.o.watchedPIDs
}

// sources are the platform's processes, and what only the gateway itself tells.
func (r *reference) sources() []probe.Source {
	var out []probe.Source
	for _, c := range r.children {
		if p, err := probe.Process(c.name, c.cmd.Process.Pid); err == nil {
			out = append(out, p)
		}
	}
	if u, err := url.Parse(r.URL + "/metrics"); err == nil {
		out = append(out, probe.Page("gateway's /metrics", u, nil))
	}
	return out
}

// unwatch ends the reading, and says what failed of it.
func (r *runner) unwatch(w *probe.Watcher) {
	if w == nil {
		return
	}
	for _, s := range w.Close() {
		fmt.Fprintf(r.env.Stderr, "lt: warning: %s\n", printable(s))
	}
}
