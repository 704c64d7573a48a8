package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/report"
)

// places are where a command that takes a RUN looks for it.
type places struct{ out, baselines string }

func addPlaces(cmd *cobra.Command, env *environ) *places {
	p := &places{}
	cmd.Flags().StringVar(&p.out, "out", cmp.Or(env.Getenv("LT_OUT"), defaultOut), "where runs are kept")
	cmd.Flags().StringVar(&p.baselines, "baselines", cmp.Or(env.Getenv("LT_BASELINES"), run.DefaultStore), "where baselines are kept")
	return p
}

func (p *places) store() run.Store { return run.Store{Dir: p.baselines} }

// load is the run or baseline that ref means, and where it is.
func (p *places) load(ref string) (path string, result *run.Result, err error) {
	path, err = run.Find(p.out, ref, p.store())
	if err != nil {
		return "", nil, hintf(usageErrorf("%w", err), "%s", p.hint(ref))
	}
	result, err = run.Load(path)
	return path, result, err
}

func (p *places) hint(ref string) string {
	if found, _ := filepath.Glob(filepath.Join(ref, "*", run.PlanFile)); len(found) > 0 {
		return fmt.Sprintf("%s holds runs: %s is one", ref, filepath.Dir(found[0]))
	}
	return "lt run makes one; --out DIR says where runs are kept, --baselines DIR where baselines are"
}

// open is all the runs that ref means.
func (p *places) open(ref string) ([]*run.Source, error) {
	paths, err := run.FindAll(p.out, ref, p.store())
	if err != nil {
		return nil, hintf(usageErrorf("%w", err), "%s", p.hint(ref))
	}
	var sources []*run.Source
	var errs []error
	for _, path := range paths {
		name := ref
		if len(paths) > 1 {
			name = path
		}
		s, err := run.Open(name, path)
		if err != nil {
			errs = append(errs, usageErrorf("%w", err))
			continue
		}
		sources = append(sources, s)
	}
	return sources, errors.Join(errs...)
}

// newBaselineCmd is `lt baseline`.
func newBaselineCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Keep runs to compare others with",
		Long: `A baseline is a run that is kept under a name: its figures, and the evidence to
compare by, in one JSON file of a directory (lt-baselines, --baselines DIR or
LT_BASELINES) that may stand in the repository. Its name is accepted wherever a run
is: lt compare main latest, lt run ci --baseline main, lt report main.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBaselineSetCmd(env), newBaselineListCmd(env), newBaselineShowCmd(env), newBaselineRmCmd(env))
	return cmd
}

func newBaselineSetCmd(env *environ) *cobra.Command {
	var name string
	var force bool
	cmd := &cobra.Command{
		Use:   "set RUN --name NAME",
		Short: "Keep a run as a baseline, in place of the one of that name",
		Long: `Keep a run as a baseline, in place of the one of that name. A run that was cut
short or is invalid is refused; --force keeps it, and says so. Of a directory of
several runs (a suite, a repetition) each is kept: NAME/light, NAME/normal, ...`,
		Example: `  lt baseline set latest --name main
  lt baseline set lt-results/suite-20261121T140000Z --name release-4`,
		Args: exactArgs(1, "a run (latest, or a run's directory)"),
	}
	cmd.Flags().StringVar(&name, "name", "", "name of the baseline, such as main")
	cmd.Flags().BoolVar(&force, "force", false, "keep a run that is partial or invalid too")
	p := addPlaces(cmd, env)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if name == "" {
			return hintf(usageErrorf("lt baseline set needs a name"), "lt baseline set %s --name main", text.Quote(args[0]))
		}
		if err := run.CheckBaselineName(name); err != nil {
			return usageErrorf("--name %w", err)
		}
		sources, err := p.open(args[0])
		if err != nil {
			return err
		}
		var errs []error
		for _, s := range sources {
			as := name
			if len(sources) > 1 {
				as = path.Join(name, filepath.Base(s.Path))
			}
			errs = append(errs, env.setBaseline(p.store(), as, s, force))
		}
		return errors.Join(errs...)
	}
	return cmd
}

// setBaseline keeps one run, and says so.
func (e *environ) setBaseline(store run.Store, name string, s *run.Source, force bool) error {
	old, _ := store.Load(name)
	file, err := store.Set(name, s, e.who(), time.Now(), force)
	if err != nil {
		return hintf(usageErrorf("%w", err), "--force keeps a run that is partial or invalid, but none that was edited")
	}
	fmt.Fprintf(e.Stdout, "baseline %s is run %s (%s), in %s", printable(name), s.Result.RunID, printable(s.Result.Scenario), printable(file))
	if old != nil && old.Result.RunID != s.Result.RunID {
		fmt.Fprintf(e.Stdout, "; it was run %s", printable(old.Result.RunID))
	}
	fmt.Fprintln(e.Stdout)
	return nil
}

// who sets a baseline.
func (e *environ) who() string {
	for _, name := range []string{"GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "USERNAME"} {
		if v, ok := e.lookup(name); ok {
			return v
		}
	}
	return "unknown"
}

func newBaselineListCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the baselines", Args: noArgs}
	p := addPlaces(cmd, env)
	cmd.RunE = func(*cobra.Command, []string) error {
		all, unreadable := p.store().List()
		for _, err := range unreadable {
			env.warn(printable(err.Error()))
		}
		if len(all) == 0 {
			fmt.Fprintf(env.Stderr, "lt: there is no baseline in %s; lt baseline set RUN --name main makes one\n", printable(p.baselines))
			return nil
		}
		w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "name\tscenario\tverdict\tP95 ms\trun at\tset by\tset at\tclass\tlabels")
		for _, b := range all {
			r := b.Result
			p95 := "-"
			if l := r.Totals.Response; l != nil {
				p95 = fmt.Sprintf("%.1f", l.P95)
			}
			var labels []string
			for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
				labels = append(labels, k+"="+r.Labels[k])
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(b.Name), printable(r.Scenario), printable(string(r.Verdict)), p95,
				r.StartedAt.UTC().Format("2006-01-02 15:04"), printable(b.SetBy), b.SetAt.Format("2006-01-02 15:04"), printable(b.Class), printable(strings.Join(labels, " ")))
		}
		return w.Flush()
	}
	return cmd
}

func newBaselineShowCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show a baseline and its figures", Args: exactArgs(1, "the name of a baseline (lt baseline list)")}
	p := addPlaces(cmd, env)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		b, err := p.store().Load(args[0])
		if err != nil {
			return hintf(usageErrorf("%w", err), "lt baseline list says which there are")
		}
		r := b.Result
		line := func(key, value string) { fmt.Fprintf(env.Stdout, "%-9s %s\n", key, printable(value)) }
		line("baseline", b.Name)
		line("set", b.SetAt.Format("2006-01-02 15:04:05 UTC")+" by "+b.SetBy)
		if b.Forced {
			line("", "forced: the run was partial or invalid")
		}
		line("run", r.RunID+", by lt "+r.LT)
		line("scenario", r.Scenario+", "+r.ScenarioDigest)
		line("class", b.Class)
		if r.Environment.CPU != "" {
			line("cpu", r.Environment.CPU)
		}
		fmt.Fprintln(env.Stdout)
		return report.Terminal(env.Stdout, r, report.Options{})
	}
	return cmd
}

func newBaselineRmCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{Use: "rm NAME...", Short: "Forget baselines", Args: atLeastArgs(1, "the name of a baseline (lt baseline list)")}
	p := addPlaces(cmd, env)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var errs []error
		for _, name := range args {
			if err := p.store().Remove(name); err != nil {
				errs = append(errs, hintf(usageErrorf("%w", err), "lt baseline list says which there are"))
			}
		}
		return errors.Join(errs...)
	}
	return cmd
}

// addBaselineFlags are the flags of run that have to do with baselines.
func addBaselineFlags(s *settings) {
	s.text("baseline", "", "RUN", "compare with this run or stored baseline: exit 98 where it regressed")
	s.flags.Bool("require-baseline", false, "a baseline that is not there is a mistake (exit 2)")
	s.text("save-baseline", "", "NAME", "keep the run as this baseline; of a suite each: NAME/light, ...")
	s.text("baselines", "", "DIR", "where baselines are kept (default "+run.DefaultStore+")")
}

// parseBaseline reads them.
func (o *runOptions) parseBaseline(s *settings) {
	o.places = places{out: o.out, baselines: cmp.Or(s.str("baselines"), run.DefaultStore)}
	o.baseline, o.requireBaseline, o.saveBaseline = s.str("baseline"), s.boolean("require-baseline"), s.str("save-baseline")
	if o.requireBaseline && o.baseline == "" {
		s.mistakes = append(s.mistakes, hintf(usageErrorf("--require-baseline: no baseline is named"), "--baseline NAME names one"))
	}
	if o.saveBaseline != "" {
		if err := run.CheckBaselineName(o.saveBaseline); err != nil {
			s.mistake("--save-baseline %w", err)
		}
	}
}

// openBaseline reads what the run will be compared with, before any load: a
// baseline that cannot be compared with is better known now. part is a suite's
// scenario; empty: there is no suite.
func (r *runner) openBaseline(part string) error {
	o := r.o
	if o.baseline == "" {
		return nil
	}
	ref := o.baseline
	if part != "" {
		ref = path.Join(ref, part)
	}
	if _, err := run.FindAll(o.places.out, ref, o.places.store()); err != nil {
		if o.requireBaseline {
			return hintf(usageErrorf("--baseline: %w", err), "lt baseline set RUN --name %s makes one", text.Quote(ref))
		}
		r.baseMissing = fmt.Sprintf("there is no baseline %s yet: nothing is compared", ref)
		fmt.Fprintf(r.env.Stderr, "lt: warning: %s; lt baseline set RUN --name %s makes one\n", printable(r.baseMissing), text.Quote(ref))
		return nil
	}
	sources, err := o.places.open(ref)
	if err != nil {
		return err
	}
	p := r.plan
	planned := &run.Result{Scenario: p.Scenario, ScenarioDigest: p.ScenarioDigest, Model: p.Profile.Model, Load: p.Load()}
	for _, s := range sources {
		if s.Edited != "" {
			return usageErrorf("--baseline: %s takes no part: %s", s.Ref, s.Edited)
		}
		if why := run.Unlike(s.Result, planned); why != "" {
			return hintf(usageErrorf("--baseline %s cannot be compared with this run: %s", s.Ref, why),
				"run it as the baseline was, or set a new baseline; lt compare --force compares all the same")
		}
	}
	r.base, p.BaselineP95 = sources, run.P95(sources)
	return nil
}

// compare compares the finished run with its baseline.
func (r *runner) compare(c *run.Collector, result *run.Result, dir string) error {
	if r.baseMissing != "" {
		result.Notes = append(result.Notes, r.baseMissing)
	}
	if len(r.base) == 0 || result.Edited { // the result says so
		return nil
	}
	comparison, err := run.Compare(r.base, []*run.Source{run.NewSource(dir, c, result)}, false)
	if err != nil {
		return err
	}
	result.Attach(c, comparison)
	return nil
}

// keep saves the finished run as a baseline, where that was asked for.
func (r *runner) keep(dir, part string) error {
	if r.o.saveBaseline == "" || r.result == nil {
		return nil
	}
	s, err := run.Open(dir, dir)
	if err != nil {
		return err
	}
	quiet := *r.env
	quiet.Stdout = r.env.Stderr
	return quiet.setBaseline(r.o.places.store(), path.Join(r.o.saveBaseline, part), s, false)
}
