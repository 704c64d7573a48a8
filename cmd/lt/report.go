package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// newReportCmd is `lt report`.
func newReportCmd(env *environ) *cobra.Command {
	var format, output, out string
	var verbose, noColor bool
	cmd := &cobra.Command{
		Use:   "report RUN|latest",
		Short: "Render a run again, or a run that was cut off",
		Long: `Render a run again. RUN is a run's directory, its result.json, or a name under
--out, such as latest. A run that was killed before it could write its result is
rebuilt from its journal, marked PARTIAL, and its reports are written into its
directory.`,
		Args: exactArgs(1, "a run (latest, or a run's directory)"),
	}
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	cmd.Flags().StringVarP(&format, "format", "f", "terminal", "one of "+strings.Join(names, ", "))
	cmd.Flags().StringVarP(&output, "output", "o", "-", "file to write to (- for stdout)")
	cmd.Flags().StringVar(&out, "out", cmp.Or(env.Getenv("LT_OUT"), defaultOut), "where runs are kept")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print more")
	cmd.Flags().BoolVar(&noColor, "no-color", false, "no colours (also NO_COLOR)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		f, ok := report.ByName(format)
		if !ok {
			return usageErrorf("--format %q: want one of %s", format, strings.Join(names, ", "))
		}
		dir, result, err := findRun(out, args[0])
		if err != nil {
			return err
		}
		if !result.Complete {
			if err := completeReports(dir, result); err != nil {
				return err
			}
		}
		o := &runOptions{noColor: noColor, verbose: verbose}
		opts := report.Options{Dir: dir, Verbose: verbose}
		if output != "-" {
			return run.WriteFile(output, func(w io.Writer) error { return f.Render(w, result, opts) })
		}
		opts.Color, opts.Width = o.color(env)
		return f.Render(env.Stdout, result, opts)
	}
	return cmd
}

// findRun is the run that ref names, here or under out, and its directory.
func findRun(out, ref string) (dir string, result *run.Result, err error) {
	dir, err = run.Find(out, ref)
	if err != nil {
		hint := "lt run makes one; --out DIR says where runs are kept"
		if found, _ := filepath.Glob(filepath.Join(ref, "*", run.PlanFile)); len(found) > 0 {
			hint = fmt.Sprintf("%s holds runs: %s is one", ref, filepath.Dir(found[0]))
		}
		return "", nil, hintf(usageErrorf("%w", err), "%s", hint)
	}
	result, err = run.Load(dir)
	return dir, result, err
}
