package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
	"github.com/seed-42693903/lt/scenarios"
)

// reviewFormats are the formats of `lt review`.
var reviewFormats = []string{"terminal", "html", "markdown", "json"}

// newReviewCmd is `lt review`.
func newReviewCmd(env *environ) *cobra.Command {
	var format, output, criteria, waivers, asOf string
	var verify, noColor bool
	cmd := &cobra.Command{
		Use:   "review RUN...",
		Short: "Say GO, NO-GO or NOT PROVEN of a release, with its evidence",
		Long: `Judge a release by its runs: one sheet whose first line is GO, NO-GO or NOT PROVEN with
its reasons, and below it each criterion of each run (value, limit, share, change against
the baseline, verdict), the contract's coverage and blockers, what was not tested, what is
open and how long a run would decide it, waivers, and the runs with their digests.

RUN is a run, a suite's directory or the directory of an lt smoke. Their labels must
agree: runs of different builds are refused (exit 2).

--criteria FILE says what a release needs; evidence that is missing is NO-GO:

  scenarios:
    - light
    - {name: endurance, duration: 1h, thresholds: [p95 < 500ms]}
  labels: [commit]
  baseline: required
  smoke: {coverage: 95%, max_p0: 0, max_p1: 0}

--waivers FILE lets a criterion be, by the name that --format json gives it, until the end
of a day. One that has expired fails; none makes an invalid run valid:

  waivers:
    - {criterion: "normal: p95 < 500ms", owner: ann, reason: cached from 2.4 on, expires: 2026-12-31}

Exit codes are those of runs: 0 GO, 99 NO-GO (98 where regressions alone are in the way),
4 where a run is invalid and nothing that only the target can have made is in the way,
5 NOT PROVEN. docs/review.md tells all of it.`,
		Example: `  lt review lt-results/suite-20261121T140000Z
  lt review latest -f html -o review.html
  lt review suite-20261121T140000Z smoke-20261121T130000Z --criteria release.yaml --waivers waivers.yaml --verify`,
		Args: atLeastArgs(1, "a run (latest, a run's directory, a suite's or a smoke's)"),
	}
	cmd.Flags().StringVarP(&format, "format", "f", "terminal", "one of "+strings.Join(reviewFormats, ", "))
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write to (- for stdout)")
	cmd.Flags().StringVar(&criteria, "criteria", "", "what the release needs (YAML)")
	cmd.Flags().StringVar(&waivers, "waivers", "", "criteria that need not hold, until when, by whom and why (YAML)")
	cmd.Flags().BoolVar(&verify, "verify", false, "judge the runs again from their journals, and refuse what is not what they show")
	cmd.Flags().StringVar(&asOf, "as-of", "", "the day for which waivers are looked at, as 2026-12-31 (default: today, UTC)")
	cmd.Flags().BoolVar(&noColor, "no-color", false, "no colours (also NO_COLOR)")
	p := addPlaces(cmd, env)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var errs []error
		add := func(err error) { errs = append(errs, err) }
		if !slices.Contains(reviewFormats, format) {
			add(usageErrorf("--format %q: want one of %s", format, strings.Join(reviewFormats, ", ")))
		}
		at := time.Now()
		if asOf != "" {
			var err error
			if at, err = time.Parse(time.DateOnly, asOf); err != nil {
				add(usageErrorf("--as-of %q: want a day, as 2026-12-31", asOf))
			}
		}
		needs := verdict.Needs{}
		if criteria != "" {
			n, err := readYAML(criteria, scenarios.ParseCriteria)
			if err != nil {
				add(err)
			} else {
				needs = *n
			}
		}
		var ws []verdict.Waiver
		if waivers != "" {
			var err error
			if ws, err = readYAML(waivers, scenarios.ParseWaivers); err != nil {
				add(err)
			}
		}
		runs, err := p.reviewed(args)
		if err != nil {
			add(err)
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		var verified []string
		if verify {
			for _, r := range runs {
				said, err := r.Verify(version())
				if err != nil {
					add(usageErrorf("%w", err))
				}
				verified = append(verified, said)
			}
			if err := errors.Join(errs...); err != nil {
				return hintf(err, "a review is of what lt measured: take the run out, or run it again")
			}
		}
		v, err := run.NewReview(runs, needs, ws, at, version())
		if err != nil {
			return hintf(usageErrorf("%w", err), "a review is of one build: give the runs of one, each with the same --label commit=SHA")
		}
		v.Verified = verified
		s := &report.ReviewSheet{Review: v, Links: links(v, output), Meaning: meaning(v.ExitCode)}
		render := map[string]func(io.Writer, *report.ReviewSheet) error{
			"html": report.ReviewHTML, "markdown": report.ReviewMarkdown, "json": report.ReviewJSON,
			"terminal": func(w io.Writer, s *report.ReviewSheet) error {
				var opts report.Options
				if output == "-" {
					opts.Color, opts.Width = (&runOptions{noColor: noColor}).color(env)
				}
				return report.ReviewTerminal(w, s, opts)
			},
		}[format]
		if output == "-" {
			err = render(env.Stdout, s)
		} else if err = run.WriteFile(output, func(w io.Writer) error { return render(w, s) }); err == nil {
			fmt.Fprintf(env.Stderr, "lt: %s\n", v.Lead)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stderr, "exit %d: %s\n", v.ExitCode, meaning(v.ExitCode))
		if v.ExitCode != exitPass {
			return &cliError{code: v.ExitCode}
		}
		return nil
	}
	return cmd
}

// readYAML reads and parses a file; each of its mistakes is a mistake of usage.
func readYAML[T any](path string, parse func(string, []byte) (T, error)) (v T, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return v, usageErrorf("%w", err)
	}
	if v, err = parse(path, b); err != nil {
		return v, usageErrorf("%w", err)
	}
	return v, nil
}

// reviewed are the runs and smokes that the arguments mean, each once.
func (p *places) reviewed(args []string) (runs []*run.ReviewedRun, err error) {
	var errs []error
	seen := map[string]bool{}
	for _, ref := range args {
		dirs := []string{run.FindSmoke(p.out, ref)}
		if dirs[0] == "" {
			if dirs, err = run.FindAll(p.out, ref); err != nil {
				errs = append(errs, hintf(usageErrorf("%w", err), "%s", p.hint(ref)))
				continue
			}
		}
		for _, dir := range dirs {
			if seen[dir] {
				continue
			}
			seen[dir] = true
			r, err := run.OpenReviewed(dir)
			if err != nil {
				errs = append(errs, usageErrorf("%w", err))
				continue
			}
			runs = append(runs, r)
		}
	}
	return runs, errors.Join(errs...)
}

// links lead from where the output stands to each run's report, or to its result
// where it has none.
func links(v *run.Review, output string) map[string]string {
	from := "."
	if output != "-" {
		from = filepath.Dir(output)
	}
	out := map[string]string{}
	for _, r := range v.Runs {
		for _, name := range []string{run.HTMLFile, run.ResultFile, run.SmokeFile, run.PlanFile} {
			path := filepath.Join(r.Dir, name)
			if _, err := os.Stat(path); err == nil {
				out[r.Name] = relativeURL(from, path)
				break
			}
		}
	}
	return out
}

// relativeURL leads from a directory to a file; empty where nothing relative does.
func relativeURL(from, to string) string {
	for _, p := range []*string{&from, &to} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return ""
		}
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			abs = real
		}
		*p = abs
	}
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return ""
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.ReplaceAll(strings.Join(parts, "/"), ":", "%3A")
}
