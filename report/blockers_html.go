package report

import (
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/seed-42693903/lt/internal/smoke"
	"github.com/seed-42693903/lt/templates"
)

// A smokePage is what smoke.html.tmpl shows.
type smokePage struct {
	CSP              string
	Style            template.CSS
	Icon             template.URL
	Word, Mark, Tone string
	LT, Date, Lead   string
	Source           string
	Reasons          []string
	Meta             []string
	Cautions         []caution
	Stats            []stat
	Blockers         []blockerView
	AfterFixes       string
	Health           []healthView
	Gaps             []gapView
	GapsCut          string
	Changes          []changeView
	Since            string
	Notes            []string
	Command          string
	Works            string
}

type blockerView struct {
	Open                   bool
	ID, Priority, Tone     string
	Title, Message         string
	Hop, Evidence, Fault   string
	Status, Share          string
	Trace                  string
	Endpoints, Also, Hints []string
	Blocks                 []block
}

type healthView struct{ Name, Tone, Word, Text string }

type gapView struct {
	Method, Path, Tone, Word string
	Status, Hop, Fault, Why  string
	Blocker, Time            string
}

type changeView struct{ Tone, Word, Text string }

var smokeAssets = sync.OnceValues(func() (*assets, error) {
	page, err := template.ParseFS(templates.Report, "smoke.html.tmpl")
	if err != nil {
		return nil, err
	}
	style, err := templates.Report.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	return &assets{
		page: page, style: template.CSS(style), // lt's own
		csp: "default-src 'none'; img-src data:; style-src " + digest(style) + "; base-uri 'none'; form-action 'none'",
	}, nil
})

// SmokeHTML writes a smoke as one page without scripts that needs no network.
func SmokeHTML(w io.Writer, r *smoke.Result, _ Options) error {
	a, err := smokeAssets()
	if err != nil {
		return err
	}
	p := newSmokePage(r)
	p.CSP, p.Style = a.csp, a.style
	return a.page.Execute(w, p)
}

func newSmokePage(r *smoke.Result) *smokePage {
	h := smokeTone(r)
	p := &smokePage{
		Icon: icon(h.Class), Word: h.Word, Mark: h.Mark, Tone: h.Class, LT: clean(r.LT, maxName), Date: stamp(r.StartedAt),
		Lead: tie(smokeLead(r)), Source: smokeSource(r), AfterFixes: afterFixes(r), Command: clean(r.Command, maxMessage),
		Meta: []string{clean(r.Target, maxName), stamp(r.StartedAt), smokeFacts(r)},
	}
	if r.Direct != "" {
		p.Meta = append(p.Meta, "upstream "+clean(r.Direct, maxName))
	}
	if len(r.Labels) > 0 {
		p.Meta = append(p.Meta, clean(labelList(r.Labels), maxMessage))
	}
	for _, s := range r.Reasons {
		p.Reasons = append(p.Reasons, tie(clean(s, maxMessage)))
	}
	if r.Insecure {
		p.Cautions = append(p.Cautions, caution{Word: "INSECURE", Text: "TLS certificates were not verified (-k)."})
	}
	p.stats(r)
	left := exemplarBudget
	for i := range r.Blockers {
		if i == maxFailures {
			p.Notes = append(p.Notes, "and "+plural(int64(len(r.Blockers)-i), "blocker")+" more, in smoke.json")
			break
		}
		p.blocker(r, &r.Blockers[i], i == 0, &left)
	}
	for _, c := range r.Health {
		tone := map[string]string{"ok": "pass", "failed": "fail", "warning": "open"}[c.State]
		if tone == "" {
			tone = "none"
		}
		p.Health = append(p.Health, healthView{clean(c.Name, 24), tone, clean(c.State, 12), tie(clean(c.Text, maxMessage))})
	}
	p.gaps(r)
	if c := r.Changes; c != nil {
		p.Since = clean(c.Baseline, maxName)
		for _, part := range []struct {
			tone, word string
			list       []string
		}{{"pass", "fixed", c.Fixed}, {"fail", "new", c.New}, {"open", "still broken", c.Still}} {
			for _, s := range part.list {
				p.Changes = append(p.Changes, changeView{part.tone, part.word, clean(s, maxMessage)})
			}
		}
	}
	for _, n := range r.Notes {
		p.Notes = append(p.Notes, clean(n, maxMessage))
	}
	if r.Contract != nil {
		for _, n := range r.Contract.Warnings {
			p.Notes = append(p.Notes, "contract: "+clean(n, maxMessage))
		}
	}
	return p
}

func (p *smokePage) stats(r *smoke.Result) {
	c := r.Coverage
	p0, p1 := 0, 0
	for i := range r.Blockers {
		if r.Blockers[i].Priority == "P0" {
			p0++
		} else {
			p1++
		}
	}
	add := func(name, value, unit, sub string) {
		p.Stats = append(p.Stats, stat{Name: name, Value: value, Unit: unit, Sub: sub})
	}
	add("Operations", count(int64(c.Operations)), "", "expected")
	add("Coverage", percent(c.Share), "%", count(int64(c.Exercised))+" exercised")
	add("Work", count(int64(c.Working)), "", "answer as they should")
	add("P0 blockers", count(int64(p0)), "", "at most "+count(int64(r.Gate.MaxP0))+" allowed")
	add("P1 blockers", count(int64(p1)), "", "at most "+count(int64(r.Gate.MaxP1))+" allowed")
	add("After fixes", count(int64(r.AfterFixes.Working)), "", "of "+count(int64(r.AfterFixes.Operations))+" would work")
}

func (p *smokePage) blocker(r *smoke.Result, b *smoke.Blocker, open bool, left *int) {
	v := blockerView{
		Open: open, ID: clean(b.ID, 12), Priority: clean(b.Priority, 4), Tone: priorityTone(b.Priority), Title: clean(b.Title, maxName),
		Message: clean(b.Message, maxMessage), Hop: clean(string(b.Hop), 24), Evidence: tie(clean(strings.Join(b.Evidence, "; "), maxMessage)),
		Fault: clean(string(b.Fault), 60), Status: statusText(b.Status, b.Upstream), Share: percent(b.Share) + "\u00a0%",
	}
	names := func(list []string) (out []string) {
		for i, n := range list {
			if i == 100 {
				return append(out, "and "+count(int64(len(list)-i))+" more")
			}
			out = append(out, clean(n, maxName))
		}
		return out
	}
	if len(b.Endpoints) > 1 {
		v.Endpoints = names(b.Endpoints)
	}
	v.Also, v.Hints = names(b.AlsoFails), nil
	for _, h := range b.Hints {
		v.Hints = append(v.Hints, clean(h, maxMessage))
	}
	if x := b.Exemplar; x != nil {
		v.Trace = clean(x.TraceID, 64)
		for _, part := range smokeExchange(x, r) {
			if *left -= len(template.HTMLEscapeString(part.Text)); *left >= 0 {
				v.Blocks = append(v.Blocks, part)
			}
		}
	}
	p.Blockers = append(p.Blockers, v)
}

func (p *smokePage) gaps(r *smoke.Result) {
	rank := map[string]int{"fail": 0, "open": 1, "none": 2, "pass": 3}
	for want := range 4 {
		for i := range r.Operations {
			o := &r.Operations[i]
			class, word := stateTone(o.State)
			if rank[class] != want {
				continue
			}
			if len(p.Gaps) == 2000 {
				p.GapsCut = "More operations stand in smoke.json."
				continue
			}
			v := gapView{
				Method: clean(o.Method, 24), Path: clean(o.Path, maxName), Tone: class, Word: word, Status: statusText(o.Status, o.UpstreamStatus),
				Hop: clean(string(o.Hop), 24), Fault: clean(string(o.Fault), 60), Why: clean(o.Reason, maxMessage), Blocker: clean(o.Blocker, 12),
			}
			if o.TimeMS != nil {
				v.Time = decimal(*o.TimeMS)
			}
			p.Gaps = append(p.Gaps, v)
		}
	}
}
