package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// newIndexCmd is `lt report index`.
func newIndexCmd(env *environ) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "index DIR",
		Short: "Write one page over many runs, with their trends",
		Long: `Write index.html in DIR, a directory of results: the newest run of each scenario side by
side, and of each plan (scenario, load and model) its runs as a trend: response times,
error rate and throughput, and P95 and errors of each endpoint, with a mark where the
baseline changed. Each run leads to its report. The page needs no network.

lt run baseline runs the four scenarios and writes it of --out.`,
		Example: `  lt report index lt-results`,
		Args:    exactArgs(1, "a directory of results (lt-results)"),
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write to (default DIR/"+run.IndexFile+", - for stdout)")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return writeIndex(env, args[0], output) }
	return cmd
}

// writeIndex writes the index of the runs below dir.
func writeIndex(env *environ, dir, output string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return hintf(usageErrorf("there is no directory %s", dir), "lt run makes one; --out DIR of a run says where")
	}
	paths, err := run.Scan(dir)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return hintf(usageErrorf("%s holds no run", dir), "lt run makes one")
	}
	if output == "" {
		output = filepath.Join(dir, run.IndexFile)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	h := &report.History{Name: filepath.Base(abs), LT: version()}
	from := "."
	if output != "-" {
		from = filepath.Dir(output)
	}
	for _, path := range paths {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		result, err := run.Load(path)
		if err != nil {
			h.Unreadable = append(h.Unreadable, fmt.Sprintf("%s could not be read: %s", name, err))
			continue
		}
		r := report.HistoryRun{Name: filepath.ToSlash(name), Result: result}
		if page := filepath.Join(path, run.HTMLFile); exists(page) {
			r.Href = relativeURL(from, page)
		}
		h.Runs = append(h.Runs, r)
	}
	render := func(w io.Writer) error { return report.HistoryHTML(w, h) }
	if output == "-" {
		return render(env.Stdout)
	}
	if err := run.WriteFile(output, render); err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, "lt: index of %d runs, in %s\n", len(h.Runs), output)
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
