package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/templates"
)

// changeTones is how the verdicts of a comparison look.
var changeTones = map[verdict.Change]tone{
	verdict.Regressed: {"REGRESSED", "fail", "✗"},
	verdict.Improved:  {"IMPROVED", "pass", "✓"},
	verdict.Same:      {"SAME", "pass", "="},
	verdict.Undecided: {"INCONCLUSIVE", "open", "?"},
}

func changeTone(c verdict.Change) tone {
	if t, ok := changeTones[c]; ok {
		return t
	}
	return changeTones[verdict.Undecided]
}

// change is a change as a reader takes it: "+26 %"; of an error rate in points:
// "+0.40 pt".
func change(v *float64, unit string) string {
	if v == nil {
		return none
	}
	return changeNumber(*v, unit) + changeSign(unit)
}

func changeSign(unit string) string {
	if unit == verdict.UnitRatio {
		return " pt"
	}
	return " %"
}

func changeNumber(v float64, unit string) string {
	digits := 1
	switch {
	case unit == verdict.UnitRatio:
		digits = 2
	case math.Abs(v) >= .0995:
		digits = 0
	}
	s := fmt.Sprintf("%+.*f", digits, 100*v)
	if strings.Trim(s, "+-0.") == "" {
		return "0"
	}
	return s
}

func changeInterval(d *verdict.Difference) string {
	if d.Low == nil || d.High == nil {
		return none
	}
	return changeNumber(*d.Low, d.Unit) + " to " + changeNumber(*d.High, d.Unit) + changeSign(d.Unit)
}

// chance is a p-value.
func chance(p *float64) string {
	switch {
	case p == nil:
		return none
	case *p < .001:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", *p)
}

// loud reports whether a row is shown at first sight: it is of the whole run, or
// something was shown to change.
func loud(d *verdict.Difference) bool {
	return d.Endpoint == "" || d.Verdict == verdict.Regressed || d.Verdict == verdict.Improved
}

func changeRank(c verdict.Change) int {
	if c == verdict.Regressed {
		return 0
	}
	return 1
}

// splitRows parts a comparison's rows into those to show and the number of those on
// endpoints in which nothing was shown to change.
func splitRows(c *run.Comparison, verbose bool) (shown []verdict.Difference, same, open int) {
	for _, d := range c.Rows {
		switch {
		case verbose || loud(&d):
			shown = append(shown, d)
		case d.Verdict == verdict.Same:
			same++
		default:
			open++
		}
	}
	return shown, same, open
}

func foldedRows(same, open int) string {
	if same+open == 0 {
		return ""
	}
	return fmt.Sprintf("and %s on single endpoints: %s same, %s inconclusive", count(int64(same+open)), count(int64(same)), count(int64(open)))
}

// method says how a comparison was made.
func method(c *run.Comparison) string {
	switch c.Method {
	case verdict.MethodRuns:
		return fmt.Sprintf("permutation of %d and %d runs (%s arrangements), all figures allowed for together", c.BaseRuns, c.NewRuns, count(int64(c.Arrangements)))
	case verdict.MethodBlocks:
		return fmt.Sprintf("resampled blocks within %s and %s, Holm's correction", plural(int64(c.BaseRuns), "run"), plural(int64(c.NewRuns), "run"))
	}
	return clean(c.Method, maxName)
}

// side names the runs of one side in a line.
func side(runs []run.ComparedRun) string {
	if len(runs) == 0 {
		return none
	}
	r := runs[0]
	s := clean(r.Ref, maxName)
	if len(runs) > 1 {
		s += " to " + clean(runs[len(runs)-1].Ref, maxName) + " (" + plural(int64(len(runs)), "run") + ")"
	}
	parts := []string{s, stamp(r.StartedAt), clean(r.Target, maxName)}
	if len(r.Labels) > 0 {
		parts = append(parts, clean(labelList(r.Labels), maxName))
	}
	return strings.Join(append(parts, clean(r.Class, maxName)), " · ")
}

// leads are the reasons, the most telling first.
func leads(c *run.Comparison, most int) []string {
	var out []string
	for i, s := range c.Reasons {
		if i == most && len(c.Reasons) > most+1 {
			return append(out, "and "+plural(int64(len(c.Reasons)-i), "reason")+" more")
		}
		out = append(out, clean(s, maxMessage))
	}
	return out
}

// CompareTerminal writes a comparison for a terminal.
func CompareTerminal(w io.Writer, c *run.Comparison, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 60)
	t := &terminal{w: bufio.NewWriter(w), o: o}
	t.comparison(c)
	return t.w.Flush()
}

func (t *terminal) comparison(c *run.Comparison) {
	h := changeTone(c.Verdict)
	indent := utf8.RuneCountInString(h.Word) + 2
	first := t.paint("head-"+h.Class, h.Word) + "  "
	lines := leads(c, 4)
	if c.Verdict == verdict.Same {
		lines = []string{"every figure of the whole run was shown to differ by less than what matters"}
	}
	if len(lines) == 0 {
		lines = []string{""}
	}
	for _, s := range lines {
		for _, l := range wrap(s, t.o.Width-indent) {
			t.line(first, t.paint("bold", l))
			first = strings.Repeat(" ", indent)
		}
	}
	t.text("base    ", side(c.Base))
	t.text("new     ", side(c.New))
	t.text("method  ", method(c))
	t.line()
	shown, same, open := splitRows(c, t.o.Verbose)
	wide := t.o.Width >= 100
	head := []string{"Figure", "", "base", "new", "change", "95 % interval", "shows from"}
	if wide {
		head = append(head, "p")
	}
	g := grid{width: t.o.Width, head: head}
	of := ""
	for i := range shown {
		d := &shown[i]
		tn := changeTone(d.Verdict)
		if d.Endpoint != of {
			of = d.Endpoint
			g.note(short(clean(of, maxName), t.o.Width))
		}
		cells := []string{tn.Mark + " " + clean(d.Metric, 24), clean(string(d.Verdict), 24), figure(d.Base, d.Unit), figure(d.New, d.Unit), change(d.Change, d.Unit), changeInterval(d), change(d.Detectable, d.Unit)}
		if wide {
			cells = append(cells, chance(d.P))
		}
		g.add(tn.Class, cells...)
	}
	g.write(t)
	if s := foldedRows(same, open); s != "" {
		t.line(t.paint("dim", "  "+s+" (-v)"))
	}
	t.line()
	for _, n := range c.Notes {
		t.text("note    ", clean(n, maxMessage))
	}
	if len(c.Notes) > 0 {
		t.line()
	}
}

func figure(v *float64, unit string) string {
	if v == nil {
		return none
	}
	return quantity(*v, unit)
}

// CompareJSON writes a comparison for programs.
func CompareJSON(w io.Writer, c *run.Comparison) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

// CompareMarkdown writes a comparison for a pull-request comment.
func CompareMarkdown(w io.Writer, c *run.Comparison) error {
	m := &markdown{bufio.NewWriter(w), markdownDifferences}
	m.comparison(c)
	return m.w.Flush()
}

func (m *markdown) comparison(c *run.Comparison) {
	h := changeTone(c.Verdict)
	m.line("### %s %s against %s", markdownMarks[h.Class], h.Word, mdCode(clean(refs(c.Base), maxName)))
	m.line("")
	for _, s := range leads(c, markdownReasons) {
		m.line("- %s", mdText(s))
	}
	m.line("")
	m.line("| | figure | base | new | change | 95 %% interval | p | shows from |")
	m.line("|---|---|--:|--:|--:|--:|--:|--:|")
	shown, same, open := splitRows(c, false)
	if len(shown) > m.most { // what regressed comes first where not all can be shown
		slices.SortStableFunc(shown, func(a, b verdict.Difference) int {
			return changeRank(a.Verdict) - changeRank(b.Verdict)
		})
	}
	for i := range shown {
		if i == m.most && len(shown) > i+1 {
			m.line("| | and %s more | | | | | | |", count(int64(len(shown)-i)))
			break
		}
		d := &shown[i]
		name := clean(strings.TrimSpace(d.Endpoint+" "+d.Metric), maxName)
		m.line("| %s %s | %s | %s | %s | %s | %s | %s | %s |", markdownMarks[changeTone(d.Verdict).Class], mdText(clean(string(d.Verdict), 24)), mdCode(name), mdText(figure(d.Base, d.Unit)),
			mdText(figure(d.New, d.Unit)), mdText(change(d.Change, d.Unit)), mdText(changeInterval(d)), mdText(chance(d.P)), mdText(change(d.Detectable, d.Unit)))
	}
	if s := foldedRows(same, open); s != "" {
		m.line("| | %s | | | | | | |", s)
	}
	m.line("")
	for i, n := range c.Notes {
		if i == markdownReasons {
			break
		}
		m.line("- %s", mdText(clean(n, maxMessage)))
	}
	m.line("<sub>base %s<br>new %s<br>%s</sub>", mdText(side(c.Base)), mdText(side(c.New)), mdText(method(c)))
	m.line("")
}

func refs(runs []run.ComparedRun) string {
	switch len(runs) {
	case 0:
		return none
	case 1:
		return runs[0].Ref
	}
	return runs[0].Ref + " and " + count(int64(len(runs)-1)) + " more"
}

// A comparisonView is what the templates show of a comparison.
type comparisonView struct {
	Word, Tone, Mark string
	Leads            []string
	Base, New        string
	Method           string
	Rows             []comparisonRow
	Rest             []comparisonRow // on endpoints in which nothing was shown to change
	RestTitle        string
	Cut              string
	Notes            []string
}

type comparisonRow struct {
	Tone, Mark, Word                                   string
	Metric, Endpoint                                   string
	Base, New, Change, Interval, P, Detectable, Reason string
}

func newComparisonView(c *run.Comparison) *comparisonView {
	if c == nil {
		return nil
	}
	h := changeTone(c.Verdict)
	v := &comparisonView{
		Word: h.Word, Tone: h.Class, Mark: h.Mark, Leads: cleanAll(leads(c, 6)), Base: side(c.Base), New: side(c.New),
		Method: method(c), Notes: cleanAll(c.Notes),
	}
	_, same, open := splitRows(c, false)
	v.RestTitle = foldedRows(same, open)
	for i := range c.Rows {
		if i == maxRows {
			v.Cut = "More figures stand in the comparison of result.json."
			break
		}
		d := &c.Rows[i]
		tn := changeTone(d.Verdict)
		r := comparisonRow{
			Tone: tn.Class, Mark: tn.Mark, Word: clean(string(d.Verdict), 24), Metric: clean(d.Metric, maxName), Endpoint: clean(d.Endpoint, maxName),
			Base: figure(d.Base, d.Unit), New: figure(d.New, d.Unit), Change: change(d.Change, d.Unit), Interval: changeInterval(d),
			P: chance(d.P), Detectable: change(d.Detectable, d.Unit),
		}
		if d.Change == nil {
			r.Reason = clean(d.Reason, maxMessage)
		}
		if loud(d) {
			v.Rows = append(v.Rows, r)
		} else {
			v.Rest = append(v.Rest, r)
		}
	}
	return v
}

// A ComparePage is a comparison as a page of its own, with links to the runs that
// lie beside it.
type ComparePage struct {
	Title      string // ab-20261121T140000Z
	LT         string
	At         time.Time
	Comparison *run.Comparison
	Runs       []SuiteRun // beside the page, each in the directory of its name; may be empty
}

type comparePage struct {
	CSP              string
	Style            template.CSS
	Icon             template.URL
	LT, Title, Date  string
	Word, Mark, Tone string
	Lead             string
	Comparison       *comparisonView
	Rows             []suiteRow
}

var compareAssets = sync.OnceValues(func() (*assets, error) {
	page, err := template.ParseFS(templates.Report, "compare.html.tmpl", "report.html.tmpl")
	if err != nil {
		return nil, err
	}
	style, err := templates.Report.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	return &assets{
		page: page.Lookup("compare.html.tmpl"), style: template.CSS(style), // lt's own
		csp: "default-src 'none'; img-src data:; style-src " + digest(style) + "; base-uri 'none'; form-action 'none'",
	}, nil
})

// CompareHTML writes a comparison as one page without scripts.
func CompareHTML(w io.Writer, c *ComparePage) error {
	a, err := compareAssets()
	if err != nil {
		return err
	}
	v := newComparisonView(c.Comparison)
	p := &comparePage{
		CSP: a.csp, Style: a.style, Icon: icon(v.Tone), LT: clean(c.LT, maxName), Title: clean(c.Title, maxName), Date: stamp(c.At),
		Word: v.Word, Mark: v.Mark, Tone: v.Tone, Comparison: v,
	}
	if len(v.Leads) > 0 {
		p.Lead = v.Leads[0]
	}
	for i := range c.Runs {
		row := newSuiteRow(&c.Runs[i])
		if c.Runs[i].Result != nil {
			row.Href = url.PathEscape(c.Runs[i].Name) + "/" + run.HTMLFile
		}
		p.Rows = append(p.Rows, row)
	}
	return a.page.Execute(w, p)
}

// SpreadTerminal writes how much the figures of several runs of one plan differ.
func SpreadTerminal(w io.Writer, results []*run.Result, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	t := &terminal{w: bufio.NewWriter(w), o: o}
	g := grid{width: o.Width, head: []string{fmt.Sprintf("Spread of %s", plural(int64(len(results)), "run")), "mean", "sd", "cv %", "lowest", "highest"}}
	for _, row := range spreads(results) {
		s := row.Spread
		g.add("", row.Name, quantity(s.Mean, row.Unit), quantity(s.SD, row.Unit), percent(s.CV), quantity(s.Low, row.Unit), quantity(s.High, row.Unit))
	}
	g.write(t)
	t.line()
	return t.w.Flush()
}

type spreadRow struct {
	Name, Unit string
	Spread     verdict.Spread
}

// spreads are the figures that every one of the results has.
func spreads(results []*run.Result) (rows []spreadRow) {
	latency := func(f func(*run.Latency) float64) func(*run.Result) *float64 {
		return func(r *run.Result) *float64 {
			if r.Totals.Response == nil {
				return nil
			}
			v := f(r.Totals.Response)
			return &v
		}
	}
	for _, figure := range []struct {
		name, unit string
		of         func(*run.Result) *float64
	}{
		{"P50", verdict.UnitMS, latency(func(l *run.Latency) float64 { return l.P50 })},
		{"P95", verdict.UnitMS, latency(func(l *run.Latency) float64 { return l.P95 })},
		{"P99", verdict.UnitMS, latency(func(l *run.Latency) float64 { return l.P99 })},
		{"error rate", verdict.UnitRatio, func(r *run.Result) *float64 { return r.Totals.ErrorRate }},
		{"throughput", verdict.UnitPerSecond, func(r *run.Result) *float64 { return r.Totals.Throughput }},
	} {
		var values []float64
		for _, r := range results {
			if v := figure.of(r); v != nil {
				values = append(values, *v)
			}
		}
		if len(values) == len(results) && len(values) > 0 {
			rows = append(rows, spreadRow{figure.name, figure.unit, verdict.SpreadOf(values)})
		}
	}
	return rows
}

// junitComparison is a case for each figure that was compared on the whole run,
// and each of an endpoint that changed.
func (j junitRun) comparison() junitSuite {
	s := j.suite("comparison")
	c := j.r.Comparison
	shown, _, _ := splitRows(c, false)
	class := "lt." + j.scenario + ".comparison"
	for i := range shown {
		d := &shown[i]
		name := clean(d.Metric, maxName)
		if d.Endpoint != "" {
			name = clean(d.Endpoint, maxName) + ": " + name
		}
		k := junitCase{Class: class, Name: name + " against " + clean(refs(c.Base), maxName), Time: junitSeconds(0)}
		why := &junitReason{Type: "regression", Message: clean(string(d.Verdict)+": "+d.Reason, maxMessage)}
		switch {
		case d.Verdict == verdict.Regressed && c.Gates:
			k.Failure = why
		case d.Verdict == verdict.Regressed || d.Verdict == verdict.Undecided:
			k.Skipped = why
		default:
			k.Out = why.Message
		}
		s.Cases = append(s.Cases, k)
	}
	s.Out = strings.Join(c.Notes, "\n")
	return s
}
