package report

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
	"net/url"
	"sync"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/templates"
)

// HTML writes the whole report as one page that needs no network and, but for
// sorting, filtering, zoom and the charts' cursor, no script. html/template escapes all that
// the page holds; a policy that allows the page's own style and script by their
// digests, and nothing else, stands behind that.
func HTML(w io.Writer, r *run.Result, _ Options) error {
	a, err := pageAssets()
	if err != nil {
		return err
	}
	p := newPage(r)
	p.CSP, p.Style, p.Script, p.Chart = a.csp, a.style, a.script, a.chart
	return a.page.Execute(w, p)
}

// assets are the page's template and what is written into every page.
type assets struct {
	page   *template.Template
	csp    string
	style  template.CSS
	script template.JS
	chart  template.JS // uPlot
}

var pageAssets = sync.OnceValues(func() (*assets, error) {
	page, err := template.ParseFS(templates.Report, "report.html.tmpl")
	if err != nil {
		return nil, err
	}
	style, err := templates.Report.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	script, err := templates.Report.ReadFile("report.js")
	if err != nil {
		return nil, err
	}
	chart, err := templates.Report.ReadFile("uplot.js")
	if err != nil {
		return nil, err
	}
	return &assets{
		page: page, style: template.CSS(style), script: template.JS(script), chart: template.JS(chart), // all are lt's own, or shipped with it
		csp: "default-src 'none'; img-src data:; style-src " + digest(style) + "; script-src " + digest(script) + " " + digest(chart) + "; base-uri 'none'; form-action 'none'",
	}, nil
})

// digest is the source expression of a policy that allows exactly b.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// iconColors are the colours of the page's icon in a browser's tab.
var iconColors = map[string]string{"pass": "#1b7a4b", "fail": "#b3261e", "open": "#8a5a00", "invalid": "#6a3fa0", "none": "#56606e"}

// icon is a dot in the verdict's colour, so that a row of tabs tells the verdicts.
func icon(tone string) template.URL {
	svg := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="` + iconColors[tone] + `"/></svg>`
	return template.URL("data:image/svg+xml," + url.PathEscape(svg)) // made of constants only
}
