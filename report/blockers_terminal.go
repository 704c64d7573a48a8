package report

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/smoke"
	"github.com/seed-42693903/lt/internal/verdict"
)

// topBlockers is how many blockers a terminal shows whole; Verbose shows all.
const topBlockers = 8

// smokeTone is the tone of a smoke's verdict.
func smokeTone(r *smoke.Result) tone {
	if r.Verdict == verdict.Pass {
		return tone{Class: "pass", Mark: "✓", Word: "PASS"}
	}
	return tone{Class: "fail", Mark: "✗", Word: "BLOCKED"}
}

// stateTone is the tone of a row of the gap table, and its state in words.
func stateTone(s smoke.State) (class, word string) {
	word = strings.ReplaceAll(string(s), "_", " ")
	switch {
	case s == smoke.Present:
		return "pass", word
	case s == smoke.NotExercised:
		return "none", word
	case s == smoke.Slow || s == smoke.Undocumented:
		return "open", word
	}
	return "fail", word
}

// priorityTone is the tone of a blocker.
func priorityTone(priority string) string {
	if priority == "P0" {
		return "fail"
	}
	return "open"
}

// statusText is "500, 405 behind it".
func statusText(status, upstream int) string {
	switch {
	case status == 0:
		return none
	case upstream > 0 && upstream != status:
		return fmt.Sprintf("%d, %d behind it", status, upstream)
	}
	return fmt.Sprint(status)
}

// afterFixes is the sentence on what fixing the blockers would bring; "" where there
// is none.
func afterFixes(r *smoke.Result) string {
	if len(r.Blockers) == 0 {
		return ""
	}
	text := fmt.Sprintf("After these fixes: %s of %s would work (now %s).", count(int64(r.AfterFixes.Working)),
		plural(int64(r.AfterFixes.Operations), "operation"), count(int64(r.Coverage.Working)))
	if n := r.AfterFixes.Operations - r.AfterFixes.Working; n > 0 {
		text += fmt.Sprintf(" Of %s nothing can be said: see what was not exercised.", count(int64(n)))
	}
	return text
}

// smokeLead is the result in one sentence.
func smokeLead(r *smoke.Result) string {
	c := r.Coverage
	return fmt.Sprintf("%s of %s work; %s exercised (%s %%), %s.", count(int64(c.Working)), plural(int64(c.Operations), "operation"),
		count(int64(c.Exercised)), percent(c.Share), plural(int64(len(r.Blockers)), "blocker"))
}

// smokeSource says what was exercised.
func smokeSource(r *smoke.Result) string {
	var parts []string
	if r.Scenario != "" {
		parts = append(parts, "steps of "+clean(r.Scenario, maxName))
	}
	if c := r.Contract; c != nil {
		text := clean(c.Title, maxName)
		if c.Version != "" {
			text += " " + clean(c.Version, 60)
		}
		parts = append(parts, "contract "+strings.TrimSpace(text)+" ("+clean(c.Source, maxName)+", "+plural(int64(c.Operations), "operation")+")")
	} else {
		parts = append(parts, "no contract")
	}
	if r.Safe {
		parts = append(parts, "--safe: nothing was written")
	}
	return strings.Join(parts, " · ")
}

// smokeFacts says what was sent and left behind.
func smokeFacts(r *smoke.Result) string {
	text := plural(int64(r.Requests), "request") + " in " + span(r.DurationS)
	if r.Rows.Created > 0 {
		text += fmt.Sprintf(" · %s created, %s deleted, %s left behind", plural(int64(r.Rows.Created), "row"), count(int64(r.Rows.Deleted)), count(int64(r.Rows.Left)))
	}
	return text
}

// SmokeTerminal writes the summary of a smoke for a terminal.
func SmokeTerminal(w io.Writer, r *smoke.Result, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 60)
	t := &terminal{w: bufio.NewWriter(w), o: o}
	h := smokeTone(r)
	t.line(t.paint("head-"+h.Class, h.Word), "  ", t.paint("bold", smokeLead(r)))
	for _, s := range r.Reasons {
		t.text("  ", clean(s, maxMessage))
	}
	t.text("", clean(r.Target, maxName)+" · "+stamp(r.StartedAt))
	t.text("", smokeSource(r))
	t.text("", smokeFacts(r))
	if r.Insecure {
		t.text("INSECURE  ", "TLS certificates were not verified (-k).")
	}
	t.line()
	t.smokeHealth(r)
	t.smokeBlockers(r)
	t.smokeGaps(r)
	t.smokeChanges(r)
	if l := r.Load; l != nil {
		text := plural(l.Requests, "request") + ", " + count(l.Failed) + " failed"
		if l.P95 != nil {
			text += ", P95 " + decimal(*l.P95) + " ms"
		}
		t.text("smoke load  ", text)
		t.line()
	}
	t.list("Notes", r.Notes)
	if o.Dir != "" {
		t.line(t.paint("dim", "report    "), filepath.Join(o.Dir, run.HTMLFile))
		t.line(t.paint("dim", "ticket    "), filepath.Join(o.Dir, smoke.MarkdownFile))
		t.line(t.paint("dim", "data      "), filepath.Join(o.Dir, smoke.ResultFile))
	}
	return t.w.Flush()
}

func (t *terminal) smokeHealth(r *smoke.Result) {
	var fine []string
	for _, c := range r.Health {
		switch c.State {
		case "ok":
			fine = append(fine, clean(c.Name, 24))
		case "absent":
			if t.o.Verbose {
				t.text("  –  "+pad(clean(c.Name, 24), 11, false), clean(c.Text, maxMessage))
			}
		default:
			style := map[string]string{"failed": "fail", "warning": "open"}[c.State]
			for i, l := range wrap(clean(c.Text, maxMessage), t.o.Width-17) {
				first := ""
				if i == 0 {
					first = clean(c.State, 10) + "  " + c.Name
				}
				t.line("  ", t.paint(style, pad(clean(first, 24), 15, false)), l)
			}
		}
	}
	if len(fine) > 0 {
		t.text("health    ", strings.Join(fine, ", ")+": ok")
	}
	t.line()
}

func (t *terminal) smokeBlockers(r *smoke.Result) {
	if len(r.Blockers) == 0 {
		return
	}
	t.line(t.paint("bold", "Blockers"))
	for i := range r.Blockers {
		b := &r.Blockers[i]
		if i == topBlockers && !t.o.Verbose && len(r.Blockers) > i+1 {
			t.line(t.paint("dim", "  and "+count(int64(len(r.Blockers)-i))+" more (-v)"))
			break
		}
		head := "  " + clean(b.ID, 12) + " " + clean(b.Priority, 4) + "  "
		for k, l := range wrap(clean(b.Title, maxName), t.o.Width-utf8.RuneCountInString(head)) {
			if k > 0 {
				head = strings.Repeat(" ", utf8.RuneCountInString(head))
			}
			t.line(t.paint(priorityTone(b.Priority), head), t.paint("bold", l))
		}
		const indent = "         "
		t.text(indent+"hop    ", fmt.Sprintf("%s: %s", clean(string(b.Hop), 24), clean(strings.Join(b.Evidence, "; "), maxMessage)))
		t.text(indent+"fault  ", clean(string(b.Fault), 60)+"; breaks "+percent(b.Share)+" % of the requests")
		t.text(indent+"says   ", clean(b.Message, maxMessage))
		if len(b.Endpoints) > 1 {
			t.text(indent+"where  ", nameList(b.Endpoints, 4, t.o.Verbose))
		}
		if len(b.AlsoFails) > 0 {
			t.text(indent+"keeps  ", nameList(b.AlsoFails, 4, t.o.Verbose)+" from being exercised")
		}
		for _, hint := range b.Hints {
			t.text(indent+"hint   ", clean(hint, maxMessage))
		}
	}
	t.line()
	t.text("  ", afterFixes(r))
	t.line()
}

// nameList is the first names of a list.
func nameList(names []string, most int, all bool) string {
	var out []string
	for i, n := range names {
		if i == most && !all && len(names) > most+1 {
			out = append(out, "and "+count(int64(len(names)-i))+" more")
			break
		}
		out = append(out, clean(n, maxName))
	}
	return strings.Join(out, ", ")
}

func (t *terminal) smokeGaps(r *smoke.Result) {
	g := grid{width: t.o.Width, head: []string{"Gaps", "state", "status", "hop"}}
	shown, works := 0, 0
	for i := range r.Operations {
		o := &r.Operations[i]
		if o.State == smoke.Present && !t.o.Verbose {
			works++
			continue
		}
		if shown++; shown > 40 && !t.o.Verbose {
			continue
		}
		class, word := stateTone(o.State)
		hop := clean(string(o.Hop), 12)
		if hop == "" {
			hop = none
		}
		g.add(class, clean(o.Name, maxName), word, statusText(o.Status, o.UpstreamStatus), hop)
		if o.State == smoke.NotExercised || o.State == smoke.Slow || t.o.Verbose && o.Reason != "" {
			g.note("    " + clean(o.Reason, maxMessage))
		}
	}
	if shown == 0 {
		return
	}
	g.write(t)
	if shown > 40 && !t.o.Verbose {
		t.line(t.paint("dim", "  and "+count(int64(shown-40))+" more (-v)"))
	}
	if works > 0 {
		t.line(t.paint("dim", "  "+plural(int64(works), "operation")+" present and right (-v lists them)"))
	}
	t.line()
}

func (t *terminal) smokeChanges(r *smoke.Result) {
	c := r.Changes
	if c == nil {
		return
	}
	t.line(t.paint("bold", "Since "+clean(c.Baseline, maxName)))
	if len(c.Fixed)+len(c.New)+len(c.Still) == 0 {
		t.line("  nothing was broken then, and nothing is now")
	}
	for _, s := range c.Fixed {
		t.line("  ", t.paint("pass", "fixed         "), cut(clean(s, maxName), t.o.Width-16))
	}
	for _, s := range c.New {
		t.line("  ", t.paint("fail", "new           "), cut(clean(s, maxName), t.o.Width-16))
	}
	for _, s := range c.Still {
		t.line("  ", t.paint("open", "still broken  "), cut(clean(s, maxName), t.o.Width-16))
	}
	t.line()
}
