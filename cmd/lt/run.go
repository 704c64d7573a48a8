package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/scenarios"
)

// interruptGrace is how long requests under way may take after the first Ctrl-C.
const interruptGrace = 5 * time.Second

// newRunCmd is `lt run`.
func newRunCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run SCENARIO|suite|FILE|URL",
		Short: "Run load and judge it",
		Long: `Run load against a target, judge it by its thresholds and write a report.

SCENARIO is a built-in one (light, normal, peak, endurance, spike, step, ci), FILE
a scenario of your own in YAML, URL (anything with ://) one request in a loop.
suite is light, normal, peak and endurance one after the other, with one index; baseline
is suite, and then the index and history of all runs in --out (lt report index).

Every flag can be set by a variable of the environment: --spawn-rate by
LT_SPAWN_RATE. A flag wins over the environment, that over the scenario's file.`,
		Example: `  lt run peak --reference --duration 30s
  lt run normal --target http://127.0.0.1:8009 --api-key env:MY_KEY
  lt run suite --target http://127.0.0.1:8009 --cooldown 1m
  lt run ci --target http://127.0.0.1:8009 --baseline main
  lt run ci --ab http://127.0.0.1:8009 http://127.0.0.1:8010
  lt run http://127.0.0.1:8009/health/live -u 64 -d 10s
  lt run http://127.0.0.1:8009/health/live --rate 200/s -d 1m --threshold 'p99 < 50ms'`,
		Args: runArgs,
	}
	s := newSettings(cmd, env)
	addRunFlags(s)
	addSuiteFlags(s)
	addGroupFlags(s)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if env.Getenv("LT_REPEAT") != "" {
			s.fromEnv("api-key", "concurrency", "ab")
		}
		if s.given("ab") || s.given("repeat") || s.given("pairs") {
			p, err := newRepetition(env, s, args)
			if err != nil {
				return err
			}
			return p.run(cmd.Context())
		}
		if args[0] == suiteName || args[0] == suiteBaseline {
			u, err := newSuite(env, s)
			if err != nil {
				return err
			}
			u.history = args[0] == suiteBaseline
			return u.run(cmd.Context())
		}
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
	tornDown  bool

	signals *interrupts
	guard   *guard
	result  *run.Result // once it has run

	base        []*run.Source // to compare with; empty: nothing
	baseMissing string        // why, where a baseline was asked for
}

func (r *runner) run(parent context.Context) error {
	r.signals = listen(parent)
	defer r.signals.end()
	before, loading := r.signals.untilFirst()
	defer loading()
	if err := r.prepare(); err != nil { // every mistake before anything is started
		return err
	}
	if r.o.reference && !r.o.dryRun {
		ref, err := startReference(before, r.env.Stderr, r.o.faults)
		if err != nil {
			return r.signals.ended(err)
		}
		defer ref.Stop()
		r.reference = ref
		if err := r.o.useReference(r.env, ref); err != nil {
			return err
		}
		if err := r.prepare(); err != nil {
			return err
		}
	}
	if err := r.openBaseline(""); err != nil {
		return err
	}
	r.printPlan()
	if r.o.dryRun {
		r.printPreview()
		return nil
	}
	if err := r.safety(before); err != nil {
		return r.signals.ended(err)
	}
	defer func() { r.teardown(r.signals.ctx, nil) }()
	if err := r.setup(before); err != nil {
		return r.signals.ended(err)
	}
	if err := r.preflight(before); err != nil {
		return r.signals.ended(err)
	}
	if err := r.smokeBefore(before); err != nil {
		return r.signals.ended(err)
	}
	loading()
	return r.load("", func() (*run.Dir, error) { return run.Create(r.o.out, r.plan) })
}

// prepare makes the client, the script and the plan.
func (r *runner) prepare() error {
	o := r.o
	r.clock = metric.NewClock()
	r.guard = newGuard(r.env, o)
	var err error
	if r.client, err = client.New(o.clientOptions(r.env, r.guard, r.clock)); err != nil {
		return usageErrorf("%w", err)
	}
	r.script, err = o.scenario.Compile(scenarios.CompileOptions{
		Client: r.client, Clock: r.clock, Target: o.target, Key: o.apiKey, Headers: o.headers,
		Timeout: o.timeout, Redactor: o.redactor, Env: r.env.lookup, Trace: !o.noTrace, Users: o.users(),
	})
	if err != nil {
		return usageErrorf("%w", err)
	}
	if r.plan, err = newPlan(o, r.script); err != nil {
		return err
	}
	redactPlan(o.redactor, r.plan)
	return nil
}

// clientOptions are those of a client of the target.
func (o *runOptions) clientOptions(env *environ, g *guard, clock metric.Clock) client.Options {
	return client.Options{
		Target: o.target, Clock: clock, Timeout: o.timeout, ConnectTimeout: o.connectTimeout, Allow: g.allow, Lookup: env.Lookup,
		TLS: o.conn.tls, NoResume: o.conn.noResume, HTTP2: o.conn.http2, Connections: o.conn.connections, NoKeepAlive: o.conn.noKeepAlive,
		Proxy: o.conn.proxy, Detours: o.conn.detours, Pins: o.conn.pins, Sources: o.conn.sources, Refresh: o.conn.refresh,
	}
}

// load runs the load and reports it. create makes the run's directory; part is its
// name in a suite.
func (r *runner) load(part string, create func() (*run.Dir, error)) error {
	rows := r.script.Rows()
	recorders := metric.NewRecorders(r.plan.Profile.Model, rows, runtime.GOMAXPROCS(0))
	r.plan.StartedAt = time.Now().UTC()
	r.plan.RunID = run.NewRunID(r.plan.StartedAt, rand.Uint64())
	watcher, err := r.watch(r.signals.ctx)
	if err != nil {
		return err
	}
	defer r.unwatch(watcher)
	dir, err := create()
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
	if watcher != nil {
		journal.Prober = watcher
	}
	exported, err := startExport(r.signals.ctx, r.env, r.o, r.plan)
	if err != nil {
		journal.Close()
		return err
	}
	engine := load.New(load.Config{
		RunID: r.plan.RunID, Profile: r.plan.Profile, Script: r.script, Recorders: recorders,
		Clock: r.clock, Seed: r.plan.Seed, Monitor: load.NewMonitor(r.family()...), Waiter: load.NewWaiter(), Patience: r.o.timeout,
	})
	view, err := r.startView(engine)
	if err != nil {
		exported.close()
		journal.Close()
		return err
	}
	defer view.close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-r.signals.stop:
			engine.Stop("interrupted", interruptGrace) // before a word to a terminal that may be stuck
			fmt.Fprintf(r.env.Stderr, "lt: stopping: requests under way have %v; press Ctrl-C again to stop at once\n", interruptGrace)
		case <-ended:
		}
	}()

	progress := newProgress(r.env, r.o, r.plan)
	judge := &judge{plan: r.plan, journal: journal, engine: engine}
	observers := []load.Observer{
		{Name: "journal", Observe: view.judging(journal, judge.observing(redacting(r.o.redactor, journal.Observe))), Blocking: true},
		{Name: "progress", Observe: progress.observe},
	}
	if exported != nil {
		defer exported.close()
		observers = append(observers, load.Observer{Name: "export", Observe: exported.meter.Observe})
	}
	if view != nil {
		observers = append(observers, load.Observer{Name: "live view", Observe: view.server.Observe})
	}
	runErr := engine.Run(r.signals.ctx, observers...)
	progress.close()
	if err := journal.Close(); runErr == nil {
		runErr = err
	}
	result := journal.Result()
	r.teardown(r.signals.ctx, result)
	if err := r.compare(journal.Collector, result, dir.Path); runErr == nil {
		runErr = err
	}
	err = r.finish(dir, result, runErr)
	defer view.finish(r, result, dir.Path)
	if e := r.keep(dir.Path, part); e != nil {
		printError(r.env.redacted(r.env.Stderr), e)
		if exitCodeOf(err) == exitPass {
			return &cliError{code: exitError}
		}
	}
	return err
}

// finish writes the reports and says how the run ended. runErr is the journal's.
func (r *runner) finish(dir *run.Dir, result *run.Result, runErr error) error {
	code := exitOf(result, int(r.signals.code.Load()), r.o.onInconclusive)
	var errs []error
	if runErr != nil {
		errs = append(errs, hintf(fmt.Errorf("the journal could not be written: %w", runErr),
			"the figures are of the time until then; --out DIR says where results go"))
		code = exitError
	}
	result.ExitCode = &code
	r.result = result
	errs = append(errs, writeReports(r.env, r.o, dir, result)...)
	if r.o.brief {
		fmt.Fprintf(r.env.Stderr, "lt: %s: %d, %s\n", r.plan.Scenario, code, r.ending(code, result))
	} else {
		fmt.Fprintf(r.env.Stderr, "exit %d: %s\n", code, r.ending(code, result))
	}
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
