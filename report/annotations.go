package report

import (
	"bufio"
	"io"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// maxAnnotations is how many errors, and how many warnings, GitHub shows of a
// step.
const maxAnnotations = 10

// Annotations writes GitHub's workflow commands: an error for each broken
// threshold, a warning for each that is not proven, and one of the two for the
// run's verdict, which comes first. A run that passed has none but for what a
// reader must know.
func Annotations(w io.Writer, r *run.Result) error {
	a := annotations{w: bufio.NewWriter(w), left: map[string]int{"error": maxAnnotations, "warning": maxAnnotations}}
	h := headline(r)
	level := "warning"
	if r.ExitCode != nil && *r.ExitCode != 0 || h.Class == "fail" || h.Class == "invalid" {
		level = "error"
	}
	name := "lt: " + clean(r.Scenario, maxName)
	if h.Class != "pass" || level == "error" {
		a.say(level, name+": "+h.Word, strings.Join(reasons(r), "\n"))
	}
	for _, c := range cautions(r) {
		a.say("warning", name+": "+c.Word, c.Text)
	}
	for _, t := range sorted(r.Thresholds) {
		title := name + ": " + label(&t)
		switch text := clean(t.Reason, maxMessage); t.Verdict {
		case verdict.Fail:
			a.say("error", title, "broken: "+text)
		case verdict.Inconclusive:
			a.say("warning", title, "not proven: "+text)
		}
	}
	return a.w.Flush()
}

type annotations struct {
	w    *bufio.Writer
	left map[string]int
}

func (a *annotations) say(level, title, text string) {
	if a.left[level] == 0 {
		return
	}
	a.left[level]--
	_, _ = a.w.WriteString("::" + level + " title=" + commandProperty.Replace(cleanBlock(title, maxMessage)) + "::" + commandData.Replace(cleanBlock(text, maxBody)) + "\n")
}

// What GitHub's runner takes back, and nothing else may stand in a command.
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
