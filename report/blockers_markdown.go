package report

import (
	"bufio"
	"io"
	"strings"

	"github.com/seed-42693903/lt/internal/smoke"
)

// How much of a smoke its Markdown shows, so that a ticket takes it.
const (
	markdownBlockers = 40
	markdownGaps     = 200
	markdownBody     = 1500 // characters of an exchange
)

// SmokeMarkdown writes blockers.md: the blockers first, each with its exchange and
// the commands that repeat it, then the gap table.
func SmokeMarkdown(w io.Writer, r *smoke.Result, _ Options) error {
	m := &markdown{w: bufio.NewWriter(w)}
	h := smokeTone(r)
	m.line("# %s %s: %s", markdownMarks[h.Class], h.Word, mdText(clean(r.Target, maxName)))
	m.line("")
	m.line("**%s**", mdText(smokeLead(r)))
	m.line("")
	for _, s := range r.Reasons {
		m.line("- %s", mdText(clean(s, maxMessage)))
	}
	if r.Insecure {
		m.line("- **INSECURE**: TLS certificates were not verified (-k).")
	}
	m.line("")
	facts := []string{mdText(smokeSource(r)), mdText(smokeFacts(r)), mdText(stamp(r.StartedAt)), "lt " + mdText(clean(r.LT, maxName)), "smoke " + mdCode(clean(r.RunID, maxName))}
	if len(r.Labels) > 0 {
		facts = append(facts, mdCode(clean(labelList(r.Labels), maxMessage)))
	}
	m.line("%s", strings.Join(facts, " · "))
	m.line("")
	m.smokeBlockers(r)
	m.smokeHealth(r)
	m.smokeGaps(r)
	m.smokeChanges(r)
	for i, n := range r.Notes {
		if i == 0 {
			m.line("## Notes")
			m.line("")
		}
		m.line("- %s", mdText(clean(n, maxMessage)))
	}
	if r.Command != "" {
		m.line("")
		m.line("Again: %s", mdCode(clean(r.Command, maxMessage)))
	}
	return m.w.Flush()
}

func (m *markdown) smokeBlockers(r *smoke.Result) {
	if len(r.Blockers) == 0 {
		return
	}
	m.line("## Blockers")
	m.line("")
	m.line("| | priority | what | hop | fault | breaks | keeps from working |")
	m.line("|---|---|---|---|---|--:|--:|")
	for i := range r.Blockers {
		b := &r.Blockers[i]
		if i == markdownBlockers {
			m.line("| and %s more | | | | | | |", count(int64(len(r.Blockers)-i)))
			break
		}
		m.line("| %s | %s | %s | %s | %s | %s | %s |", mdText(clean(b.ID, 12)), mdText(clean(b.Priority, 4)), mdText(clean(b.Title, maxName)),
			mdText(clean(string(b.Hop), 24)), mdText(clean(string(b.Fault), 60)), mdText(percent(b.Share)+" %"), count(int64(len(b.AlsoFails))))
	}
	m.line("")
	m.line("%s", mdText(afterFixes(r)))
	m.line("")
	for i := range r.Blockers {
		if i == markdownBlockers {
			break
		}
		m.smokeBlocker(r, &r.Blockers[i])
	}
}

func (m *markdown) smokeBlocker(r *smoke.Result, b *smoke.Blocker) {
	m.line("### %s (%s): %s", mdText(clean(b.ID, 12)), mdText(clean(b.Priority, 4)), mdText(clean(b.Title, maxName)))
	m.line("")
	if b.Status > 0 {
		m.line("- **Status**: %s", mdText(statusText(b.Status, b.Upstream)))
	}
	m.line("- **Hop**: %s (%s)", mdText(clean(string(b.Hop), 24)), mdText(clean(strings.Join(b.Evidence, "; "), maxMessage)))
	m.line("- **Fault**: %s", mdText(clean(string(b.Fault), 60)))
	m.line("- **Says**: %s", mdCode(clean(b.Message, maxMessage)))
	for _, hint := range b.Hints {
		m.line("- **Hint**: %s", mdText(clean(hint, maxMessage)))
	}
	if len(b.Endpoints) > 1 {
		m.line("- **Where**: %s", mdNames(b.Endpoints))
	}
	if len(b.AlsoFails) > 0 {
		m.line("- **Keeps from being exercised**: %s", mdNames(b.AlsoFails))
	}
	if x := b.Exemplar; x != nil {
		if x.TraceID != "" {
			m.line("- **Trace id**: %s", mdCode(clean(x.TraceID, 64)))
		}
		m.line("")
		m.line("<details><summary>One exchange, and how to repeat it</summary>")
		m.line("")
		for _, part := range smokeExchange(x, r) {
			m.line("%s", mdText(part.Title))
			m.line("")
			m.fence(part.Text)
		}
		m.line("</details>")
	}
	m.line("")
}

// mdNames is a list of operations.
func mdNames(names []string) string {
	var out []string
	for i, n := range names {
		if i == 60 {
			out = append(out, "and "+count(int64(len(names)-i))+" more")
			break
		}
		out = append(out, mdCode(clean(n, maxName)))
	}
	return strings.Join(out, ", ")
}

// fence writes text as a block of code, which nothing in it can end.
func (m *markdown) fence(text string) {
	fence, run := "```", 0
	for _, c := range text {
		if c != '`' {
			run = 0
			continue
		}
		if run++; run >= len(fence) {
			fence = strings.Repeat("`", run+1)
		}
	}
	// What a careless reader of Markdown takes for HTML within code, too.
	text = mdTag.ReplaceAllStringFunc(text, func(s string) string { return "<\u200b" + s[1:] })
	m.line("%stext", fence)
	m.line("%s", text)
	m.line("%s", fence)
	m.line("")
}

func (m *markdown) smokeHealth(r *smoke.Result) {
	m.line("## Health and readiness")
	m.line("")
	m.line("| | check | |")
	m.line("|---|---|---|")
	for _, c := range r.Health {
		mark := map[string]string{"ok": markdownMarks["pass"], "failed": markdownMarks["fail"], "warning": "⚠️"}[c.State]
		if mark == "" {
			mark = markdownMarks["none"]
		}
		m.line("| %s | %s | %s |", mark, mdText(clean(c.Name, 24)), mdText(clean(c.Text, maxMessage)))
	}
	m.line("")
}

func (m *markdown) smokeGaps(r *smoke.Result) {
	m.line("## Gap table")
	m.line("")
	m.line("| | operation | state | status | hop | why |")
	m.line("|---|---|---|---|---|---|")
	for i := range r.Operations {
		o := &r.Operations[i]
		if i == markdownGaps {
			m.line("| | and %s more, in smoke.json | | | | |", count(int64(len(r.Operations)-i)))
			break
		}
		class, word := stateTone(o.State)
		m.line("| %s | %s | %s | %s | %s | %s |", markdownMarks[class], mdCode(clean(o.Name, maxName)), word, mdText(statusText(o.Status, o.UpstreamStatus)),
			mdText(clean(string(o.Hop), 24)), mdText(clean(o.Reason, 300)))
	}
	m.line("")
}

func (m *markdown) smokeChanges(r *smoke.Result) {
	c := r.Changes
	if c == nil {
		return
	}
	m.line("## Since %s", mdCode(clean(c.Baseline, maxName)))
	m.line("")
	for _, part := range []struct {
		mark, word string
		list       []string
	}{{markdownMarks["pass"], "fixed", c.Fixed}, {markdownMarks["fail"], "new", c.New}, {"⚠️", "still broken", c.Still}} {
		for _, s := range part.list {
			m.line("- %s **%s** %s", part.mark, part.word, mdCode(clean(s, maxMessage)))
		}
	}
	if len(c.Fixed)+len(c.New)+len(c.Still) == 0 {
		m.line("Nothing was broken then, and nothing is now.")
	}
	m.line("")
}

// smokeExchange is an exchange, and the one straight to the upstream, as blocks.
func smokeExchange(x *smoke.Exchange, r *smoke.Result) []block {
	out := exchange(&x.Exemplar, r.Target)
	for i := range out {
		if out[i].Title == "Again with curl" {
			out[i].Title = "Again with curl, through the gateway"
		}
		if out[i].Title == "Request" || out[i].Title == "Response" { // half a command is none
			out[i].Text = cutBlock(out[i].Text)
		}
	}
	if d := x.Direct; d != nil {
		for _, b := range exchange(&d.Exemplar, d.Base) {
			switch b.Title {
			case "Request":
				b.Title = "Request straight to the upstream"
			case "Response":
				b.Title = "Response of the upstream"
			default:
				b.Title = "Again with curl, straight to the upstream"
				b.Text = strings.ReplaceAll(b.Text, "$LT_API_KEY", "$LT_DIRECT_KEY")
			}
			if !strings.HasPrefix(b.Title, "Again") {
				b.Text = cutBlock(b.Text)
			}
			out = append(out, b)
		}
	}
	return out
}

// cutBlock ends a block that is too long for a ticket.
func cutBlock(s string) string {
	if r := []rune(s); len(r) > markdownBody {
		return string(r[:markdownBody]) + "\n…"
	}
	return s
}
