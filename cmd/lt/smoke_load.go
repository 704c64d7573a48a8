package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/smoke"
)

// smokeLoad is the load of the seeds' smoke run, which only its failures decide.
var smokeLoad = map[string]string{"users": "20", "spawn-rate": "5", "duration": "2m", "no-thresholds": "true", "threshold": "error_rate < 1%"}

// load runs the smoke load over the scenario, as a run in the smoke's directory.
func (k *smoker) load(dir *run.Dir) (int, error) {
	for name, value := range smokeLoad {
		if err := k.settings.flags.Set(name, value); err != nil {
			return exitError, err
		}
	}
	what := smokeCarrier
	if len(k.args) == 1 {
		what = k.args[0]
	}
	o, err := parseRunOptions(k.settings, what)
	if err != nil {
		return exitError, err
	}
	o.target, o.apiKey, o.reference, o.copies = k.o.target, k.o.apiKey, false, map[string]string{}
	o.brief, o.noPreflight = true, true
	o.redact(k.env)
	r := &runner{env: k.env, o: o, signals: k.signals}
	if err := r.prepare(); err != nil {
		return exitError, err
	}
	if err := r.safety(k.signals.ctx); err != nil {
		return exitError, err
	}
	if err := r.setup(k.signals.ctx); err != nil {
		return exitError, err
	}
	runErr := r.load("", func() (*run.Dir, error) { return run.CreateIn(dir.Path, "load", r.plan) })
	if r.result == nil {
		return exitError, runErr
	}
	t := &r.result.Totals
	k.result.Load = &smoke.LoadRun{Dir: "load", Requests: t.Requests + r.result.Warmup.Requests, Failed: t.Failed + r.result.Warmup.Failed, ErrorRate: t.ErrorRate}
	if t.Response != nil {
		k.result.Load.P95 = &t.Response.P95
	}
	return *r.result.ExitCode, nil
}

// smokeBefore does --smoke-first: the steps of the run's scenario once, before the
// load. Its error, with the exit code of a smoke, ends the run.
func (r *runner) smokeBefore(ctx context.Context) error {
	if !r.o.smokeFirst {
		return nil
	}
	o := *r.o
	o.copies, o.brief = map[string]string{}, true
	k := &smoker{env: r.env, o: &smokeOptions{runOptions: &o, scenarioGiven: true}, signals: r.signals}
	if err := k.smoke(ctx); err != nil {
		return err
	}
	dir, err := run.CreateSmoke(o.out, k.result.StartedAt)
	if err != nil {
		return hintf(fmt.Errorf("make the smoke's directory: %w", err), "--out DIR says where results go")
	}
	code := k.code()
	k.result.ExitCode = &code
	k.o.quiet = o.quiet || code == exitPass // the load's summary is to come
	if err := errors.Join(k.write(dir)...); err != nil {
		return err
	}
	if code == exitPass {
		c := k.result.Coverage
		fmt.Fprintf(r.env.Stderr, "lt: smoke: %d of %d operations work (%s)\n", c.Working, c.Operations, dir.Path)
		return nil
	}
	return hintf(&cliError{code: code, err: fmt.Errorf("the smoke found blockers, and there was no load: %s", dir.Path)},
		"lt smoke looks again; without --smoke-first the load starts all the same")
}
