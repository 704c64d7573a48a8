package report

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/seed-42693903/lt/internal/smoke"
)

// SmokeJUnit writes a smoke as test cases: one for each check of health, one for
// each operation. A broken operation is a failure, one that was not exercised is
// skipped.
func SmokeJUnit(w io.Writer, r *smoke.Result, _ Options) error {
	at := r.StartedAt.UTC().Format("2006-01-02T15:04:05")
	health := junitSuite{Name: "lt smoke health", Timestamp: at, Time: junitSeconds(0), Cases: []junitCase{}}
	health.Properties = &junitProperties{List: []junitProperty{
		{"run_id", clean(r.RunID, maxMessage)}, {"verdict", string(r.Verdict)}, {"target", clean(r.Target, maxMessage)}, {"command", clean(r.Command, maxMessage)},
	}}
	for _, c := range r.Health {
		k := junitCase{Class: "lt.smoke.health", Name: clean(c.Name, maxName), Time: junitSeconds(0)}
		if c.TimeMS != nil {
			k.Time = junitSeconds(*c.TimeMS / 1000)
		}
		text := clean(c.Text, maxMessage)
		switch c.State {
		case "failed":
			k.Failure = &junitReason{Type: "health", Message: text}
		case "absent":
			k.Skipped = &junitReason{Message: text}
		default:
			k.Out = text
		}
		health.Cases = append(health.Cases, k)
	}
	gate := junitCase{Class: "lt.smoke", Name: "the gate", Time: junitSeconds(r.DurationS), Out: smokeLead(r)}
	if r.Verdict != "pass" {
		var reasons []string
		for _, s := range r.Reasons {
			reasons = append(reasons, clean(s, maxMessage))
		}
		gate.Failure = &junitReason{Type: "gate", Message: strings.Join(reasons, "; "), Text: afterFixes(r)}
	}
	health.Cases = append(health.Cases, gate)

	operations := junitSuite{Name: "lt smoke operations", Timestamp: at, Time: junitSeconds(r.DurationS), Cases: []junitCase{}}
	hints := map[string]*smoke.Blocker{}
	for i := range r.Blockers {
		hints[r.Blockers[i].ID] = &r.Blockers[i]
	}
	for i := range r.Operations {
		o := &r.Operations[i]
		_, word := stateTone(o.State)
		k := junitCase{Class: "lt.smoke.operations", Name: clean(o.Name, maxName), Time: junitSeconds(0)}
		if o.TimeMS != nil {
			k.Time = junitSeconds(*o.TimeMS / 1000)
		}
		reason := clean(o.Reason, maxMessage)
		switch {
		case o.State == smoke.NotExercised:
			k.Skipped = &junitReason{Message: "not exercised: " + reason}
		case o.State.Works() || o.State == smoke.Undocumented:
			k.Out = strings.TrimSpace(word + " " + reason)
		default:
			text := "state: " + word + "\nstatus: " + statusText(o.Status, o.UpstreamStatus) + "\nhop: " + clean(string(o.Hop), 24) +
				" (" + clean(strings.Join(o.HopEvidence, "; "), maxMessage) + ")\nfault: " + clean(string(o.Fault), 60)
			if b := hints[o.Blocker]; b != nil {
				text += "\nblocker: " + clean(b.ID, 12) + " " + clean(b.Priority, 4)
				for _, h := range b.Hints {
					text += "\nhint: " + clean(h, maxMessage)
				}
			}
			k.Failure = &junitReason{Type: clean(string(o.State), 40), Message: reason, Text: text}
		}
		operations.Cases = append(operations.Cases, k)
	}
	all := junitSuites{Name: "lt smoke", Time: junitSeconds(r.DurationS), Suites: []junitSuite{health, operations}}
	for i := range all.Suites {
		s := &all.Suites[i]
		for _, c := range s.Cases {
			s.Tests++
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
