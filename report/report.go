// Package report renders a finished run: one file per format, one row of the
// table [Formats] for each. It reads a [run.Result] and nothing else, so that a
// run rendered again a year later gives the same bytes.
//
// Whatever a target, a scenario or a label may have put into a Result is hostile
// until it has passed the format's own escaping and clean (text.go).
package report

import (
	"io"

	"github.com/seed-42693903/lt/internal/run"
)

// A Format is one way to render a Result.
type Format struct {
	Name   string // as --format takes it
	File   string // the file's name in a run's directory; empty: for standard output only
	About  string // one line for help
	Render func(w io.Writer, r *run.Result, o Options) error
}

// Options change how a Result is rendered, never what it says. The zero value
// works.
type Options struct {
	Color   bool   // terminal: ANSI colours; the caller has looked at NO_COLOR and the terminal
	Width   int    // terminal: columns; 0 means 80
	Verbose bool   // terminal: all failures, all thresholds, outcomes, events, environment
	Dir     string // the run's directory, where the text names its files; empty: it names none
}

// formats is the table of formats. A new one is a file and a row. The result
// comes last: where it is, all of a run's files are.
var formats = []Format{
	{"terminal", "", "summary for a terminal of 80 columns", Terminal},
	{"html", run.HTMLFile, "the whole report in one file that needs no network", HTML},
	{"markdown", run.MarkdownFile, "summary for a pull-request comment", Markdown},
	{"junit", run.JUnitFile, "test cases, as Jenkins and GitLab read them", JUnit},
	{"csv", run.TimelineFile, "the timeline, for a spreadsheet", CSV},
	{"openmetrics", "", "the final figures in the OpenMetrics text format, for Prometheus", OpenMetrics},
	{"failures", run.FailuresFile, "what failed, with exemplars and curl lines, as JSON", Failures},
	{"json", run.ResultFile, "every figure, for programs", JSON},
}

// Formats are all formats, in the order in which help lists them.
func Formats() []Format { return append([]Format(nil), formats...) }

// ByName is the format of that name.
func ByName(name string) (Format, bool) {
	for _, f := range formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}
