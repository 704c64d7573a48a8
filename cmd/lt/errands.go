package main

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/scenarios"
)

// teardownTime is how long teardown may take.
const teardownTime = 30 * time.Second

// setup does the scenario's setup. The load must not start after a failure. With
// --wait it is tried again as long as nothing answers.
func (r *runner) setup(ctx context.Context) error {
	if !r.script.HasSetup() {
		return nil
	}
	deadline := time.Now().Add(r.o.wait)
	for {
		e := r.script.Setup(ctx)
		r.plan.Setup = errand(e)
		if e.Failure == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		refused := r.refuse(*e.Failure)
		if refused == nil || e.Requests > e.Failed || time.Now().After(deadline) {
			if refused != nil {
				return refused
			}
			return hintf(notReadyf("setup, step %q: %s: %s", e.Failure.Step, e.Failure.Endpoint.Name(), e.Failure.Message),
				"the load needs what setup makes; teardown has been done for what was made before")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(waitStep):
		}
	}
}

// teardown does the scenario's teardown, once, however the run ended. The result
// may be nil: there was no load.
func (r *runner) teardown(ctx context.Context, result *run.Result) {
	if r.tornDown || r.script == nil || !r.script.HasTeardown() {
		return
	}
	r.tornDown = true
	if ctx.Err() != nil {
		fmt.Fprintln(r.env.Stderr, "lt: warning: teardown was not done: the run was ended at once")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, teardownTime)
	defer cancel()
	e := r.script.Teardown(ctx)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(r.env.Stderr, "lt: warning: teardown was cut off after %v\n", teardownTime)
	case e.Failure != nil:
		fmt.Fprintf(r.env.Stderr, "lt: warning: teardown: %s: %s\n", e.Failure.Endpoint.Name(), e.Failure.Message)
	}
	if result != nil {
		result.TearDown(errand(e))
	}
}

func errand(e scenarios.Errand) *run.Errand {
	out := &run.Errand{Count: verdict.Count{Requests: e.Requests, Failed: e.Failed}, Created: e.Created, Deleted: e.Deleted}
	if e.Failure != nil {
		out.Failure = e.Failure.Endpoint.Name() + ": " + e.Failure.Message
	}
	return out
}

// previewed is how many requests of each persona a verbose dry run prints.
const previewed = 5

// printPreview prints the first requests of each persona.
func (r *runner) printPreview() {
	if !r.o.verbose {
		return
	}
	fmt.Fprintf(r.env.Stdout, "\nThe first requests of each persona; {name} is known only from answers:\n")
	for _, text := range r.script.Preview(previewed, r.plan.Seed) {
		fmt.Fprintf(r.env.Stdout, "\n%s", text)
	}
}
