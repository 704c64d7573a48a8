package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/importer"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
)

// newImportCmd is `lt import`.
func newImportCmd(env *environ) *cobra.Command {
	var list []string
	for _, f := range importer.Formats() {
		list = append(list, fmt.Sprintf("  %-11s %s: %s", f.Name, f.Tool, f.About))
	}
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Make a run of another tool's results",
		Long: `Make a run's directory of the results of another load generator, to be reported,
judged and compared like a run of lt's own. The files are those of one run; they may
be packed by gzip. What they are is told from their content, else by --format:

` + strings.Join(list, "\n") + `

Of summaries (locust, k6-summary) only counts, means and percentiles are known: they
are judged by counts and rates alone. What a format does not tell stands in every
report; nothing is made up for it. docs/import.md has the details.`,
		Example: `  lt import results.jtl --scenario peak --threshold 'p95 < 500ms'
  lt import peak_stats.csv peak_stats_history.csv peak_failures.csv
  vegeta encode --to json results.bin > results.json && lt import results.json
  lt import latencies.hlog --unit us --label commit=4f2a91c`,
		Args: atLeastArgs(1, "the result files of a run"),
	}
	s := newSettings(cmd, env)
	s.text("format", "", "NAME", "what the files are (default: told from their content)")
	s.text("unit", "", "UNIT", "of the values of an HdrHistogram log: ns, us or ms (default ns)")
	s.text("warmup", "", "DURATION", "from the start, left out of the figures (default 0s)")
	s.text("scenario", "", "NAME", "what the run is called; only runs of one name are compared (default: the tool's name)")
	s.text("target", "", "URL", "what was tested, for the reports")
	s.list("label", "", "NAME=VALUE", "of the build under test, such as commit=4f2a91c (repeatable)")
	s.list("threshold", "", "EXPR", "judge by it, such as 'p95 < 500ms' (repeatable; default: nothing is judged)")
	s.text("out", "", "DIR", "where runs are kept (default "+defaultOut+")")
	s.flags.BoolP("quiet", "q", false, "print no summary")
	s.flags.BoolP("verbose", "v", false, "print more")
	s.flags.Bool("no-color", false, "no colours (also NO_COLOR)")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return importRun(env, s, args) }
	return cmd
}

// units are what --unit may say.
var units = map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond}

// readImportFlags reads all flags, and says all that is wrong with them.
func readImportFlags(s *settings) (o importer.Options, p *run.Plan, err error) {
	s.fromEnv("target", "threshold", "format", "warmup") // which are of `lt run` there
	o = importer.Options{Format: s.str("format"), Warmup: s.duration("warmup", 0)}
	names := []string{}
	for _, f := range importer.Formats() {
		names = append(names, f.Name)
	}
	if o.Format != "" && !slices.Contains(names, o.Format) {
		s.mistake("%s %q: want one of %s", s.origin("format"), o.Format, strings.Join(names, ", "))
	}
	if v := s.str("unit"); v != "" {
		var ok bool
		if o.Unit, ok = units[v]; !ok {
			s.mistake("%s %q: want ns, us or ms", s.origin("unit"), v)
		}
	}
	p = &run.Plan{Schema: run.Schema, LT: version(), Scenario: s.str("scenario"), Target: s.str("target"), Labels: s.pairs("label")}
	for _, expression := range s.flag("threshold").values {
		t, err := verdict.ParseThreshold(expression)
		if err != nil {
			s.mistake("%s: %w", s.origin("threshold"), err)
			continue
		}
		t.Source = "flag"
		p.Thresholds = append(p.Thresholds, t)
	}
	return o, p, joinUsage(s.mistakes)
}

func importRun(env *environ, s *settings, paths []string) error {
	o, p, err := readImportFlags(s)
	if err != nil {
		return err
	}
	im, err := importer.Open(paths, o)
	if err != nil {
		return &cliError{code: exitUsage, err: err, hint: "nothing was imported; lt import --help lists the formats"}
	}
	im.Plan(p)
	if p.Scenario == "" {
		p.Scenario = p.Imported.Format
	}
	digest := sha256.Sum256([]byte("import\x00" + p.Imported.Tool + "\x00" + p.Scenario))
	p.ScenarioDigest = "sha256:" + hex.EncodeToString(digest[:])
	p.Environment.Class, _ = env.lookup("LT_ENV_CLASS")
	p.RunID = run.NewRunID(time.Now().UTC(), rand.Uint64())
	p.Command = importCommand(s, paths)
	redactor := client.NewRedactor()
	redactPlan(redactor, p)
	if err := importThresholds(im, p); err != nil {
		return err
	}
	dir, err := run.Create(cmp.Or(s.str("out"), defaultOut), p)
	if err != nil {
		return hintf(fmt.Errorf("make the run's directory: %w", err), "--out DIR says where results go")
	}
	if dir.LinkErr != nil {
		fmt.Fprintf(env.Stderr, "lt: warning: %s\n", printable(dir.LinkErr.Error()))
	}
	journal, err := run.NewJournal(dir)
	if err != nil {
		return err
	}
	err = im.Replay(redacting(redactor, journal.Observe))
	if e := journal.Close(); err == nil {
		err = e
	}
	if err != nil {
		return hintf(fmt.Errorf("%w", err), "%s is not whole, and no run to judge by", dir.Path)
	}
	result := journal.Result()
	code := exitOf(result, 0, "")
	result.ExitCode = &code
	ro := &runOptions{quiet: s.boolean("quiet"), verbose: s.boolean("verbose"), noColor: s.boolean("no-color")}
	errs := writeReports(env, ro, dir, result)
	fmt.Fprintf(env.Stderr, "lt: imported %s from %s: %s\n", requestsOf(result), im.Tool(), dir.Path)
	if len(p.Thresholds) > 0 {
		fmt.Fprintf(env.Stderr, "exit %d: %s\n", *result.ExitCode, meaning(*result.ExitCode))
	}
	return &cliError{code: *result.ExitCode, err: errors.Join(errs...)}
}

func requestsOf(r *run.Result) string {
	n := r.Totals.Requests + r.Warmup.Requests
	return text.Thousands(fmt.Sprint(n)) + " requests"
}

// importThresholds refuses thresholds that the files cannot decide: nothing that was
// not measured passes.
func importThresholds(im *importer.Import, p *run.Plan) error {
	can := append(slices.Clone(countMetrics), "percentiles", "mean", "min", "max")
	if im.SummaryOnly() {
		can = countMetrics
	}
	var errs []error
	for _, t := range p.Thresholds {
		timed := t.Quantile > 0 || t.Unit == verdict.UnitMS
		switch {
		case im.SummaryOnly() && timed:
			errs = append(errs, hintf(usageErrorf("threshold %q: these files of %s have no times of single requests", t.Expression, im.Tool()),
				"of a summary, %s can be judged", strings.Join(can, ", ")))
		case im.SummaryOnly() && t.Scope != "":
			errs = append(errs, usageErrorf("threshold %q: these files of %s do not tell what each endpoint did over time; judge the whole run", t.Expression, im.Tool()))
		case !timed && !slices.Contains(can, t.Metric):
			errs = append(errs, hintf(usageErrorf("threshold %q: the files of %s do not tell %s", t.Expression, im.Tool(), t.Metric),
				"of these, %s can be judged", strings.Join(can, ", ")))
		}
	}
	if err := errors.Join(errs...); err != nil || im.SummaryOnly() {
		return err
	}
	return checkScopes(p)
}

// countMetrics are those that counts alone decide.
var countMetrics = []string{"error_rate", "availability", "throughput", "attempts", "count"}

// importCommand is the command that imports the same again.
func importCommand(s *settings, paths []string) string {
	words := []string{"lt", "import"}
	for _, p := range paths {
		words = append(words, text.Quote(p))
	}
	for _, f := range s.all() {
		for _, v := range f.values {
			if f.boolean {
				words = append(words, "--"+f.name)
			} else {
				words = append(words, "--"+f.name, text.Quote(v))
			}
		}
	}
	return strings.Join(words, " ")
}
