package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// newReportCmd is `lt report`.
func newReportCmd(env *environ) *cobra.Command {
	var format, output string
	var verbose, noColor, baselineDoc bool
	cmd := &cobra.Command{
		Use:   "report RUN|latest",
		Short: "Render a run again, or a run that was cut off",
		Long: `Render a run again. RUN is a run's directory, its result.json, or a name under
--out, such as latest. A run that was killed before it could write its result is
rebuilt from its journal, marked PARTIAL, and its reports are written into its
directory. RUN may be a stored baseline too.

--baseline-doc writes ` + report.BaselineFile + ` instead: environment, configuration, the figures of each
scenario and endpoint, and the anomalies, of a run or of a suite's directory; of the
newest suite where none is named.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if baselineDoc && len(args) == 0 {
				return nil
			}
			return exactArgs(1, "a run (latest, or a run's directory)")(cmd, args)
		},
	}
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	cmd.Flags().StringVarP(&format, "format", "f", "terminal", "one of "+strings.Join(names, ", "))
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write to (- for stdout)")
	cmd.Flags().BoolVar(&baselineDoc, "baseline-doc", false, "write "+report.BaselineFile+" of a run or a suite (-o says where)")
	p := addPlaces(cmd, env)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print more")
	cmd.Flags().BoolVar(&noColor, "no-color", false, "no colours (also NO_COLOR)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, ok := report.ByName(format)
		if !ok {
			return usageErrorf("--format %q: want one of %s", format, strings.Join(names, ", "))
		}
		if baselineDoc {
			return writeBaselineDoc(cmd, p, args, output)
		}
		dir, result, err := p.load(args[0])
		if err != nil {
			return err
		}
		stored := run.IsBaseline(dir)
		if !result.Complete && !stored {
			if err := completeReports(dir, result); err != nil {
				return err
			}
		}
		o := &runOptions{noColor: noColor, verbose: verbose}
		opts := report.Options{Dir: dir, Verbose: verbose}
		if stored {
			opts.Dir = ""
		}
		if output != "-" {
			return run.WriteFile(output, func(w io.Writer) error { return f.Render(w, result, opts) })
		}
		opts.Color, opts.Width = o.color(env)
		return f.Render(env.Stdout, result, opts)
	}
	cmd.AddCommand(newIndexCmd(env))
	return cmd
}

// writeBaselineDoc is `lt report --baseline-doc`.
func writeBaselineDoc(cmd *cobra.Command, p *places, args []string, output string) error {
	ref := ""
	if len(args) > 0 {
		ref = args[0]
	} else if suites := newest(filepath.Join(p.out, suiteName+"-*")); len(suites) > 0 {
		ref = suites[0]
	} else {
		ref = run.LatestLink
	}
	paths, err := run.FindAll(p.out, ref, p.store())
	if err != nil {
		return hintf(usageErrorf("%w", err), "%s", p.hint(ref))
	}
	s := &report.Suite{Name: filepath.Base(ref), LT: version()}
	names := make([]string, len(paths))
	for i, path := range paths {
		result, err := run.Load(path)
		if err != nil {
			return err
		}
		names[i] = result.Scenario
		if len(paths) > 1 {
			names[i] = strings.TrimSuffix(filepath.Base(path), ".json")
		}
		s.Runs = append(s.Runs, report.SuiteRun{Name: names[i], Result: result})
	}
	if slices.ContainsFunc(suiteScenarios, func(n string) bool { return slices.Contains(names, n) }) && len(paths) > 1 {
		for _, name := range suiteScenarios {
			if !slices.Contains(names, name) {
				s.Runs = append(s.Runs, report.SuiteRun{Name: name, Note: "The suite holds no run of it."})
			}
		}
	}
	if !cmd.Flags().Changed("output") {
		output = report.BaselineFile
	}
	if output == "-" {
		return report.BaselineDoc(cmd.OutOrStdout(), s)
	}
	if err := run.WriteFile(output, func(w io.Writer) error { return report.BaselineDoc(w, s) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "lt: %s of %s, in %s\n", report.BaselineFile, ref, output)
	return err
}
