package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
	"github.com/seed-42693903/lt/scenarios"
)

// interruptGrace is how long requests under way may take after the first Ctrl-C.
const interruptGrace = 5 * time.Second

// newRunCmd is `lt run`.
func newRunCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run SCENARIO|FILE|URL",
		Short: "Run load and judge it",
		Long: `Run load against a target, judge it by its thresholds and write a report.

SCENARIO is a built-in one (light, normal, peak, endurance, spike, step, ci), FILE
a scenario of your own in YAML, URL (anything with ://) one request in a loop.

Every flag can be set by a variable of the environment: --spawn-rate by
LT_SPAWN_RATE. A flag wins over the environment, that over the scenario's file.`,
		Example: `  lt run peak --reference --duration 30s
  lt run normal --target http://127.0.0.1:8009 --api-key env:MY_KEY
  lt run http://127.0.0.1:8009/health/live -u 64 -d 10s
  lt run http://127.0.0.1:8009/health/live --rate 200/s -d 1m --threshold 'p99 < 50ms'`,
		Args: exactArgs(1, "a scenario, a file or a URL (lt scenarios list)"),
	}
	s := newSettings(cmd, env)
	addRunFlags(s)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := parseRunOptions(s, args[0])
		if err != nil {
			return err
		}
		r := &runner{env: env, o: o}
		return r.run(cmd.Context())
	}
	return cmd
}

// A runner is one `lt run` on its way from options to an exit code.
type runner struct {
	env       *environ
	o         *runOptions
	clock     metric.Clock
	client    *client.Client
	script    *scenarios.Script
	plan      *run.Plan
	reference *reference

	signal atomic.Int32 // exit code of the first signal, or 0
}

func (r *runner) run(parent context.Context) error {
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	stop := make(chan struct{}) // closed by the first signal
	go func() {
		for sig := range signals {
			code := exitInterrupted
			if sig == syscall.SIGTERM {
				code = exitTerminated
			}
			if r.signal.CompareAndSwap(0, int32(code)) {
				close(stop)
				continue
			}
			cancel()
			// Whatever holds lt up, a terminal that nobody reads perhaps: it ends now.
			time.AfterFunc(interruptGrace, func() { os.Exit(int(r.signal.Load())) })
		}
	}()
	// Until load runs, the first signal already ends everything.
	before, cancelBefore := context.WithCancel(ctx)
	defer cancelBefore()
	loading := make(chan struct{})
	go func() {
		select {
		case <-stop:
			cancelBefore()
		case <-loading:
		case <-ctx.Done():
		}
	}()

	if err := r.prepare(); err != nil { // every mistake before anything is started
		return err
	}
	if r.o.reference && !r.o.dryRun {
		ref, err := startReference(before, r.env.Stderr, r.o.faults)
		if err != nil {
			return r.ended(err)
		}
		defer ref.Stop()
		r.reference = ref
		if err := r.o.useReference(ref); err != nil {
			return err
		}
		if err := r.prepare(); err != nil {
			return err
		}
	}
	r.printPlan()
	if r.o.dryRun {
		return nil
	}
	if err := r.safety(before); err != nil {
		return r.ended(err)
	}
	if err := r.preflight(before); err != nil {
		return r.ended(err)
	}
	close(loading)
	return r.load(ctx, stop)
}

// ended is err, or, when a signal came before the load, the signal's exit.
func (r *runner) ended(err error) error {
	if code := r.signal.Load(); code != 0 {
		return &cliError{code: int(code), err: errors.New("interrupted before the load began")}
	}
	return err
}

// prepare makes the client, the script and the plan.
func (r *runner) prepare() error {
	o := r.o
	r.clock = metric.NewClock()
	var err error
	r.client, err = client.New(client.Options{
		Target: o.target, Clock: r.clock, Timeout: o.timeout, ConnectTimeout: o.connectTimeout, TLS: o.tls(),
	})
	if err != nil {
		return usageErrorf("%w", err)
	}
	r.script, err = o.scenario.Compile(scenarios.CompileOptions{
		Client: r.client, Clock: r.clock, Target: o.target, Key: o.apiKey, Headers: o.headers,
		Timeout: o.timeout, Redactor: o.redactor, Env: r.env.lookup,
	})
	if err != nil {
		return usageErrorf("%w", err)
	}
	r.plan, err = newPlan(o, r.script)
	return err
}

// load runs the load and reports it.
func (r *runner) load(ctx context.Context, stop <-chan struct{}) error {
	rows := r.script.Rows()
	recorders := metric.NewRecorders(r.plan.Profile.Model, rows, runtime.GOMAXPROCS(0))
	r.plan.StartedAt = time.Now().UTC()
	r.plan.RunID = run.NewRunID(r.plan.StartedAt, rand.Uint64())
	dir, err := run.Create(r.o.out, r.plan)
	if err != nil {
		return hintf(fmt.Errorf("make the run's directory: %w", err), "--out DIR says where results go")
	}
	if dir.LinkErr != nil {
		fmt.Fprintf(r.env.Stderr, "lt: warning: %s\n", printable(dir.LinkErr.Error()))
	}
	journal, err := run.NewJournal(dir)
	if err != nil {
		return err
	}
	engine := load.New(load.Config{
		RunID: r.plan.RunID, Profile: r.plan.Profile, Script: r.script, Recorders: recorders,
		Clock: r.clock, Seed: r.plan.Seed, Monitor: load.NewMonitor(),
	})
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-stop:
			engine.Stop("interrupted", interruptGrace) // before a word to a terminal that may be stuck
			fmt.Fprintf(r.env.Stderr, "lt: stopping: requests under way have %v; press Ctrl-C again to stop at once\n", interruptGrace)
		case <-ended:
		}
	}()

	progress := newProgress(r.env, r.o, r.plan)
	runErr := engine.Run(ctx,
		load.Observer{Name: "journal", Observe: journal.Observe, Blocking: true},
		load.Observer{Name: "progress", Observe: progress.observe},
	)
	progress.close()
	if err := journal.Close(); runErr == nil {
		runErr = err
	}
	return r.finish(dir, journal.Result(), runErr)
}

// finish writes the reports and says how the run ended. runErr is the journal's.
func (r *runner) finish(dir *run.Dir, result *run.Result, runErr error) error {
	code := exitOf(result, int(r.signal.Load()), r.o.onInconclusive)
	var errs []error
	if runErr != nil {
		errs = append(errs, hintf(fmt.Errorf("the journal could not be written: %w", runErr),
			"the figures are of the time until then; --out DIR says where results go"))
		code = exitError
	}
	result.ExitCode = &code
	errs = append(errs, writeReports(r.env, r.o, dir, result)...)
	fmt.Fprintf(r.env.Stderr, "exit %d: %s\n", code, r.ending(code, result))
	return &cliError{code: code, err: errors.Join(errs...)}
}

// ending is the exit code in words; a 0 is not always a pass.
func (r *runner) ending(code int, result *run.Result) string {
	switch {
	case code == exitPass && result.Verdict == verdict.None:
		return "nothing was judged, for there is no threshold"
	case code == exitPass && result.Verdict == verdict.Inconclusive:
		return "not proven; --on-inconclusive warn lets it pass"
	}
	return meaning(code)
}

// writeReports writes the run's files and the copies that were asked for,
// result.json last, and then the summary on stdout. What cannot be written makes
// the exit code, and so result.json's, 1.
func writeReports(env *environ, o *runOptions, dir *run.Dir, result *run.Result) (errs []error) {
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
			*result.ExitCode = exitError
		}
	}
	opts := report.Options{Dir: dir.Path, Verbose: o.verbose}
	piped := false // stdout holds a document, and nothing else
	for _, name := range []string{"html", "markdown", "json"} {
		f, _ := report.ByName(name)
		render := func(w io.Writer) error { return f.Render(w, result, opts) }
		switch path := o.copies[name]; path {
		case "":
		case "-":
			piped = true
			add(render(env.Stdout))
		default:
			err := os.MkdirAll(filepath.Dir(path), 0o777)
			if err == nil {
				err = run.WriteFile(path, render)
			}
			add(err)
		}
		add(dir.Write(f.File, render))
	}
	if !o.quiet && !piped {
		f, _ := report.ByName("terminal")
		opts.Color, opts.Width = o.color(env)
		add(f.Render(env.Stdout, result, opts))
	}
	return errs
}
