package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/verdict"
)

// TestAWarningIsShownAndFailsNothing has a threshold that only warns in every
// format that shows thresholds.
func TestAWarningIsShownAndFailsNothing(t *testing.T) {
	r := passing()
	r.Thresholds = append(r.Thresholds, verdict.Judged{
		Expression: "p99 < 10ms warn", Metric: "p99", Op: "<", Unit: verdict.UnitMS, Limit: 10, Value: at(412.0), Low: at(390.0), High: at(431.0),
		Share: at(.31), ShareLimit: at(.01), N: 1000, Verdict: verdict.Warn, Warn: true, Reason: "p99 412 ms (390-431), 31 % of 1,000 requests over 10 ms, limit 1 %",
	})
	for name, want := range map[string]string{
		"terminal": "! p99 < 10ms warn", "markdown": "p99 < 10ms warn", "html": "warning", "junit": "WARN: p99 412 ms",
	} {
		var b bytes.Buffer
		var err error
		switch name {
		case "terminal":
			err = Terminal(&b, r, Options{})
		case "markdown":
			err = Markdown(&b, r, Options{})
		case "html":
			err = HTML(&b, r, Options{})
		case "junit":
			err = JUnit(&b, r, Options{})
		}
		if err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v; %q is not in it", name, err, want)
		}
		if name == "junit" && (strings.Contains(b.String(), "<failure") || strings.Contains(b.String(), "<error")) {
			t.Error("junit: a warning fails the build")
		}
	}
}
