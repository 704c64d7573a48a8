package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// How many rows a Markdown summary shows, where that leaves it under markdownLines.
const (
	markdownLines       = 60
	markdownThresholds  = 6
	markdownDifferences = 26
	markdownEndpoints   = 13
	markdownReasons     = 3
)

var markdownMarks = map[string]string{"pass": "✅", "fail": "❌", "open": "❔", "invalid": "⚠️", "none": "➖"}

// Markdown writes the summary for a pull-request comment, with as many rows in its
// tables and lists as leave it under 60 lines.
func Markdown(w io.Writer, r *run.Result, _ Options) error {
	var b bytes.Buffer
	for most := markdownDifferences; most > 0; most-- {
		b.Reset()
		m := &markdown{bufio.NewWriter(&b), most}
		m.head(r)
		m.thresholds(r)
		if r.Comparison != nil {
			m.comparison(r.Comparison)
		}
		m.drift(r)
		m.endpoints(r)
		m.failures(r)
		m.foot(r)
		if err := m.w.Flush(); err != nil {
			return err
		}
		if bytes.Count(b.Bytes(), []byte("\n")) < markdownLines {
			break
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

type markdown struct {
	w    *bufio.Writer
	most int // rows of any table or list
}

func (m *markdown) line(format string, args ...any) { _, _ = fmt.Fprintf(m.w, format+"\n", args...) }

func (m *markdown) head(r *run.Result) {
	h := headline(r)
	m.line("### %s %s: load test %s", markdownMarks[h.Class], h.Word, mdCode(clean(r.Scenario, maxName)))
	m.line("")
	rs := reasons(r)
	for i, s := range rs {
		if i == markdownReasons && len(rs) > i+1 {
			m.line("- and %s more", plural(int64(len(rs)-i), "reason"))
			break
		}
		m.line("- %s", mdText(s))
	}
	for _, c := range cautions(r) {
		m.line("- **%s**: %s", c.Word, mdText(c.Text))
	}
	m.line("")
}

func (m *markdown) thresholds(r *run.Result) {
	if len(r.Thresholds) == 0 {
		return
	}
	shown, folded := split(r.Thresholds)
	m.line("| | threshold | value | interval | over limit | n |")
	m.line("|---|---|--:|--:|--:|--:|")
	more := 0
	for i := range shown {
		if i == min(markdownThresholds, m.most) && len(shown) > i+1 {
			more = len(shown) - i
			break
		}
		j := &shown[i]
		value := none
		if j.Value != nil {
			value = quantity(*j.Value, j.Unit)
		}
		m.line("| %s | %s | %s | %s | %s | %s |", markdownMarks[toneOf(j.Verdict).Class], mdCode(label(j)),
			mdText(value), mdText(interval(j.Low, j.High, j.Unit)), mdText(share(j)), count(j.N))
	}
	switch {
	case more > 0:
		m.line("| | and %s more | | | | |", count(int64(more+len(folded))))
	case len(folded) > 0:
		m.line("| | %s | | | | |", foldedLine(folded))
	}
	m.line("")
}

func (m *markdown) endpoints(r *run.Result) {
	if len(r.Endpoints) == 0 {
		return
	}
	es := slices.Clone(r.Endpoints)
	most := min(markdownEndpoints, m.most)
	if len(es) > most { // what fails comes first where not all can be shown
		slices.SortStableFunc(es, func(a, b run.EndpointResult) int { return rank(a.Verdict) - rank(b.Verdict) })
	}
	m.line("| endpoint | requests | failed | err %% | req/s | P50 ms | P95 ms | P99 ms | max ms |")
	m.line("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for i := range es {
		if i == most && len(es) > i+1 {
			m.line("| and %s more | | | | | | | | |", plural(int64(len(es)-i), "endpoint"))
			break
		}
		e := &es[i]
		name := mdCode(clean(e.Name, maxName))
		if e.Verdict == verdict.Fail {
			name = markdownMarks["fail"] + " " + name
		}
		m.row(name, e.Requests, e.Failed, e.ErrorRate, e.Throughput, e.Response)
	}
	m.row("**total**", r.Totals.Requests, r.Totals.Failed, r.Totals.ErrorRate, r.Totals.Throughput, r.Totals.Response)
	m.line("")
}

func (m *markdown) row(name string, requests, failed int64, rate, throughput *float64, l *run.Latency) {
	p50, p95, p99, highest := none, none, none, none
	if l != nil {
		p50, p95, p99, highest = decimal(l.P50), decimal(l.P95), decimal(l.P99), decimal(l.Max)
	}
	m.line("| %s | %s | %s | %s | %s | %s | %s | %s | %s |", name, count(requests), count(failed),
		mdText(optional(rate, percent)), mdText(optional(throughput, perSecond)), mdText(p50), mdText(p95), mdText(p99), mdText(highest))
}

func (m *markdown) failures(r *run.Result) {
	if len(r.Failures) == 0 {
		return
	}
	m.line("**Failures**")
	m.line("")
	fs := byCount(r.Failures)
	for i := range fs {
		if i == min(topFailures, m.most) && len(fs) > i+1 {
			m.line("- and %s more", count(int64(len(fs)-i)))
			break
		}
		f := &fs[i]
		s := fmt.Sprintf("- %s × %s %s (%s%s)", count(f.Count), mdCode(clean(f.Class, 40)), mdCode(clean(f.Endpoint, maxName)),
			mdText(percent(f.Share)+" %"), seen(r, f))
		if e := f.First(); e != nil && e.Message != "" {
			s += ": " + mdCode(clean(e.Message, 240))
			if id := traceID(e); id != "" {
				s += " (trace " + mdCode(id) + ")"
			}
		}
		m.line("%s", s)
	}
	m.line("")
}

func (m *markdown) foot(r *run.Result) {
	if len(r.NotShown) > 0 {
		m.line("<details><summary>What this run cannot show</summary>")
		m.line("")
		for i, s := range r.NotShown {
			if i == 5 {
				break
			}
			m.line("- %s", mdText(clean(s, maxMessage)))
		}
		m.line("")
		m.line("</details>")
		m.line("")
	}
	facts := []string{mdCode(clean(r.Target, maxName)), mdText(clean(r.Load, maxName)), mdText(stamp(r.StartedAt)), "ran " + length(r.DurationS)}
	if len(r.Labels) > 0 {
		facts = append(facts, mdCode(clean(labelList(r.Labels), maxMessage)))
	}
	facts = append(facts, "lt "+mdText(clean(r.LT, maxName)), "run "+mdCode(clean(r.RunID, maxName)))
	m.line("<sub>Generator: %s<br>%s</sub>", mdText(generatorText(r)), strings.Join(facts, " · "))
}

// mdEntities are the characters that mean something to Markdown or HTML, as
// entities, which mean nothing to either.
var mdEntities = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "|", "&#124;", "`", "&#96;", `\`, "&#92;",
	"*", "&#42;", "[", "&#91;", "]", "&#93;", "~", "&#126;", "#", "&#35;", "!", "&#33;", "$", "&#36;",
	"@", "@\u200b", "://", ":\u200b//", "www.", "www\u200b.") // neither a mention nor a link

// mdEdge is an underscore at the edge of a word, where it starts or ends emphasis.
var mdEdge = regexp.MustCompile(`(^|[^A-Za-z0-9_])_+|_+($|[^A-Za-z0-9_])`)

// mdText is s as prose. It must have been cleaned.
func mdText(s string) string {
	return mdEdge.ReplaceAllStringFunc(mdEntities.Replace(s), func(edge string) string { return strings.ReplaceAll(edge, "_", "&#95;") })
}

// mdTag is what a careless reader of Markdown may take for HTML, within code too.
var mdTag = regexp.MustCompile(`<[A-Za-z/!?]`)

// mdCode is s as code. A span of backticks reads best; what it cannot hold
// within a table stands in entities.
func mdCode(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	if strings.ContainsAny(s, "`|\\\u200b") || strings.TrimSpace(s) != s || mdTag.MatchString(s) {
		return "<code>" + mdText(s) + "</code>"
	}
	return "`" + s + "`"
}
