package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-42693903/lt/internal/live"
	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// judgedEvery is how often the live view is told how the thresholds stand.
const judgedEvery = 5 * time.Second

// mostByHand is how many users may be asked for in the live view, unless the plan
// has more.
const mostByHand = 10_000

func addUIFlags(s *settings) {
	s.text("ui", "", "HOST:PORT", "show the run in a browser while it goes on; alone, at "+live.DefaultAddress+". On an address that is not loopback, its URL holds a token")
	s.flags.Lookup("ui").NoOptDefVal = uiDefault
	s.text("ui-linger", "", "DURATION", "with --ui: go on serving the report for so long after the run, or until Ctrl-C")
}

// uiDefault is --ui without a value.
const uiDefault = "default"

func (o *runOptions) parseUI(s *settings) {
	o.linger = s.duration("ui-linger", 0)
	if !s.given("ui") {
		if s.given("ui-linger") {
			s.mistakes = append(s.mistakes, hintf(usageErrorf("%s: nothing is served without --ui", s.origin("ui-linger")), "add --ui"))
		}
		return
	}
	if s.suite {
		s.mistakes = append(s.mistakes, hintf(usageErrorf("%s shows one run", s.origin("ui")), "run the scenarios one by one"))
		return
	}
	at := s.str("ui")
	if at == uiDefault {
		at = ""
	} else if _, _, err := net.SplitHostPort(at); err != nil {
		s.mistake("%s %q: want HOST:PORT or :PORT", s.origin("ui"), at)
	}
	o.ui = &at
}

// A view is the live view of a run. A nil one does nothing.
type view struct {
	server *live.Server
	told   time.Duration // of the run, when it was last judged
}

// startView serves the run that is about to start; nil: nobody asked for it.
func (r *runner) startView(engine *load.Runner) (*view, error) {
	if r.o.ui == nil {
		return nil, nil
	}
	p := r.plan
	s, err := live.Serve(*r.o.ui, live.Run{
		ID: p.RunID, Scenario: p.Scenario, Target: p.Target, Load: p.Load(), LT: p.LT,
		Model: p.Profile.Model, Duration: p.Profile.Duration(), Endpoints: p.Endpoints,
	}, &byHand{r: r, Runner: engine})
	if err != nil {
		return nil, hintf(fmt.Errorf("--ui: %w", err), "--ui=:0 takes a free port")
	}
	fmt.Fprintf(r.env.Stderr, "lt: live view at %s\n", s.URL())
	return &view{server: s}, nil
}

// judging shows how the thresholds stand each few seconds. It runs on the
// journal's goroutine, after observe, which it wraps.
func (v *view) judging(j *run.Journal, observe func(*metric.Snapshot) error) func(*metric.Snapshot) error {
	if v == nil {
		return observe
	}
	return func(s *metric.Snapshot) error {
		err := observe(s)
		if now := s.Offset + s.Length; err == nil && now-v.told >= judgedEvery && s.Period != metric.Drain {
			v.told = now
			v.server.Judged(standing(j.Judge().Thresholds))
		}
		return err
	}
}

// standing is how thresholds stand. Those on single endpoints are shown where
// they do not hold.
func standing(all []verdict.Judged) []live.Threshold {
	out := []live.Threshold{}
	for i := range all {
		t := &all[i]
		if t.Scope != "" && t.Verdict != verdict.Fail {
			continue
		}
		s := live.Threshold{Expression: t.Expression, Verdict: string(t.Verdict)}
		if t.Value != nil {
			s.Value = verdict.Amount(*t.Value, t.Unit)
		}
		out = append(out, s)
	}
	return out
}

// finish shows the report to those who watch, and to others for as long as was
// asked for, or until Ctrl-C.
func (v *view) finish(r *runner, result *run.Result, dir string) {
	if v == nil {
		return
	}
	report, err := os.ReadFile(filepath.Join(dir, run.HTMLFile))
	if err != nil {
		report = nil // that it could not be written has been said
	}
	ctx, cancel := r.signals.untilFirst()
	defer cancel()
	v.server.Finish(string(result.Verdict), report)
	if r.o.linger > 0 && report != nil && ctx.Err() == nil {
		fmt.Fprintf(r.env.Stderr, "lt: the report is at %sreport for %v; Ctrl-C ends lt\n", v.server.URL(), r.o.linger)
		over, cancel := context.WithTimeout(ctx, r.o.linger)
		defer cancel()
		<-over.Done()
	}
	v.server.Farewell(r.signals.ctx)
}

func (v *view) close() {
	if v != nil {
		_ = v.server.Close()
	}
}

// byHand is the load's control in the live view.
type byHand struct {
	*load.Runner
	r *runner
}

// Stop stops gracefully, as Ctrl-C does.
func (b *byHand) Stop() { b.Runner.Stop(run.StoppedByHand, interruptGrace) }

// Set aims at so many users or iterations per second, as far as the guard allows.
func (b *byHand) Set(to float64) error {
	p := &b.r.plan.Profile
	if p.Model == metric.Open {
		if to > 1e6 {
			return fmt.Errorf("%g iterations/s are more than the 1,000,000 that lt takes", to)
		}
	} else if limit := max(mostByHand, p.Peak()); to > limit {
		return fmt.Errorf("%g users are more than the %g that may be asked for by hand", to, limit)
	}
	if err := b.r.raise(to); err != nil {
		return err
	}
	if p.Model == metric.Open {
		b.SetRate(to)
	} else {
		b.SetUsers(int(to))
	}
	return nil
}

// raise asks the guard before the load is set to users or iterations per second:
// a light load on a public address that nobody confirmed stays a light one.
func (r *runner) raise(to float64) error {
	planned := r.peakRate()
	if r.guard.confirmed || planned <= 0 || planned/r.plan.Profile.Peak()*to <= publicRate {
		return nil
	}
	was := r.guard.open.Swap(false)
	if err := r.client.Check(r.signals.ctx); err != nil {
		r.guard.open.Store(was)
		return fmt.Errorf("more than %d requests/s: %w; run lt with --confirm-target %s if it is yours", publicRate, err, r.guard.host)
	}
	return nil
}
