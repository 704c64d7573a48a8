package scenarios

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/verdict"
)

func TestParseCriteria(t *testing.T) {
	got, err := ParseCriteria("release.yaml", []byte(`
scenarios:
  - light
  - {name: endurance, duration: 1h, thresholds: ["p95<500ms"]}
labels: [commit]
baseline: required
smoke: {coverage: 95%, max_p1: 2}
`))
	want := &verdict.Needs{
		Scenarios: []verdict.NeededRun{{Name: "light"}, {Name: "endurance", DurationS: 3600, Thresholds: []string{"p95 < 500ms"}}},
		Labels:    []string{"commit"}, Baseline: true, Smoke: &verdict.NeededSmoke{Coverage: .95, MaxP1: 2},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestParseWaivers(t *testing.T) {
	got, err := ParseWaivers("w.yaml", []byte("waivers:\n  - {criterion: 'normal: p95 < 500ms', owner: ann, reason: known, expires: 2026-12-31}\n"))
	want := []verdict.Waiver{{Criterion: "normal: p95 < 500ms", Owner: "ann", Reason: "known", Expires: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// Every mistake is told at once, with its place.
func TestReviewFilesAreStrict(t *testing.T) {
	for name, c := range map[string]struct {
		parse func(string, []byte) error
		text  string
		want  string
	}{
		"criteria": {
			parseCriteria, "scenarios:\n  - {name: a, duraton: 1h}\n  - a\n  - {duration: 5, thresholds: [p95 <]}\nsmoke: {coverage: 95, max_p0: x}\nbaseline: yes\nbuild: 1\n",
			"f:2:15: unknown key `duraton`, did you mean `duration`?\n" +
				"f:3:5: the scenario `a` stands here a second time\n" +
				"f:4:5: a scenario needs a name\n" +
				"f:4:16: the duration `5` has no unit: write 5s or 5m\n" +
				"f:4:32: threshold \"p95 <\": there is no limit after <; write one, such as \"p95 < 500ms\"\n" +
				"f:5:19: coverage is a share from 0 to 1 or from 0% to 100%, not `95`\n" +
				"f:5:31: max_p0 is a whole number from 0 to 1000, not `x`\n" +
				"f:6:11: baseline is required or optional, not `yes`\n" +
				"f:7:1: unknown key `build`; a criteria file has scenarios, labels, baseline, smoke",
		},
		"waivers": {
			parseWaivers, "waivers:\n  - {criterion: c, owner: '', reason: r, expires: soon}\n  - {criterion: c}\n",
			"f:2:27: owner is empty: a waiver names its criterion, who answers for it, why, and until when\n" +
				"f:2:51: expires is a day, as 2026-12-31, not `soon`\n" +
				"f:3:5: the waiver has no owner, no reason, no expires",
		},
		"empty": {parseWaivers, "", "f: the file is empty; a waiver file starts with `waivers:`"},
	} {
		err := c.parse("f", []byte(c.text))
		if err == nil {
			t.Errorf("%s: no mistake", name)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func parseCriteria(f string, b []byte) error { _, err := ParseCriteria(f, b); return err }
func parseWaivers(f string, b []byte) error  { _, err := ParseWaivers(f, b); return err }

func FuzzReviewFiles(f *testing.F) {
	f.Add("scenarios: [a]\nsmoke: {coverage: 5%}")
	f.Add("waivers:\n - {criterion: c, owner: o, reason: r, expires: 2026-01-02}")
	f.Fuzz(func(t *testing.T, s string) {
		if needs, err := ParseCriteria("f", []byte(s)); (needs == nil) == (err == nil) {
			t.Errorf("%v, %v", needs, err)
		}
		if ws, err := ParseWaivers("f", []byte(s)); err == nil {
			for _, w := range ws {
				if w.Criterion == "" || w.Owner == "" || w.Reason == "" || w.Expires.IsZero() {
					t.Errorf("half a waiver: %+v", w)
				}
			}
		}
	})
}
