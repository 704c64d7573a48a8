package report

import (
	"encoding/json"
	"io"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/smoke"
)

// A SmokeFormat is one way to render the result of a smoke.
type SmokeFormat struct {
	Name   string // of the flag
	File   string // in the smoke's directory
	Render func(w io.Writer, r *smoke.Result, o Options) error
}

// SmokeFormats are the files of a smoke's directory, its result last.
func SmokeFormats() []SmokeFormat {
	return []SmokeFormat{
		{"html", run.HTMLFile, SmokeHTML},
		{"markdown", smoke.MarkdownFile, SmokeMarkdown},
		{"junit", run.JUnitFile, SmokeJUnit},
		{"json", smoke.ResultFile, SmokeJSON},
	}
}

// SmokeJSON writes smoke.json.
func SmokeJSON(w io.Writer, r *smoke.Result, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
