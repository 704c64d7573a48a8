package report

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/verdict"
)

// adjectives are words of praise and blame that no figure carries.
var adjectives = regexp.MustCompile(`(?i)\b(excellent|outstanding|great|good|fine|healthy|robust|solid|strong|stable|reliable|acceptable|satisfactory|impressive|optimal|perfect|smooth|` +
	`consistent|responsive|efficient|fast|quick|blazing|snappy|slow|sluggish|bad|poor|terrible|weak|unacceptable|unreliable|unstable|significant|substantial|considerable|` +
	`dramatic|minimal|negligible|minor|major|huge|tiny|low|high|critical|concerning|successfully|successful|ready|production-ready|clean|well)\b`)

func doc(t *testing.T, s *Suite) string {
	t.Helper()
	var b strings.Builder
	if err := BaselineDoc(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBaselineDocGolden(t *testing.T) {
	for _, name := range []string{"passing", "mixed", "broken"} {
		golden(t, "baselinedoc-"+name+".md", doc(t, suites()[name]))
	}
}

// TestNoAdjective: the document says figures and verdicts. What a scenario, a
// target or a label says of itself is quoted, so that fixtures without such words
// are looked at.
func TestNoAdjective(t *testing.T) {
	for _, name := range []string{"passing", "mixed", "broken"} {
		s := suites()[name]
		for i := range s.Runs { // what lt says of such a run, for the fixtures have words of their own
			if r := s.Runs[i].Result; r != nil {
				r.NotShown = verdict.NotShown(verdict.Evidence{
					Total: verdict.Series{Requests: r.Totals.Requests}, Model: r.Model, Think: true, Window: time.Minute, Iterations: 900,
					Endpoints: []verdict.Series{{Name: "GET /a", Requests: 1}},
				}, nil, verdict.Facts{Users: 10, ThinkMean: time.Second})
			}
		}
		for i, line := range strings.Split(doc(t, s), "\n") {
			line = strings.ReplaceAll(line, "however fast the target is", "") // which says nothing of it
			if found := adjectives.FindString(line); found != "" {
				t.Errorf("%s, line %d says %q: %s", name, i+1, found, line)
			}
		}
	}
	if adjectives.FindString("Reliability is excellent") == "" {
		t.Error("the test would find nothing")
	}
}

func TestBaselineDocHostile(t *testing.T) {
	text := doc(t, suites()["hostile"])
	for _, bad := range []string{"<script", "\x1b", "!["} {
		if strings.Contains(text, bad) {
			t.Errorf("%q got through", bad)
		}
	}
}

func TestBaselineDocOfNothing(t *testing.T) {
	var b strings.Builder
	if err := BaselineDoc(&b, &Suite{Runs: []SuiteRun{{Name: "light"}}}); err == nil {
		t.Error("a document of no run")
	}
}
