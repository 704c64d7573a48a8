package report

import (
	"html/template"
	"io"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/templates"
)

// A suitePage is what the template of a suite's index shows.
type suitePage struct {
	CSP   string
	Style template.CSS
	Icon  template.URL

	Word, Mark, Tone string
	LT, Name, Date   string
	Lead             string
	Meta             []string
	Rows             []suiteRow
	Scenarios        []string
	Thresholds       []suiteLine
	Endpoints        []suiteLine
	EndpointsCut     string
	Charts           []chart
	NotShown         []suiteNote
	ExitCode         string
}

type suiteRow struct {
	Name, Href, Load string
	Tone, Mark, Word string
	Why              string
	Cells            []string
}

// A suiteLine is one threshold or endpoint in all scenarios.
type suiteLine struct {
	Method, Name string
	Cells        []suiteCell
}

type suiteCell struct{ Tone, Word, Value, Sub string }

// A suiteNote is something that runs cannot show: with the figures of the first
// of them, where only those differ.
type suiteNote struct {
	Name, Text, Of string
	first, pattern string
}

var suiteAssets = sync.OnceValues(func() (*assets, error) {
	page, err := template.ParseFS(templates.Report, "suite.html.tmpl", "report.html.tmpl")
	if err != nil {
		return nil, err
	}
	style, err := templates.Report.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	return &assets{
		page: page.Lookup("suite.html.tmpl"), style: template.CSS(style), // lt's own
		csp: "default-src 'none'; img-src data:; style-src " + digest(style) + "; base-uri 'none'; form-action 'none'",
	}, nil
})

// SuiteHTML writes the index of a suite: one page without scripts, beside the
// directories of its runs, whose reports it links to.
func SuiteHTML(w io.Writer, s *Suite) error {
	a, err := suiteAssets()
	if err != nil {
		return err
	}
	p := newSuitePage(s)
	p.CSP, p.Style = a.csp, a.style
	return a.page.Execute(w, p)
}

func newSuitePage(s *Suite) *suitePage {
	h := s.headline()
	p := &suitePage{
		Icon: icon(h.Class), Word: h.Word, Mark: h.Mark, Tone: h.Class, LT: clean(s.LT, maxName), Name: clean(s.Name, maxName),
		Lead: s.lead(), ExitCode: strconv.Itoa(s.ExitCode) + ": " + clean(s.Meaning, maxMessage),
	}
	var first *run.Result
	seconds := 0.0
	for i := range s.Runs {
		r := &s.Runs[i]
		p.Scenarios = append(p.Scenarios, clean(r.Name, maxName))
		p.Rows = append(p.Rows, newSuiteRow(r))
		if res := r.Result; res != nil {
			if first == nil {
				first = res
			}
			seconds += res.DurationS
			p.chart(r)
			for _, text := range res.NotShown {
				p.note(r.Name, text)
			}
		}
	}
	if first != nil {
		p.Date = stamp(first.StartedAt)
		p.Meta = []string{clean(first.Target, maxName), p.Date, "ran " + length(seconds)}
		if s.Cooldown > 0 {
			p.Meta = append(p.Meta, "cool-down "+span(s.Cooldown.Seconds())+" between scenarios")
		}
		if len(first.Labels) > 0 {
			p.Meta = append(p.Meta, clean(labelList(first.Labels), maxMessage))
		}
	}
	p.thresholds(s)
	p.endpoints(s)
	return p
}

func newSuiteRow(r *SuiteRun) suiteRow {
	tn := r.tone()
	row := suiteRow{Name: clean(r.Name, maxName), Tone: tn.Class, Mark: tn.Mark, Word: tn.Word, Why: tie(r.why())}
	res := r.Result
	if res == nil {
		row.Cells = []string{none, none, none, none, none, none, none, none}
		return row
	}
	row.Href = url.PathEscape(r.Name) + "/" + run.HTMLFile
	row.Load = clean(res.Load, maxName)
	for _, c := range cells(res.Totals.Requests, res.Totals.Failed, res.Totals.ErrorRate, res.Totals.Throughput, res.Totals.Response) {
		row.Cells = append(row.Cells, c.Text)
	}
	row.Cells = slices.Delete(row.Cells, 5, 6) // P90
	return row
}

// note gathers what the runs cannot show, once for scenarios that say the same
// but for their figures.
func (p *suitePage) note(name, text string) {
	name, text = clean(name, maxName), clean(text, maxMessage)
	pattern := run.Pattern(text)
	text = tie(text)
	for i := range p.NotShown {
		if n := &p.NotShown[i]; n.pattern == pattern {
			n.Name += ", " + name
			if n.Text != text {
				n.Of = n.first
			}
			return
		}
	}
	p.NotShown = append(p.NotShown, suiteNote{Name: name, Text: text, first: name, pattern: pattern})
}

// chart adds the response times of one scenario.
func (p *suitePage) chart(r *SuiteRun) {
	b := newBoard(r.Result)
	if len(b.points) == 0 {
		return
	}
	c := response(b, r.Result)
	c.ID, c.Title, c.Size = "response-"+strconv.Itoa(len(p.Charts)), clean(r.Name, maxName), ""
	p.Charts = append(p.Charts, c)
}

// thresholds puts the scenarios' thresholds on the run side by side.
func (p *suitePage) thresholds(s *Suite) {
	var order []string
	lines := map[string][]suiteCell{}
	for i := range s.Runs {
		if s.Runs[i].Result == nil {
			continue
		}
		for _, j := range s.Runs[i].Result.Thresholds {
			key := label(&j)
			if j.Scope != "" {
				continue
			}
			if lines[key] == nil {
				lines[key] = make([]suiteCell, len(s.Runs))
				order = append(order, key)
			}
			c := suiteCell{Value: none, Sub: interval(j.Low, j.High, j.Unit)}
			c.Tone, c.Word = toneName(j.Verdict)
			if j.Value != nil {
				c.Value = quantity(*j.Value, j.Unit)
			}
			lines[key][i] = c
		}
	}
	for _, key := range order {
		p.Thresholds = append(p.Thresholds, suiteLine{Name: key, Cells: lines[key]})
	}
}

// endpoints puts the endpoints' P95 and error rates of all scenarios side by side.
func (p *suitePage) endpoints(s *Suite) {
	at := map[string]int{}
	for i := range s.Runs {
		if s.Runs[i].Result == nil {
			continue
		}
		for k := range s.Runs[i].Result.Endpoints {
			e := &s.Runs[i].Result.Endpoints[k]
			n, ok := at[e.Name]
			if !ok {
				if len(p.Endpoints) == maxRows {
					p.EndpointsCut = "More endpoints stand in the scenarios' own reports."
					continue
				}
				n = len(p.Endpoints)
				at[e.Name] = n
				line := suiteLine{Method: clean(e.Method, 24), Name: clean(e.Path, maxName), Cells: make([]suiteCell, len(s.Runs))}
				if line.Name == "" {
					line.Name = clean(e.Name, maxName)
				}
				p.Endpoints = append(p.Endpoints, line)
			}
			c := suiteCell{Value: none, Tone: "none"}
			if e.Response != nil {
				c.Value = decimal(e.Response.P95)
			}
			if e.ErrorRate != nil && *e.ErrorRate > 0 {
				c.Sub = percent(*e.ErrorRate) + "\u00a0% failed"
			}
			if e.Verdict == verdict.Fail {
				c.Tone = "fail"
			}
			if e.Requests == 0 {
				c.Sub = "not exercised"
			}
			p.Endpoints[n].Cells[i] = c
		}
	}
}
