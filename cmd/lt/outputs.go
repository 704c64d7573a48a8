package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// writeReports writes the run's files, result.json last, the copies that were
// asked for, GitHub's summary of the job, and the summary on stdout.
func writeReports(env *environ, o *runOptions, dir *run.Dir, result *run.Result) (errs []error) {
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
			*result.ExitCode = exitError // in result.json too, which is written last
		}
	}
	opts := report.Options{Dir: dir.Path, Verbose: o.verbose}
	piped := false // stdout holds a document, and nothing else
	for _, f := range report.Formats() {
		if f.File == "" {
			continue
		}
		render := func(w io.Writer) error { return f.Render(w, result, opts) }
		switch path := o.copies[f.Name]; path {
		case "":
		case "-":
			piped = true
			add(render(env.Stdout))
		default:
			err := os.MkdirAll(filepath.Dir(path), 0o777)
			if err == nil {
				err = run.WriteFile(path, render)
			}
			add(err)
		}
		add(dir.Write(f.File, render))
	}
	stepSummary(env, result)
	annotate(env, result)
	if !o.quiet && !o.brief && !piped {
		f, _ := report.ByName("terminal")
		opts.Color, opts.Width = o.color(env)
		add(f.Render(env.Stdout, result, opts))
	}
	return errs
}

// stepSummary appends the Markdown summary to the page that GitHub shows of a
// job.
func stepSummary(env *environ, result *run.Result) {
	env.appendSummary(func(w io.Writer) error { return report.Markdown(w, result, report.Options{}) })
}

// appendSummary appends to the page that GitHub shows of a job. Nobody asked for
// it by name, so that failing to is a warning.
func (e *environ) appendSummary(render func(io.Writer) error) {
	path, ok := e.lookup("GITHUB_STEP_SUMMARY")
	if !ok {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err == nil {
		err = render(f)
		if _, e := io.WriteString(f, "\n"); err == nil {
			err = e
		}
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		fmt.Fprintf(e.Stderr, "lt: warning: the job's summary (GITHUB_STEP_SUMMARY) could not be written: %s\n", err)
	}
}

// annotate tells GitHub's page of a job, and of its pull request, what is wrong.
// On stderr, where the runner reads commands too: stdout is for documents.
func annotate(env *environ, result *run.Result) {
	if on, _ := env.lookup("GITHUB_ACTIONS"); on == "true" {
		_ = report.Annotations(env.Stderr, result)
	}
}

// completeReports writes the reports of a run that was cut off. It writes no
// result.json: what the journal tells stays the evidence.
func completeReports(dir string, result *run.Result) error {
	d := &run.Dir{Path: dir}
	for _, f := range report.Formats() {
		if f.File == "" || f.File == run.ResultFile {
			continue
		}
		if err := d.Write(f.File, func(w io.Writer) error { return f.Render(w, result, report.Options{Dir: dir}) }); err != nil {
			return fmt.Errorf("complete the reports: %w", err)
		}
	}
	return nil
}
