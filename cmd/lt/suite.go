package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
)

// suiteName is the positional that runs suiteScenarios.
const suiteName = "suite"

// suiteBaseline is suite, and then the index of all runs beside it.
const suiteBaseline = "baseline"

// suiteScenarios are the scenarios of `lt run suite`, in its order.
var suiteScenarios = []string{"light", "normal", "peak", "endurance"}

const (
	defaultCooldown = 30 * time.Second
	maxCooldown     = time.Hour
)

// A suite is one `lt run suite`: several scenarios one after the other, each with
// a run of its own, after one preflight.
type suite struct {
	env       *environ
	each      []*runOptions // in the order of suiteScenarios
	cooldown  time.Duration
	dir       string // empty until it is made
	resumed   bool
	history   bool // writes the index of all runs, too
	signals   *interrupts
	reference *reference
	runs      []report.SuiteRun
	codes     []suiteCode // of those that have run
}

func addSuiteFlags(s *settings) {
	s.text("cooldown", "", "DURATION", "suite: pause between two scenarios (default 30s)")
	s.text("continue", "", "DIR", "suite: run only what is missing in DIR, a suite's directory")
}

// newSuite reads the options, which are those of each of the scenarios.
func newSuite(env *environ, s *settings) (*suite, error) {
	u := &suite{env: env}
	s.suite = true
	s.fromEnv("api-key", "concurrency")
	if s.given("stage") {
		return nil, hintf(usageErrorf("--stage does not fit a suite: its scenarios have loads of their own"), "--duration and --users change each of them")
	}
	var errs []error
	for _, name := range suiteScenarios {
		s.mistakes = nil
		o, err := parseRunOptions(s, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		o.brief = !o.verbose
		for format, path := range o.copies {
			o.copies[format] = suitePath(path, name)
		}
		u.each = append(u.each, o)
		u.runs = append(u.runs, report.SuiteRun{Name: name, Note: "It has not run yet."})
	}
	s.mistakes = nil
	u.dir, u.resumed = s.str("continue"), s.given("continue")
	if u.cooldown = s.duration("cooldown", defaultCooldown); u.cooldown > maxCooldown {
		s.mistake("%s %s: at most 1h", s.origin("cooldown"), s.str("cooldown"))
	}
	errs = append(errs, s.mistakes...)
	if u.resumed && len(errs) == 0 {
		results, err := run.LoadSuite(u.dir, suiteScenarios)
		if err != nil {
			errs = append(errs, hintf(usageErrorf("--continue: %w", err), "lt-results/suite-<time> is one"))
		}
		for i, r := range results {
			if r != nil {
				u.runs[i].Result = r
			}
		}
	}
	u.codes = make([]suiteCode, len(u.runs))
	return u, errors.Join(errs...)
}

// suitePath is the path of one scenario's copy of a report: junit.xml becomes
// junit-light.xml.
func suitePath(path, scenario string) string {
	if path == "" || path == "-" {
		return path
	}
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-" + scenario + ext
}

func (u *suite) run(parent context.Context) error {
	u.signals = listen(parent)
	defer u.signals.end()
	before, cancel := u.signals.untilFirst()
	defer cancel()
	if o := u.each[0]; o.reference && !o.dryRun && len(u.missing()) > 0 {
		ref, err := startReference(before, u.env.Stderr, o.faults)
		if err != nil {
			return u.signals.ended(err)
		}
		defer ref.Stop()
		u.reference = ref
		for _, o := range u.each {
			if err := o.useReference(u.env, ref); err != nil {
				return err
			}
		}
	}
	runners, err := u.prepare(before)
	if err != nil {
		return u.signals.ended(err)
	}
	if u.each[0].dryRun {
		return nil
	}
	if len(runners) > 0 && u.dir == "" {
		if u.dir, err = run.CreateSuite(u.each[0].out, suiteName, time.Now()); err != nil {
			return hintf(fmt.Errorf("make the suite's directory: %w", err), "--out DIR says where results go")
		}
	}
	first := true
	for i, r := range runners {
		if r == nil {
			u.codes[i] = u.codeOfOld(i)
			continue
		}
		if !first && !u.pause(before, u.runs[i].Name) {
			break
		}
		first = false
		if !r.o.quiet {
			fmt.Fprintf(u.env.Stderr, "lt: suite: %s, %d of %d\n", u.runs[i].Name, i+1, len(u.runs))
		}
		u.codes[i] = u.one(r, i)
		if err := u.index(); err != nil {
			fmt.Fprintf(u.env.Stderr, "lt: warning: the suite's index: %s\n", err)
		}
		if u.signals.code.Load() != 0 {
			break
		}
	}
	return u.finish()
}

// missing are the places of the scenarios that have to be run.
func (u *suite) missing() (at []int) {
	for i := range u.runs {
		if u.runs[i].Result == nil {
			at = append(at, i)
		}
	}
	return at
}

// prepare plans every scenario that is missing, says so, and sees that all may
// start: one refusal ends the suite before its first request. The list has a
// runner at each missing scenario's place.
func (u *suite) prepare(ctx context.Context) ([]*runner, error) {
	runners := make([]*runner, len(u.runs))
	total, missing := time.Duration(0), u.missing()
	for i, o := range u.each {
		r := &runner{env: u.env, o: o, signals: u.signals, reference: u.reference}
		if err := r.prepare(); err != nil {
			return nil, err
		}
		if u.runs[i].Result != nil {
			if err := u.compare(r, u.runs[i].Name); err != nil {
				return nil, err
			}
			continue
		}
		if err := r.openBaseline(u.runs[i].Name); err != nil {
			return nil, err
		}
		runners[i] = r
		total += o.profile.Duration()
	}
	if len(missing) == 0 {
		fmt.Fprintf(u.env.Stderr, "lt: suite: nothing is missing in %s\n", u.dir)
		return runners, nil
	}
	total += time.Duration(len(missing)-1) * u.cooldown
	var names []string
	for _, i := range missing {
		names = append(names, u.runs[i].Name)
	}
	w := u.env.Stderr
	if u.each[0].dryRun {
		w = u.env.Stdout
	}
	if !u.each[0].quiet || u.each[0].dryRun {
		fmt.Fprintf(w, "lt: suite: %s; %s between them; about %s in all\n", strings.Join(names, ", "), short(u.cooldown), short(total))
	}
	for _, i := range missing {
		runners[i].printPlan()
	}
	if u.each[0].dryRun {
		return runners, nil
	}
	for _, i := range missing {
		if err := runners[i].safety(ctx); err != nil {
			return nil, err
		}
	}
	if err := runners[missing[0]].preflight(ctx); err != nil {
		return nil, err
	}
	return runners, runners[missing[0]].smokeBefore(ctx)
}

// compare refuses to go on with a suite whose runs would not be alike.
func (u *suite) compare(r *runner, name string) error {
	old, err := run.LoadPlan(filepath.Join(u.dir, name))
	if err != nil {
		return err
	}
	now := r.plan
	differ := func(what, was, is string) error {
		return hintf(usageErrorf("--continue: %s has run with %s %q, and this command says %q", name, what, was, is),
			"give the same flags again, or start a new suite")
	}
	switch {
	case old.Load() != now.Load():
		return differ("the load", old.Load(), now.Load())
	case old.Reference != now.Reference || !old.Reference && old.Target != now.Target:
		return differ("the target", old.Target, now.Target)
	case old.ScenarioDigest != now.ScenarioDigest:
		return differ("the scenario", old.ScenarioDigest, now.ScenarioDigest)
	case !maps.Equal(old.Labels, now.Labels):
		return differ("the labels", labelText(old.Labels), labelText(now.Labels))
	}
	return nil
}

// labelText is labels as --label takes them.
func labelText(labels map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, name+"="+labels[name])
	}
	return strings.Join(words, " ")
}

// pause cools down; false: a signal ended it.
func (u *suite) pause(ctx context.Context, next string) bool {
	if u.cooldown == 0 {
		return ctx.Err() == nil
	}
	if !u.each[0].quiet {
		fmt.Fprintf(u.env.Stderr, "lt: suite: %s until %s\n", short(u.cooldown), next)
	}
	t := time.NewTimer(u.cooldown)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// one runs one scenario. The clock of its plan starts with it.
func (u *suite) one(r *runner, i int) suiteCode {
	preflight := r.plan.Preflight
	open := r.guard.open.Load()
	err := r.prepare()
	if err == nil {
		r.plan.Preflight = preflight
		r.guard.open.Store(open)
		defer func() { r.teardown(r.signals.ctx, nil) }()
		if err = r.setup(r.signals.ctx); err == nil {
			err = r.load(u.runs[i].Name, func() (*run.Dir, error) { return run.CreateIn(u.dir, u.runs[i].Name, r.plan) })
		}
	}
	code := exitError
	var e *cliError
	if errors.As(err, &e) {
		code = e.code
	}
	u.runs[i].Result = r.result
	if text := err.Error(); text != "" {
		printError(u.env.redacted(u.env.Stderr), err)
		u.runs[i].Note = u.env.redactor.RedactString(text)
	}
	return suiteCode{code, r.result != nil && byTarget(r.result)}
}

// codeOfOld is the exit code of a scenario that had run before. A result does not
// keep whose fault its failure was: the journal tells again.
func (u *suite) codeOfOld(i int) suiteCode {
	c := suiteCode{code: exitError} // a whole result has a code
	if code := u.runs[i].Result.ExitCode; code != nil {
		c.code = *code
	}
	if c.code == exitThreshold {
		if journal, err := run.Replay(filepath.Join(u.dir, u.runs[i].Name)); err == nil {
			c.byTarget = byTarget(journal.Result())
		}
	}
	return c
}

// A suiteCode is the exit code of one scenario.
type suiteCode struct {
	code     int
	byTarget bool // of 99: by the target's own failures
}

// exitCode is the most telling of the scenarios' codes.
func (u *suite) exitCode() int {
	order := []suiteCode{
		{exitUsage, false},
		{exitNotReady, false},
		{exitError, false},
		{exitThreshold, true},
		{exitInterrupted, false},
		{exitTerminated, false},
		{exitInvalid, false},
		{exitThreshold, false},
		{exitRegression, false},
		{exitInconclusive, false},
		{exitPass, false},
	}
	codes := append(slices.Clone(u.codes), suiteCode{code: int(u.signals.code.Load())})
	for _, c := range order {
		if slices.Contains(codes, c) {
			return c.code
		}
	}
	return exitError
}

func (u *suite) summary() *report.Suite {
	code := u.exitCode()
	return &report.Suite{
		Name: filepath.Base(u.dir), Dir: u.dir, LT: version(), Cooldown: u.cooldown, Runs: u.runs, ExitCode: code, Meaning: meaning(code),
	}
}

// index writes the suite's page.
func (u *suite) index() error {
	return run.WriteFile(filepath.Join(u.dir, run.IndexFile), func(w io.Writer) error { return report.SuiteHTML(w, u.summary()) })
}

// finish writes the index and the table, and says how the suite ended.
func (u *suite) finish() error {
	for i := range u.runs {
		if u.runs[i].Result == nil && u.signals.code.Load() != 0 {
			u.runs[i].Note = "The suite was interrupted before it."
		}
	}
	code := u.exitCode()
	err := u.index()
	if err != nil {
		code = exitError
	}
	if u.history {
		if e := writeIndex(u.env, u.each[0].out, ""); e != nil {
			err, code = errors.Join(err, e), exitError
		}
	}
	if o := u.each[0]; !o.quiet {
		opts := report.Options{}
		opts.Color, opts.Width = o.color(u.env)
		if e := report.SuiteTerminal(u.env.Stdout, u.summary(), opts); e != nil {
			err, code = errors.Join(err, e), exitError
		}
	}
	if len(u.missing()) > 0 {
		fmt.Fprintf(u.env.Stderr, "lt: suite: --continue %s, with the same flags, runs what is missing\n", text.Quote(u.dir))
	}
	fmt.Fprintf(u.env.Stderr, "exit %d: %s\n", code, meaning(code))
	return &cliError{code: code, err: err}
}

// byTarget reports whether a threshold failed by what only the target can have
// made.
func byTarget(r *run.Result) bool {
	for _, t := range r.Thresholds {
		if t.Verdict == verdict.Fail && t.ByTarget {
			return true
		}
	}
	return false
}
