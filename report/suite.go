package report

import (
	"bufio"
	"cmp"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A Suite is several scenarios that were run one after the other.
type Suite struct {
	Name     string // of its directory
	Dir      string // where Name stands; empty: the texts name no file
	LT       string
	Cooldown time.Duration // between two scenarios
	Runs     []SuiteRun    // in the order of the suite
	Noun     string        // what one of Runs is; empty: a scenario
	ExitCode int
	Meaning  string // of ExitCode
}

// A SuiteRun is one scenario of a suite.
type SuiteRun struct {
	Name   string      // of the scenario, and of its directory in the suite's
	Result *run.Result // nil: it has not run
	Note   string      // why it has no Result
}

// word is how a suite's run looks.
func (s *SuiteRun) tone() tone {
	if s.Result == nil {
		return tone{"NOT RUN", "none", "○"}
	}
	return headline(s.Result)
}

// headline is the suite's verdict: the worst of its scenarios', by what a reader
// has to act on first. One that is missing cannot pass.
func (s *Suite) headline() tone {
	worst, at := toneOf(verdict.Pass), -1
	for i := range s.Runs {
		r := &s.Runs[i]
		t, rank := r.tone(), 0
		switch {
		case r.Result == nil:
			t, rank = tone{"INCOMPLETE", "open", "■"}, 3
		case r.Result.Verdict == verdict.Fail:
			rank = 5
		case t.Word == "INTERRUPTED" || t.Word == "PARTIAL" || t.Word == "REGRESSED":
			rank = 4
		case r.Result.Verdict == verdict.Invalid:
			rank = 2
		case r.Result.Verdict == verdict.Inconclusive:
			rank = 1
		case r.Result.Verdict == verdict.None:
			rank = 0
		}
		if rank > at {
			worst, at = t, rank
		}
	}
	return worst
}

func (s *Suite) noun() string { return cmp.Or(s.Noun, "scenario") }

// lead says in one sentence how many scenarios came to what.
func (s *Suite) lead() string {
	words := []string{"PASS", "FAIL", "REGRESSED", "NOT PROVEN", "INVALID", "INTERRUPTED", "PARTIAL", "NO VERDICT", "NOT RUN"}
	said := []string{"passed", "failed", "regressed", "not proven", "invalid", "interrupted", "partial", "not judged", "not run"}
	names := map[string][]string{}
	for i := range s.Runs {
		w := s.Runs[i].tone().Word
		names[w] = append(names[w], clean(s.Runs[i].Name, maxName))
	}
	if n := len(names["PASS"]); n > 0 && n == len(s.Runs) {
		return "All " + plural(int64(n), s.noun()) + " passed."
	}
	var parts []string
	for i, w := range words {
		if n := len(names[w]); n > 0 {
			part := count(int64(n)) + " " + said[i]
			if w != "PASS" {
				part += " (" + strings.Join(names[w], ", ") + ")"
			}
			parts = append(parts, part)
		}
	}
	return "Of " + plural(int64(len(s.Runs)), s.noun()) + ": " + strings.Join(parts, ", ") + "."
}

// why is the reason that a reader wants first.
func (s *SuiteRun) why() string {
	if s.Result == nil {
		return clean(s.Note, maxMessage)
	}
	if rs := reasons(s.Result); len(rs) > 0 {
		return rs[0]
	}
	return ""
}

// SuiteTerminal writes the table of a suite.
func SuiteTerminal(w io.Writer, s *Suite, o Options) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, 60)
	t := &terminal{w: bufio.NewWriter(w), o: o}
	h := s.headline()
	indent := utf8.RuneCountInString(h.Word) + 2
	for i, l := range wrap(s.lead(), o.Width-indent) {
		first := strings.Repeat(" ", indent)
		if i == 0 {
			first = t.paint("head-"+h.Class, h.Word) + "  "
		}
		t.line(first, t.paint("bold", l))
	}
	t.line()
	g := grid{width: o.Width, end: true, head: []string{strings.ToUpper(s.noun()[:1]) + s.noun()[1:], "verdict", "requests", "err %", "req/s", "P50 ms", "P95 ms", "P99 ms"}}
	for i := range s.Runs {
		r := &s.Runs[i]
		tn := r.tone()
		cells := []string{clean(r.Name, maxName), tn.Mark + " " + tn.Word, none, none, none, none, none, none}
		if res := r.Result; res != nil {
			p50, p95, p99 := none, none, none
			if l := res.Totals.Response; l != nil {
				p50, p95, p99 = decimal(l.P50), decimal(l.P95), decimal(l.P99)
			}
			copy(cells[2:], []string{
				count(res.Totals.Requests), optional(res.Totals.ErrorRate, percent), optional(res.Totals.Throughput, perSecond), p50, p95, p99,
			})
		}
		g.add(tn.Class, cells...)
	}
	g.write(t)
	t.line()
	said, longest := false, 0
	for i := range s.Runs {
		longest = max(longest, utf8.RuneCountInString(clean(s.Runs[i].Name, 24)))
	}
	for i := range s.Runs {
		if r := &s.Runs[i]; r.tone().Word != "PASS" && r.why() != "" {
			t.text(pad(clean(r.Name, 24), longest, false)+"  ", r.why())
			said = true
		}
	}
	if said {
		t.line()
	}
	if s.Dir != "" {
		t.line(t.paint("dim", "index  "), filepath.Join(s.Dir, run.IndexFile))
	}
	return t.w.Flush()
}
