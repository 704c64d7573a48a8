package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
)

const (
	defaultPairs         = 5
	maxRepeats           = 50
	groupCooldown        = 5 * time.Second
	comparisonFile       = "comparison.json"
	groupAB, groupRepeat = "ab", "repeat"
)

func addGroupFlags(s *settings) {
	s.text("ab", "", "URL_A URL_B", "run the scenario against two targets in turn (ABBA) and compare B with A")
	s.text("pairs", "", "N", "with --ab: runs of each target (default 5, from which on the spread between runs is known)")
	s.text("repeat", "", "N", "run it N times, one after the other, and tell how much the runs differ")
}

// runArgs are the positional arguments of `lt run`: what is run, and beside --ab
// its second URL.
func runArgs(cmd *cobra.Command, args []string) error {
	if cmd.Flags().Changed("ab") {
		return exactArgs(2, "a scenario and two URLs: lt run ci --ab URL_A URL_B")(cmd, args)
	}
	return exactArgs(1, "a scenario, a file or a URL (lt scenarios list)")(cmd, args)
}

// A repetition is several runs of one plan: `lt run --repeat N` or, of two targets
// in turn, `lt run --ab`. It is a suite whose scenarios are all the same.
type repetition struct {
	suite
	kind  string
	sides []string // of each run: a, b, or empty
}

// newRepetition reads the options, which are those of each run but for the target.
func newRepetition(env *environ, s *settings, args []string) (*repetition, error) {
	p := &repetition{suite: suite{env: env}, kind: groupRepeat}
	s.suite = true
	s.fromEnv("api-key", "concurrency", "ab", "target")
	what, urls := args[0], []string{""}
	n := s.count("repeat", 1)
	mistakes := s.mistakes
	if s.given("ab") {
		p.kind = groupAB
		n = s.count("pairs", defaultPairs)
		mistakes = s.mistakes
		second := args[1]
		if strings.Contains(what, "://") {
			what, second = second, what
		}
		urls = []string{s.str("ab"), second}
		for _, other := range []string{"target", "reference", "repeat", "baseline", "save-baseline"} {
			if s.given(other) {
				mistakes = append(mistakes, usageErrorf("--ab and %s exclude each other", s.origin(other)))
			}
		}
		if strings.Contains(what, "://") || !strings.Contains(second, "://") {
			mistakes = append(mistakes, hintf(usageErrorf("--ab wants a scenario and two URLs"), "lt run ci --ab http://127.0.0.1:8009 http://127.0.0.1:8010"))
		}
	} else if s.given("pairs") {
		mistakes = append(mistakes, hintf(usageErrorf("--pairs is for --ab"), "--repeat N runs one target N times"))
	}
	if what == suiteName || what == suiteBaseline {
		mistakes = append(mistakes, usageErrorf("a suite is neither repeated nor run in pairs: name one of its scenarios"))
	}
	if s.given("continue") {
		mistakes = append(mistakes, hintf(usageErrorf("--continue is for a suite"), "lt run suite"))
	}
	if n > maxRepeats {
		mistakes = append(mistakes, usageErrorf("%d runs are more than the %d that one command makes", n, maxRepeats))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	var sides []*runOptions
	for _, url := range urls {
		if url != "" {
			if err := s.flags.Set("target", url); err != nil {
				return nil, err
			}
		}
		s.mistakes = nil
		o, err := parseRunOptions(s, what)
		if err != nil {
			return nil, err
		}
		o.brief = !o.verbose
		sides = append(sides, o)
	}
	p.cooldown = s.duration("cooldown", groupCooldown)
	if err := errors.Join(s.mistakes...); err != nil {
		return nil, err
	}
	add := func(o *runOptions, side, name string) {
		own := *o
		own.copies = map[string]string{}
		for format, path := range o.copies {
			own.copies[format] = suitePath(path, name)
		}
		p.each = append(p.each, &own)
		p.sides = append(p.sides, side)
		p.runs = append(p.runs, report.SuiteRun{Name: name, Note: "It has not run yet."})
	}
	for i := 1; i <= n; i++ {
		switch {
		case p.kind == groupRepeat:
			add(sides[0], "", fmt.Sprint(i))
		case i%2 == 1:
			add(sides[0], "a", fmt.Sprintf("a%d", i))
			add(sides[1], "b", fmt.Sprintf("b%d", i))
		default:
			add(sides[1], "b", fmt.Sprintf("b%d", i))
			add(sides[0], "a", fmt.Sprintf("a%d", i))
		}
	}
	p.codes = make([]suiteCode, len(p.runs))
	return p, nil
}

func (p *repetition) run(parent context.Context) error {
	p.signals = listen(parent)
	defer p.signals.end()
	before, cancel := p.signals.untilFirst()
	defer cancel()
	first := p.each[0]
	if first.reference && !first.dryRun {
		ref, err := startReference(before, p.env.Stderr, first.faults)
		if err != nil {
			return p.signals.ended(err)
		}
		defer ref.Stop()
		p.reference = ref
		for _, o := range p.each {
			if err := o.useReference(p.env, ref); err != nil {
				return err
			}
		}
	}
	runners, err := p.prepare(before)
	if err != nil {
		return p.signals.ended(err)
	}
	if first.dryRun {
		return nil
	}
	if p.dir, err = run.CreateSuite(first.out, p.kind, time.Now()); err != nil {
		return hintf(fmt.Errorf("make the directory of the runs: %w", err), "--out DIR says where results go")
	}
	for i, r := range runners {
		if i > 0 && !p.pause(before, p.runs[i].Name) {
			break
		}
		if !r.o.quiet {
			fmt.Fprintf(p.env.Stderr, "lt: %s: run %s, %d of %d\n", p.kind, p.runs[i].Name, i+1, len(p.runs))
		}
		p.codes[i] = p.one(r, i)
		if p.signals.code.Load() != 0 || p.runs[i].Result == nil {
			break
		}
	}
	return p.finish()
}

// prepare plans every run, says once what will be done, and sees that all may
// start.
func (p *repetition) prepare(ctx context.Context) ([]*runner, error) {
	runners := make([]*runner, len(p.each))
	for i, o := range p.each {
		runners[i] = &runner{env: p.env, o: o, signals: p.signals, reference: p.reference}
		if err := runners[i].prepare(); err != nil {
			return nil, err
		}
	}
	o := p.each[0]
	if err := runners[0].openBaseline(""); err != nil {
		return nil, err
	}
	for _, r := range runners[1:] {
		r.base, r.baseMissing = runners[0].base, runners[0].baseMissing
	}
	w := p.env.Stderr
	if o.dryRun {
		w = p.env.Stdout
	}
	if !o.quiet || o.dryRun {
		total := time.Duration(len(p.each))*o.profile.Duration() + time.Duration(len(p.each)-1)*p.cooldown
		text := fmt.Sprintf("%d runs", len(p.each))
		if p.kind == groupAB {
			text = fmt.Sprintf("%d pairs in turn (ABBA) of A %s and B %s", len(p.each)/2, p.each[0].target, p.each[1].target)
		}
		fmt.Fprintf(w, "lt: %s: %s; %s between them; about %s in all\n", p.kind, text, short(p.cooldown), short(total))
		if pairs := len(p.each) / 2; p.kind == groupAB && pairs < verdict.EnoughRuns {
			fmt.Fprintf(w, "lt: warning: with %d of each the spread between runs stays unknown; --pairs %d shows it\n", pairs, verdict.EnoughRuns)
		}
	}
	runners[0].printPlan()
	if o.dryRun {
		return runners, nil
	}
	for _, r := range runners {
		if err := r.safety(ctx); err != nil {
			return nil, err
		}
	}
	asked := map[string]bool{}
	for i, r := range runners {
		if !asked[p.sides[i]] {
			asked[p.sides[i]] = true
			if err := r.preflight(ctx); err != nil {
				return nil, err
			}
		}
	}
	return runners, nil
}

// finish writes the page, and says how the runs ended and differ.
func (p *repetition) finish() error {
	var errs []error
	var comparison *run.Comparison
	done := true
	for i := range p.runs {
		if p.runs[i].Result == nil {
			done = false
			if p.signals.code.Load() != 0 {
				p.runs[i].Note = "It was interrupted before it."
			}
		}
	}
	codes := p.codes
	if p.kind == groupAB {
		// A's runs are the measure: only that they could not be made counts.
		p.codes = nil
		for i, c := range codes {
			switch c.code {
			case exitThreshold, exitInconclusive, exitRegression:
				if p.sides[i] == "a" {
					continue
				}
			}
			p.codes = append(p.codes, c)
		}
		if done {
			var err error
			if comparison, err = p.compareSides(); err != nil {
				errs = append(errs, err)
			} else if comparison.Regressed() {
				p.codes = append(p.codes, suiteCode{code: exitRegression})
			}
		}
	}
	code := p.exitCode()
	o := p.each[0]
	opts := report.Options{Verbose: o.verbose}
	opts.Color, opts.Width = o.color(p.env)
	page := func(w io.Writer) error { return report.SuiteHTML(w, p.table()) }
	if comparison != nil {
		page = func(w io.Writer) error {
			return report.CompareHTML(w, &report.ComparePage{
				Title: filepath.Base(p.dir), LT: version(), At: p.runs[0].Result.StartedAt, Comparison: comparison, Runs: p.runs,
			})
		}
		errs = append(errs, run.WriteFile(filepath.Join(p.dir, comparisonFile), func(w io.Writer) error { return report.CompareJSON(w, comparison) }))
	}
	errs = append(errs, run.WriteFile(filepath.Join(p.dir, run.IndexFile), page))
	if !o.quiet {
		if comparison != nil {
			errs = append(errs, report.CompareTerminal(p.env.Stdout, comparison, opts))
		} else {
			errs = append(errs, report.SuiteTerminal(p.env.Stdout, p.table(), opts))
		}
		if results := p.results(); p.kind == groupRepeat && len(results) > 1 {
			errs = append(errs, report.SpreadTerminal(p.env.Stdout, results, opts))
		}
		if comparison != nil {
			fmt.Fprintf(p.env.Stdout, "index  %s\n", filepath.Join(p.dir, run.IndexFile))
		}
	}
	if comparison != nil {
		p.env.appendSummary(func(w io.Writer) error { return report.CompareMarkdown(w, comparison) })
	}
	err := errors.Join(errs...)
	if err != nil {
		code = exitError
	}
	fmt.Fprintf(p.env.Stderr, "exit %d: %s\n", code, meaning(code))
	return &cliError{code: code, err: err}
}

// table is the runs as a suite's.
func (p *repetition) table() *report.Suite {
	s := p.summary()
	s.Noun = "run"
	return s
}

func (p *repetition) results() (out []*run.Result) {
	for i := range p.runs {
		if r := p.runs[i].Result; r != nil {
			out = append(out, r)
		}
	}
	return out
}

// compareSides compares B's runs with A's, from what they left on disk.
func (p *repetition) compareSides() (*run.Comparison, error) {
	var base, other []*run.Source
	for i, side := range p.sides {
		path := filepath.Join(p.dir, p.runs[i].Name)
		s, err := run.Open(filepath.Join(filepath.Base(p.dir), p.runs[i].Name), path)
		if err != nil {
			return nil, err
		}
		if side == "a" {
			base = append(base, s)
		} else {
			other = append(other, s)
		}
	}
	return run.Compare(base, other, false)
}
