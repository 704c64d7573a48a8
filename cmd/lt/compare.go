package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// compareFormats are the formats of `lt compare`.
var compareFormats = []string{"terminal", "markdown", "html", "json"}

// newCompareCmd is `lt compare`.
func newCompareCmd(env *environ) *cobra.Command {
	var format, output string
	var force, verbose, noColor bool
	cmd := &cobra.Command{
		Use:   "compare BASE NEW | BASE... -- NEW...",
		Short: "Say in what runs differ, as far as their data show it",
		Long: `Compare runs: P50, P95, P99, error rate and throughput, of the whole run and of
each endpoint. Each is regressed, improved, same (shown to differ by less than what
matters: 10 % of P50 and P95, 20 % of P99, 5 % of throughput, 0.1 points of the error
rate) or inconclusive, with the smallest change that the data could have shown.

With five or more runs on each side the test is a permutation of the runs. With
fewer, blocks within the runs are resampled, and the comparison says that the spread
between runs is unknown.

BASE and NEW are runs, stored baselines, or directories of several runs (lt run
--repeat). One directory of lt run --ab is both sides. Where there are more, -- stands
between the two.

The exit code is 98 where something regressed, else 0. Runs of another scenario, model
or load are refused (exit 2) unless forced. Runs of another processor or class of runner
(LT_ENV_CLASS) are compared, and set no exit code.`,
		Example: `  lt compare main latest
  lt compare lt-results/repeat-20261121T140000Z lt-results/repeat-20261121T150000Z
  lt compare a1 a2 a3 a4 a5 -- b1 b2 b3 b4 b5`,
		Args: atLeastArgs(1, "two runs (latest, a run's directory, or the name of a baseline)"),
	}
	cmd.Flags().StringVarP(&format, "format", "f", "terminal", "one of "+strings.Join(compareFormats, ", "))
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write to (- for stdout)")
	cmd.Flags().BoolVar(&force, "force", false, "compare runs of different scenarios, models or loads too; that sets no exit code")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print every endpoint")
	cmd.Flags().BoolVar(&noColor, "no-color", false, "no colours (also NO_COLOR)")
	p := addPlaces(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		base, other, err := p.sides(args, cmd.ArgsLenAtDash())
		if err != nil {
			return err
		}
		c, err := run.Compare(base, other, force)
		if err != nil {
			return hintf(usageErrorf("%w", err), "--force compares different scenarios, models and loads, but never a run that was edited")
		}
		o := &runOptions{noColor: noColor}
		opts := report.Options{Verbose: verbose}
		if output == "-" {
			opts.Color, opts.Width = o.color(env)
		}
		var render func(io.Writer) error
		switch format {
		case "terminal":
			render = func(w io.Writer) error { return report.CompareTerminal(w, c, opts) }
		case "markdown":
			render = func(w io.Writer) error { return report.CompareMarkdown(w, c) }
		case "json":
			render = func(w io.Writer) error { return report.CompareJSON(w, c) }
		case "html":
			render = func(w io.Writer) error {
				return report.CompareHTML(w, &report.ComparePage{Title: strings.Join(args, " "), LT: version(), At: time.Now(), Comparison: c})
			}
		default:
			return usageErrorf("--format %q: want one of %s", format, strings.Join(compareFormats, ", "))
		}
		if output == "-" {
			err = render(env.Stdout)
		} else {
			err = run.WriteFile(output, render)
		}
		if err != nil {
			return err
		}
		if c.Regressed() {
			fmt.Fprintf(env.Stderr, "exit %d: %s\n", exitRegression, meaning(exitRegression))
			return &cliError{code: exitRegression}
		}
		return nil
	}
	return cmd
}

// sides parts the arguments into the runs of both sides. dash is how many stand
// before --; -1: there is none.
func (p *places) sides(args []string, dash int) (base, other []*run.Source, err error) {
	all := func(refs []string) (out []*run.Source, err error) {
		for _, ref := range refs {
			sources, err := p.open(ref)
			if err != nil {
				return nil, err
			}
			out = append(out, sources...)
		}
		return out, nil
	}
	switch {
	case dash > 0 && dash < len(args):
		if base, err = all(args[:dash]); err == nil {
			other, err = all(args[dash:])
		}
		return base, other, err
	case dash >= 0:
		return nil, nil, hintf(usageErrorf("lt compare needs runs before and after --"), "lt compare a1 a2 -- b1 b2")
	case len(args) == 2:
		if base, err = all(args[:1]); err == nil {
			other, err = all(args[1:])
		}
		return base, other, err
	case len(args) > 2:
		return nil, nil, hintf(usageErrorf("lt compare: which of the %d runs are the base?", len(args)), "put -- between the two sides: lt compare a1 a2 -- b1 b2")
	}
	both, err := all(args)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range both {
		switch name := filepath.Base(s.Path); {
		case len(both) > 1 && strings.HasPrefix(name, "a"):
			base = append(base, s)
		case len(both) > 1 && strings.HasPrefix(name, "b"):
			other = append(other, s)
		}
	}
	if len(base) == 0 || len(base)+len(other) != len(both) {
		return nil, nil, hintf(usageErrorf("lt compare %s: what is it to be compared with?", args[0]), "lt compare main latest compares two; the directory of an lt run --ab is both sides")
	}
	return base, other, nil
}
