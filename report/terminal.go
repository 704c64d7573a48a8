package report

import (
	"bufio"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// How much a summary shows, so that it fits one screen; Verbose shows all.
const (
	topReasons    = 3
	topThresholds = 6
	topEndpoints  = 15
	topFailures   = 3
	topNotShown   = 2
)

// Terminal writes the summary that ends a run. It fits 80 columns, and one
// screen for a run of 13 endpoints.
func Terminal(w io.Writer, r *run.Result, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 60)
	t := &terminal{w: bufio.NewWriter(w), o: o}
	t.head(r)
	t.thresholds(r)
	if r.Comparison != nil {
		t.comparison(r.Comparison)
	}
	t.endpoints(r)
	t.measurement(r)
	t.failures(r)
	t.notShown(r.NotShown)
	if o.Verbose {
		t.details(r)
	}
	t.files()
	return t.w.Flush() // bufio keeps the first error of any write
}

type terminal struct {
	w *bufio.Writer
	o Options
}

// paints are the ANSI codes of the tones' classes and of a few styles.
var paints = map[string]string{
	"pass": "32", "fail": "31", "open": "33", "invalid": "35", "none": "2", "dim": "2", "bold": "1",
	"head-pass": "1;32", "head-fail": "1;31", "head-open": "1;33", "head-invalid": "1;35", "head-none": "1",
}

func (t *terminal) paint(style, s string) string {
	if code := paints[style]; t.o.Color && code != "" && s != "" {
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	return s
}

func (t *terminal) line(parts ...string) {
	s := strings.TrimRight(strings.Join(parts, ""), " ")
	// GitHub's runner takes such lines of a log for commands to it.
	if text := strings.TrimLeft(s, " "); strings.HasPrefix(text, "::") || strings.HasPrefix(text, "##[") {
		s = s[:len(s)-len(text)] + text[:1] + "\u200b" + text[1:]
	}
	_, _ = t.w.WriteString(s + "\n")
}

// text writes s wrapped, with first, which is dimmed, before its first line and
// blanks before the others.
func (t *terminal) text(first, s string) {
	indent := utf8.RuneCountInString(first)
	for i, l := range wrap(s, t.o.Width-indent) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		t.line(t.paint("dim", first), l)
	}
}

func (t *terminal) head(r *run.Result) {
	h := headline(r)
	rest := reasons(r)
	first := ""
	if len(rest) > 0 {
		first, rest = rest[0], rest[1:]
	}
	indent := utf8.RuneCountInString(h.Word) + 2
	lines := wrap(first, t.o.Width-indent)
	if len(lines) == 0 {
		lines = []string{""}
	}
	t.line(t.paint("head-"+h.Class, h.Word), "  ", t.paint("bold", lines[0]))
	for _, l := range lines[1:] {
		t.line(strings.Repeat(" ", indent), t.paint("bold", l))
	}
	for i, s := range rest {
		if i == topReasons-1 && !t.o.Verbose && len(rest) > topReasons {
			t.text(strings.Repeat(" ", indent), "and "+plural(int64(len(rest)-i), "reason")+" more (-v)")
			break
		}
		t.text(strings.Repeat(" ", indent), s)
	}
	for _, c := range cautions(r) {
		t.text(c.Word+"  ", c.Text)
	}
	t.text("", shape(r))
	t.text("", clean(r.Target, maxName)+" · "+stamp(r.StartedAt)+" · ran "+length(r.DurationS)+", measured "+length(r.MeasuredS))
	if len(r.Labels) > 0 {
		t.text("", cut(clean(labelList(r.Labels), maxMessage), 3*t.o.Width))
	}
	t.line()
}

func (t *terminal) thresholds(r *run.Result) {
	if len(r.Thresholds) == 0 {
		t.line(t.paint("dim", "No thresholds."))
		t.line()
		return
	}
	shown, folded := split(r.Thresholds)
	if t.o.Verbose {
		shown, folded = sorted(r.Thresholds), nil
	}
	g := grid{width: t.o.Width, end: true, head: []string{"Thresholds", "value", "interval", "over limit", "n"}}
	for i := range shown {
		j := &shown[i]
		if i == topThresholds && !t.o.Verbose && len(shown) > topThresholds+1 {
			break
		}
		value := none
		if j.Value != nil {
			value = quantity(*j.Value, j.Unit)
		}
		tn := toneOf(j.Verdict)
		g.add(tn.Class, tn.Mark+" "+label(j), value, interval(j.Low, j.High, j.Unit), share(j), count(j.N))
	}
	g.write(t)
	if n := len(shown) - len(g.rows); n > 0 {
		t.line(t.paint("dim", "  and "+count(int64(n))+" more (-v)"))
	}
	if len(folded) > 0 {
		t.line(t.paint("dim", "  "+foldedLine(folded)))
	}
	t.line()
}

// foldedLine is "and 13 on single endpoints: 12 pass, 1 had no data".
func foldedLine(folded []verdict.Judged) string {
	pass := 0
	for _, j := range folded {
		if j.Verdict == verdict.Pass {
			pass++
		}
	}
	s := "and " + count(int64(len(folded))) + " on single endpoints: " + count(int64(pass)) + " pass"
	if n := len(folded) - pass; n > 0 {
		s += ", " + count(int64(n)) + " not judged"
	}
	return s
}

func (t *terminal) endpoints(r *run.Result) {
	head := []string{"Endpoints (times in ms)", "requests", "failed", "err %", "req/s", "P50", "P95", "P99", "max"}
	if t.o.Verbose && t.o.Width >= 100 {
		head = []string{"Endpoints (times in ms)", "requests", "failed", "err %", "req/s", "P50", "P90", "P95", "P99", "P99.9", "max"}
	}
	g := grid{width: t.o.Width, head: head}
	row := func(style, name string, requests, failed int64, rate, throughput *float64, l *run.Latency) {
		cells := []string{name, count(requests), count(failed), optional(rate, percent), optional(throughput, perSecond)}
		figures := []string{none, none, none, none, none, none}
		if l != nil {
			figures = []string{decimal(l.P50), decimal(l.P90), decimal(l.P95), decimal(l.P99), decimal(l.P999), decimal(l.Max)}
		}
		if len(head) == 9 {
			figures = []string{figures[0], figures[2], figures[3], figures[5]}
		}
		g.add(style, append(cells, figures...)...)
	}
	es := r.Endpoints
	if len(es) > topEndpoints+1 && !t.o.Verbose { // what needs an eye first, where not all are shown
		es = slices.Clone(es)
		slices.SortStableFunc(es, func(a, b run.EndpointResult) int { return rank(a.Verdict) - rank(b.Verdict) })
		es = es[:topEndpoints]
	}
	marked := slices.ContainsFunc(es, func(e run.EndpointResult) bool { return e.Verdict == verdict.Fail })
	for i := range es {
		e := &es[i]
		style, mark := "", ""
		if marked {
			mark = "  "
		}
		switch {
		case e.Verdict == verdict.Fail:
			style, mark = "fail", toneOf(e.Verdict).Mark+" "
		case e.Requests == 0:
			style = "dim"
		}
		row(style, mark+clean(e.Name, maxName), e.Requests, e.Failed, e.ErrorRate, e.Throughput, e.Response)
		if t.o.Verbose && e.Failed > 0 {
			g.note("  " + outcomeList(e.Outcomes))
		}
	}
	if n := len(r.Endpoints) - len(es); n > 0 {
		g.note("  and " + count(int64(n)) + " more (-v)")
	}
	row("bold", "total", r.Totals.Requests, r.Totals.Failed, r.Totals.ErrorRate, r.Totals.Throughput, r.Totals.Response)
	g.write(t)
}

// optional is f of *v, or the sign for nothing measured.
func optional(v *float64, f func(float64) string) string {
	if v == nil {
		return none
	}
	return f(*v)
}

// rowsText says what the run left on the target.
func rowsText(r *run.Rows) string {
	return count(r.Created) + " rows created, " + count(r.Deleted) + " deleted, " + count(r.Left) + " left behind"
}

func (t *terminal) measurement(r *run.Result) {
	var load []string
	if a := r.Totals.Attempts; a != nil {
		load = append(load, perSecond(*a)+" attempts/s")
	}
	if r.Warmup.Requests > 0 {
		s := "warm-up " + span(r.WarmupS) + " (" + plural(r.Warmup.Requests, "request")
		if r.Warmup.Failed > 0 {
			s += ", " + count(r.Warmup.Failed) + " failed"
		}
		load = append(load, s+")")
	}
	if rows := r.Rows; rows != nil {
		load = append(load, rowsText(rows))
	}
	if p := r.Totals.Pace; p != nil && (*p < .95 || t.o.Verbose) {
		load = append(load, "pace "+percent(*p)+" %")
	}
	if r.Totals.Dropped > 0 {
		load = append(load, count(r.Totals.Dropped)+" dropped")
	}
	if r.Totals.Waited > 0 {
		load = append(load, count(r.Totals.Waited)+" waited for a user")
	}
	if r.Totals.Unsent > 0 {
		load = append(load, count(r.Totals.Unsent)+" unsent")
	}
	if r.Totals.Reconnects > 0 && t.o.Verbose {
		load = append(load, plural(r.Totals.Reconnects, "reconnect"))
	}
	if len(load) > 0 {
		t.text("load       ", strings.Join(load, " · "))
	}
	t.drift(r)
	g := r.Generator
	if g.Valid && !t.o.Verbose { // that it kept its schedule is what counts
		if d := g.StartDelay; d != nil {
			g.StartDelay = &run.StartDelay{P99: d.P99}
		}
		g.CPUMax = nil
	}
	t.text("generator  ", generatorLine(&g))
	for _, s := range r.Generator.Validity {
		t.text("           ", clean(s, maxMessage))
	}
	t.line()
}

func (t *terminal) failures(r *run.Result) {
	if len(r.Failures) == 0 {
		return
	}
	t.line(t.paint("bold", "Failures"))
	fs := byCount(r.Failures)
	for i := range fs {
		f := &fs[i]
		if i == topFailures && !t.o.Verbose {
			t.line(t.paint("dim", "  and "+count(int64(len(fs)-i))+" more (-v)"))
			break
		}
		tail := "  " + percent(f.Share) + " %, " + clock(f.FirstSeenS) + "–" + clock(f.LastSeenS)
		lead := "  " + pad(count(f.Count), 6, true) + " × " + clean(f.Class, 24) + "  "
		name := short(clean(f.Endpoint, maxName), max(12, t.o.Width-utf8.RuneCountInString(lead+tail)))
		line := cut(lead+name+tail, t.o.Width)
		t.line(t.paint("fail", strings.TrimSuffix(line, tail)), line[len(strings.TrimSuffix(line, tail)):])
		if e := f.First(); e != nil && e.Message != "" {
			t.line(t.paint("dim", cut("           "+clean(e.Message, maxMessage), t.o.Width)))
			if id := traceID(e); id != "" && t.o.Verbose {
				t.line(t.paint("dim", "           trace "+id))
			}
		}
		if h := hopText(f); h != "" {
			t.line(t.paint("dim", cut("           "+h, t.o.Width)))
		}
	}
	t.line()
}

func (t *terminal) notShown(items []string) {
	if n := len(items) - topNotShown; n > 1 && !t.o.Verbose {
		items = append(slices.Clone(items[:topNotShown]), "and "+count(int64(n))+" more things (-v)")
	}
	t.list("This run cannot show", items)
}

// list writes a heading and its sentences; nothing where there are none.
func (t *terminal) list(heading string, items []string) {
	if len(items) == 0 {
		return
	}
	t.line(t.paint("bold", heading))
	for _, s := range items {
		t.text("  - ", clean(s, maxMessage))
	}
	t.line()
}

func (t *terminal) files() {
	if t.o.Dir == "" {
		return
	}
	t.line(t.paint("dim", "report  "), filepath.Join(t.o.Dir, run.HTMLFile))
	if t.o.Verbose {
		t.line(t.paint("dim", "data    "), filepath.Join(t.o.Dir, run.ResultFile))
	}
}
