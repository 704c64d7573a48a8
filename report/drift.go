package report

import (
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// driftTones are how the verdicts on drift look.
var driftTones = map[verdict.DriftVerdict]string{
	verdict.DriftStable: "pass", verdict.DriftImproving: "pass", verdict.DriftDegrading: "fail",
	verdict.DriftUnstable: "open", verdict.DriftUndecided: "none",
}

// driftLine is the verdict on drift in a line; empty where there is none: a run
// that is too short for one says so in result.json alone.
func driftLine(r *run.Result) (word, text string) {
	d := r.Drift
	if d == nil || d.Verdict == verdict.DriftUndecided && len(d.Metrics) == 0 {
		return "", ""
	}
	return string(d.Verdict), clean(d.Reason, maxMessage)
}

func (t *terminal) drift(r *run.Result) {
	if word, text := driftLine(r); word != "" {
		t.text("drift      ", word+": "+text)
	}
}

func (m *markdown) drift(r *run.Result) {
	if word, text := driftLine(r); word != "" {
		m.line("**Drift**: %s: %s", mdText(word), mdText(text))
		m.line("")
	}
}

// A driftView is the page's section on drift.
type driftView struct {
	Tone, Word, Text string
	Rows             []driftRow
	Hint             string
}

type driftRow struct {
	Tone, Word       string
	Metric, Scope    string
	Median, Slope    string
	Interval, Reason string
}

// driftView shows the run's own figures and its processes', and of the endpoints
// those that did not stay as they were.
func newDriftView(r *run.Result) *driftView {
	word, text := driftLine(r)
	if word == "" {
		return nil
	}
	d := r.Drift
	v := &driftView{Tone: driftTones[d.Verdict], Word: word, Text: tie(text)}
	quiet := 0
	for i := range d.Metrics {
		m := &d.Metrics[i]
		calm := m.Verdict == verdict.DriftStable || m.Verdict == verdict.DriftUndecided
		if calm && len(m.Values) == 0 {
			quiet++
			continue
		}
		if len(v.Rows) == maxRows {
			break
		}
		row := driftRow{
			Tone: driftTones[m.Verdict], Word: string(m.Verdict), Metric: clean(m.Metric, 40), Scope: clean(m.Scope, maxName),
			Median: none, Slope: none, Reason: tie(clean(m.Reason, maxMessage)),
		}
		if m.Median != nil {
			row.Median = driftQuantity(*m.Median, m.Unit)
		}
		if m.SlopePerHour != nil {
			row.Slope = driftQuantity(*m.SlopePerHour, m.Unit)
			if m.SlopeLow != nil && m.SlopeHigh != nil {
				row.Interval = driftQuantity(*m.SlopeLow, m.Unit) + " to " + driftQuantity(*m.SlopeHigh, m.Unit)
			}
		}
		v.Rows = append(v.Rows, row)
	}
	v.Hint = plural(int64(len(d.Starts)), "window") + " of " + span(d.WindowS) +
		". Trends by Mann-Kendall and Theil-Sen with their 90 % intervals, shifts of the level by Pettitt, all allowing for windows that are like the one before."
	if quiet > 0 {
		v.Hint += " " + plural(int64(quiet), "figure") + " of single endpoints did not change and stand in result.json."
	}
	if c := d.Compliance; c != nil {
		v.Hint += " " + count(int64(c.Windows-len(c.Bad))) + " of " + plural(int64(c.Windows), "window") + " kept the run's limits."
	}
	return v
}

// driftQuantity is quantity, with memory in MiB.
func driftQuantity(v float64, unit string) string {
	if unit == verdict.UnitBytes {
		return decimal(v/(1<<20)) + " MiB"
	}
	return quantity(v, unit)
}
