package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/templates"
)

// A ReviewSheet is a review with what its page leads to.
type ReviewSheet struct {
	*run.Review
	Links   map[string]string // by the run's name: its report, as a relative URL
	Meaning string            // of the exit code
}

// How many rows the sheet shows, so that it stays one.
const (
	sheetStops    = 8
	sheetRows     = 14
	sheetBlockers = 6
)

var decisions = map[verdict.Decision]tone{
	verdict.Go:        {"GO", "pass", "✓"},
	verdict.NoGo:      {"NO-GO", "fail", "✗"},
	verdict.NotProven: {"NOT PROVEN", "open", "?"},
}

func (s *ReviewSheet) tone() tone {
	t := decisions[s.Decision]
	if s.Decision == verdict.NotProven && len(s.Invalid()) > 0 {
		t.Class, t.Mark = "invalid", "!"
	}
	return t
}

// ReviewJSON writes the review for programs.
func ReviewJSON(w io.Writer, s *ReviewSheet) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(s.Review)
}

type reviewPage struct {
	CSP   string
	Style template.CSS
	Icon  template.URL

	Word, Mark, Tone      string
	LT, Date, Build, Lead string
	Reasons               []string // beside Lead, which weighs most
	Meta                  []string
	Why                   []reviewLine // all that is in the way
	Stops                 []reviewLine // what of it no other part of the page lists
	StopsCut              string
	Columns               []reviewLine
	Rows                  []reviewRow
	RowsCut               string
	Coverage, Blockers    []reviewLine
	BlockersCut           string
	Open, Waivers         []reviewLine
	Runs                  []reviewRun
	NotTested             []string
	Verified, Notes       []string
	ExitCode              string
}

// A reviewLine is one statement, with the run that carries it.
type reviewLine struct{ Tone, Mark, Word, Subject, Href, Text, Sub string }

type reviewRow struct {
	Name, Limit string
	Cells       []reviewCell
}

type reviewCell struct {
	Tone, Mark, Word, Value string
	Subs                    []string

	endpoints, rank int // of the endpoints that it tells of
}

type reviewRun struct {
	reviewLine
	Load, Started, Ran, Validity, Target, Digest string
}

var reviewAssets = sync.OnceValues(func() (*assets, error) { return sheetAssets("review.html.tmpl") })

// sheetAssets are those of a page of templates.Review.
func sheetAssets(name string) (*assets, error) {
	page, err := template.ParseFS(templates.Report, "report.html.tmpl")
	if err != nil {
		return nil, err
	}
	if page, err = page.ParseFS(templates.Review, name); err != nil {
		return nil, err
	}
	style, err := templates.Report.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	more, err := templates.Review.ReadFile("review.css")
	if err != nil {
		return nil, err
	}
	style = append(style, more...)
	return &assets{
		page: page.Lookup(name), style: template.CSS(style), // lt's own
		csp: "default-src 'none'; img-src data:; style-src " + digest(style) + "; base-uri 'none'; form-action 'none'",
	}, nil
}

// ReviewHTML writes the go/no-go sheet: one page without scripts.
func ReviewHTML(w io.Writer, s *ReviewSheet) error {
	a, err := reviewAssets()
	if err != nil {
		return err
	}
	p := newReviewPage(s)
	p.CSP, p.Style = a.csp, a.style
	return a.page.Execute(w, p)
}

func newReviewPage(s *ReviewSheet) *reviewPage {
	t := s.tone()
	p := &reviewPage{
		Icon: icon(t.Class), Word: t.Word, Mark: t.Mark, Tone: t.Class, LT: clean(s.LT, maxName), Date: s.At.Format(time.DateOnly),
		Build: clean(labelList(s.Labels), maxMessage), NotTested: cleanAll(s.NotTested), Verified: cleanAll(s.Verified),
		Notes: cleanAll(s.Notes), ExitCode: strconv.Itoa(s.ExitCode) + ": " + clean(s.Meaning, maxMessage),
		Meta: []string{plural(int64(len(s.Runs)), "run"), plural(int64(len(s.Criteria)), "criterion"), "waivers as of " + s.At.Format(time.DateOnly)},
	}
	for i, part := range s.Parts {
		if part = tie(clean(part, 2*maxMessage)); i == 0 {
			p.Lead = part
		} else {
			p.Reasons = append(p.Reasons, part)
		}
	}
	p.Meta[1] = strings.Replace(p.Meta[1], "criterions", "criteria", 1)
	for _, c := range slices.Concat(s.Failed(), s.Invalid(), s.Open()) {
		l := s.line(c)
		p.Why = append(p.Why, l)
		if c.Verdict != verdict.Inconclusive && c.Kind != verdict.KindBlocker && c.Kind != verdict.KindEndpoint {
			p.Stops = append(p.Stops, l)
		}
	}
	if n := len(p.Stops); n > sheetStops+1 {
		p.Stops, p.StopsCut = p.Stops[:sheetStops], count(int64(n-sheetStops))+" more stand in the reports, and in --format json."
	}
	for i := range s.Runs {
		p.Columns = append(p.Columns, reviewLine{Subject: clean(s.Runs[i].Name, maxName), Href: s.Links[s.Runs[i].Name]})
		p.Runs = append(p.Runs, s.runRow(&s.Runs[i]))
	}
	p.rows(s)
	p.contract(s)
	for _, c := range s.Open() {
		p.Open = append(p.Open, s.line(c))
	}
	for i := range s.Waivers {
		w := &s.Waivers[i]
		tn := map[string]string{verdict.WaiverApplied: "open", verdict.WaiverExpired: "fail", verdict.WaiverRefused: "invalid"}[w.State]
		p.Waivers = append(p.Waivers, reviewLine{Tone: tn, Word: w.State, Subject: clean(w.Criterion, maxName), Text: s.waiverText(w)})
	}
	return p
}

func (s *ReviewSheet) waiverText(w *verdict.Waiver) string {
	return clean(w.Reason, maxMessage) + " (" + clean(w.Owner, maxName) + ", until " + w.Expires.Format(time.DateOnly) + ")"
}

// lead is the first line without the decision.
func (s *ReviewSheet) lead() string { return clean(strings.Join(s.Parts, ". ")+".", 2*maxMessage) }

// line is a criterion in a sentence.
func (s *ReviewSheet) line(c *verdict.Criterion) reviewLine {
	t := reviewTone(c)
	l := reviewLine{Tone: t.Class, Mark: t.Mark, Word: t.Word, Subject: clean(c.Subject, maxName), Href: s.Links[c.Subject], Text: tie(clean(c.Short, maxMessage))}
	switch c.Kind {
	case verdict.KindEvidence:
		if c.Verdict == verdict.Fail && !c.Waived {
			l.Word = "missing"
		}
	case verdict.KindValidity: // its Short names the run once more
		if c.Verdict == verdict.Invalid {
			l.Text = tie(clean(c.Reason, maxMessage))
			return l
		}
	case verdict.KindComparison:
		l.Text = tie(clean(c.Reason, maxMessage))
	case verdict.KindBlocker:
		l.Text = tie(clean(strings.TrimSpace(firstWord(c.Text)+" "+c.Short), maxMessage))
	}
	if c.Reason != c.Short && c.Kind != verdict.KindComparison {
		l.Sub = tie(clean(c.Reason, maxMessage))
	}
	return l
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	if strings.HasPrefix(w, "B") {
		return w + ":"
	}
	return ""
}

// reviewTone is how a criterion looks.
func reviewTone(c *verdict.Criterion) tone {
	t := toneOf(c.Verdict)
	_, t.Word = toneName(c.Verdict)
	switch {
	case c.Waived:
		t = tone{"waived", "open", "~"}
	case c.Verdict == verdict.Invalid:
		t.Word = "invalid"
	}
	return t
}

// rows are the criteria on runs, those with the same text side by side.
func (p *reviewPage) rows(s *ReviewSheet) {
	at := map[string]int{}
	for i := range s.Criteria {
		c := &s.Criteria[i]
		if c.Kind == verdict.KindBlocker || c.Subject == "" {
			continue
		}
		text := cmp.Or(c.Group, c.Text)
		k, ok := at[text]
		if !ok {
			k = len(p.Rows)
			at[text] = k
			row := reviewRow{Name: clean(text, maxName), Cells: make([]reviewCell, len(s.Runs))}
			if c.Limit != nil && c.Kind != verdict.KindEvidence {
				row.Limit = tie(limit(*c.Limit, c.Unit))
			}
			p.Rows = append(p.Rows, row)
		}
		col := slices.IndexFunc(s.Runs, func(r run.ReviewedRun) bool { return r.Name == c.Subject })
		if col < 0 {
			continue
		}
		cell, old := newReviewCell(c), &p.Rows[k].Cells[col]
		if c.Group == "" && old.endpoints == 0 {
			*old = cell
			continue
		}
		// Endpoints share a cell: the worst of them, and how many there are of it.
		switch {
		case c.Group == "": // those that hold
			continue
		case old.endpoints == 0 || rank(c.Verdict) < old.rank:
			cell.endpoints, cell.rank = 1, rank(c.Verdict)
			*old = cell
		case rank(c.Verdict) == old.rank:
			old.endpoints++
			old.Value, old.Subs = "", nil
		}
		if old.endpoints > 0 {
			old.Subs = append(slices.DeleteFunc(old.Subs, func(s string) bool { return strings.HasSuffix(s, "endpoint") || strings.HasSuffix(s, "endpoints") }), plural(int64(old.endpoints), "endpoint"))
		}
	}
	// Rows with something in the way first, and of the others those that more runs have.
	weight := func(r reviewRow) (w int) {
		for _, c := range r.Cells {
			if c.Word != "" && c.Tone != "pass" && c.Tone != "none" {
				w--
			}
		}
		return min(w, 0)
	}
	if len(p.Rows) > sheetRows {
		slices.SortStableFunc(p.Rows, func(a, b reviewRow) int { return weight(a) - weight(b) })
		p.RowsCut = count(int64(len(p.Rows)-sheetRows)) + " more criteria stand in the runs' reports."
		p.Rows = p.Rows[:sheetRows]
	}
}

func newReviewCell(c *verdict.Criterion) reviewCell {
	t := reviewTone(c)
	cell := reviewCell{Tone: t.Class, Mark: t.Mark, Word: t.Word}
	if c.Value != nil && c.Kind != verdict.KindComparison {
		cell.Value = tie(quantity(*c.Value, c.Unit))
	}
	if in := interval(c.Low, c.High, c.Unit); in != "" {
		cell.Subs = append(cell.Subs, tie(in))
	}
	if c.Share != nil && c.ShareLimit != nil && c.Unit != verdict.UnitRatio {
		cell.Subs = append(cell.Subs, tie("over "+percent(*c.Share)+" % of "+limit(*c.ShareLimit, "ratio")))
	}
	if c.Change != nil {
		cell.Subs = append(cell.Subs, tie(changeText(c)))
	}
	return cell
}

// changeText is a change against the baseline: "baseline +3.1 %".
func changeText(c *verdict.Criterion) string {
	unit := " %"
	if c.Unit == verdict.UnitRatio {
		unit = " pt"
	}
	what := "baseline "
	if c.Kind == verdict.KindComparison {
		what = "P95 "
	}
	return what + fmt.Sprintf("%+.1f", *c.Change*100) + unit
}

// contract is what the smokes found.
func (p *reviewPage) contract(s *ReviewSheet) {
	for i := range s.Runs {
		r := &s.Runs[i]
		if c := r.Coverage; c != nil {
			p.Coverage = append(p.Coverage, reviewLine{Subject: clean(r.Name, maxName), Href: s.Links[r.Name], Text: fmt.Sprintf("%d of %d operations exercised, %d work.", c.Exercised, c.Operations, c.Working)})
		}
	}
	n := 0
	for i := range s.Criteria {
		c := &s.Criteria[i]
		if c.Kind != verdict.KindBlocker && (c.Kind != verdict.KindEndpoint || c.Verdict != verdict.Fail) {
			continue
		}
		if n++; n <= sheetBlockers {
			l := s.line(c)
			if c.Kind == verdict.KindBlocker && c.Verdict == verdict.Warn {
				l.Word = "tolerated"
			}
			p.Blockers = append(p.Blockers, l)
		}
	}
	if n > sheetBlockers {
		p.BlockersCut = count(int64(n-sheetBlockers)) + " more stand in the reports."
	}
}

func (s *ReviewSheet) runRow(r *run.ReviewedRun) reviewRun {
	t := toneOf(r.Verdict)
	out := reviewRun{
		reviewLine: reviewLine{Tone: t.Class, Mark: t.Mark, Word: t.Word, Subject: clean(r.Name, maxName), Href: s.Links[r.Name]},
		Load:       clean(r.Load, maxName), Started: r.StartedAt.UTC().Format("2006-01-02 15:04"), Ran: span(r.DurationS), Validity: "–", Target: clean(r.Target, maxName),
	}
	if r.Reference {
		out.Target = "reference platform"
	}
	for i := range s.Criteria {
		if c := &s.Criteria[i]; c.Kind == verdict.KindValidity && c.Subject == r.Name {
			out.Validity = map[bool]string{true: "valid", false: "invalid"}[c.Verdict == verdict.Pass]
		}
	}
	for _, name := range []string{run.ResultFile, run.SmokeFile} {
		if d := r.Digests[name]; d != "" {
			out.Digest = clean(d, 12)
			if len(d) > 12 {
				out.Digest = d[:12] + "…"
			}
		}
	}
	return out
}

// ReviewMarkdown writes the review for a comment on a pull request or a ticket.
func ReviewMarkdown(w io.Writer, s *ReviewSheet) error {
	p := newReviewPage(s)
	m := &markdown{w: bufio.NewWriter(w)}
	m.line("### %s %s", markdownMarks[p.Tone], mdText(clean(s.Lead, 2*maxMessage)))
	m.line("")
	for i, l := range p.Why {
		if i == 5 && len(p.Why) > i+1 {
			m.line("- and %s", plural(int64(len(p.Why)-i), "more point"))
			break
		}
		sub := l.Sub
		if sub != "" {
			sub = " <sub>" + mdText(sub) + "</sub>"
		}
		m.line("- %s **%s** %s%s", mdLink(l.Subject, l.Href), mdText(l.Word), mdText(l.Text), sub)
	}
	if len(p.Why) > 0 {
		m.line("")
	}
	if len(p.Rows) > 0 {
		head, rule := "| criterion |", "|---|"
		for _, c := range p.Columns {
			head += " " + mdLink(c.Subject, c.Href) + " |"
			rule += "---|"
		}
		m.line("%s", head)
		m.line("%s", rule)
		for _, r := range p.Rows {
			row := "| " + mdText(r.Name) + " |"
			for _, c := range r.Cells {
				cell := none
				if c.Word != "" {
					cell = markdownMarks[c.Tone] + " " + c.Word
					if c.Value != "" {
						cell += " " + mdText(c.Value)
					}
					if len(c.Subs) > 0 {
						cell += "<br><sub>" + mdText(strings.Join(c.Subs, "; ")) + "</sub>"
					}
				}
				row += " " + cell + " |"
			}
			m.line("%s", row)
		}
		m.line("")
	}
	for _, c := range p.Coverage {
		m.line("Contract: %s %s", mdLink(c.Subject, c.Href), mdText(c.Text))
		m.line("")
	}
	list := func(title string, items []string) {
		if len(items) > 0 {
			m.line("**%s**", title)
			m.line("")
			for _, s := range items {
				m.line("- %s", s)
			}
			m.line("")
		}
	}
	var waivers, notTested, notes []string
	for _, l := range p.Waivers {
		waivers = append(waivers, mdText(l.Word)+": "+mdText(l.Subject)+": "+mdText(l.Text))
	}
	for _, t := range p.NotTested {
		notTested = append(notTested, mdText(t))
	}
	for _, t := range slices.Concat(p.Notes, p.Verified) {
		notes = append(notes, mdText(t))
	}
	list("Not tested", notTested)
	list("Waivers", waivers)
	list("Notes", notes)
	build := ""
	if p.Build != "" {
		build = mdCode(clean(labelList(s.Labels), maxMessage)) + " · "
	}
	m.line("<sub>%slt %s · waivers as of %s · exit code %s</sub>", build, mdText(p.LT), p.Date, mdText(p.ExitCode))
	return m.w.Flush()
}

var mdHref = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", " ", "%20", "|", "%7C", `\`, "%5C", "`", "%60")

func mdLink(name, href string) string {
	if href == "" || name == "" {
		return mdText(name)
	}
	return "[" + mdText(name) + "](" + mdHref.Replace(href) + ")"
}

// ReviewTerminal writes the review for a terminal: its first line is the decision.
func ReviewTerminal(w io.Writer, s *ReviewSheet, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 60)
	p := newReviewPage(s)
	t := &terminal{w: bufio.NewWriter(w), o: o}
	word := p.Word + "."
	for i, l := range wrap(word+" "+s.lead(), o.Width) {
		if i == 0 {
			l = t.paint("head-"+p.Tone, word) + t.paint("bold", strings.TrimPrefix(l, word))
		} else {
			l = t.paint("bold", l)
		}
		t.line(l)
	}
	t.line()
	g := grid{width: o.Width, end: true, head: []string{"Criterion"}}
	for _, c := range p.Columns {
		g.head = append(g.head, cut(c.Subject, 12))
	}
	for _, r := range p.Rows {
		cells := []string{r.Name}
		for _, c := range r.Cells {
			cell := none
			if c.Word != "" {
				cell = c.Mark
				if c.Value != "" {
					cell += " " + strings.ReplaceAll(c.Value, "\u00a0", " ")
				} else {
					cell += " " + c.Word
				}
			}
			cells = append(cells, cell)
		}
		g.add("", cells...)
	}
	g.write(t)
	t.line()
	list := func(heading string, lines []string) {
		for i, l := range lines {
			first := pad("", 12, false)
			if i == 0 {
				first = pad(heading, 12, false)
			}
			t.text(first, strings.ReplaceAll(l, "\u00a0", " "))
		}
	}
	var why, waivers []string
	for _, l := range p.Why {
		text := l.Text
		if l.Subject != "" {
			text = l.Subject + ": " + text
		}
		text = l.Mark + " " + l.Word + ": " + text
		why = append(why, text)
	}
	for _, l := range p.Waivers {
		waivers = append(waivers, l.Word+": "+l.Subject+": "+l.Text)
	}
	list("in the way", why)
	list("not tested", p.NotTested)
	list("waivers", waivers)
	list("notes", p.Notes)
	list("verified", p.Verified)
	return t.w.Flush()
}
