package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
)

// BaselineFile is the name of the document that [BaselineDoc] writes.
const BaselineFile = "BASELINE-RESULTS.md"

// BaselineDoc writes the document of a baseline, as a team files it: environment,
// configuration, the figures of each scenario and of its endpoints, and what went
// otherwise than planned. Every statement is a figure or a verdict of lt; there is
// no adjective that none of them carries.
func BaselineDoc(w io.Writer, s *Suite) error {
	d := &baselineDoc{markdown{w: bufio.NewWriter(w)}, nil}
	for i := range s.Runs {
		if s.Runs[i].Result != nil {
			d.runs = append(d.runs, &s.Runs[i])
		}
	}
	if len(d.runs) == 0 {
		return fmt.Errorf("write %s: none of the scenarios has run", BaselineFile)
	}
	d.head(s)
	d.environment()
	d.configuration()
	d.results()
	for _, r := range d.runs {
		d.scenario(r)
	}
	d.anomalies(s)
	d.notShown()
	return d.w.Flush()
}

type baselineDoc struct {
	markdown
	runs []*SuiteRun
}

func (d *baselineDoc) head(s *Suite) {
	first, last := d.runs[0].Result, d.runs[len(d.runs)-1].Result
	d.line("# Baseline results")
	d.line("")
	d.line("Made by lt %s from %s of %s, started %s to %s.", mdText(clean(s.LT, maxName)), plural(int64(len(d.runs)), "run"), mdCode(clean(first.Target, maxName)), stamp(first.StartedAt), stamp(last.StartedAt))
	d.line("Response times are in milliseconds and of requests that succeeded in the measured window; the error rate counts")
	d.line("the warm-up too. Verdicts are those of the thresholds below, by the rules in `lt help thresholds`.")
	d.line("")
}

// rows writes a table of facts, those that are the same in all runs once.
func (d *baselineDoc) facts(names []string, of func(*run.Result, string) string) {
	d.line("| | |")
	d.line("|---|---|")
	for _, name := range names {
		var values []string
		for _, r := range d.runs {
			if v := of(r.Result, name); v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			d.line("| %s | %s |", name, strings.Join(values, "<br>"))
		}
	}
	d.line("")
}

func (d *baselineDoc) environment() {
	d.line("## Environment")
	d.line("")
	d.facts([]string{"Target", "Build", "Generator", "Processor", "Class of runner", "lt", "TLS"}, func(r *run.Result, name string) string {
		e := r.Environment
		switch name {
		case "Target":
			s := mdCode(clean(r.Target, maxName))
			if r.Reference {
				s += " (lt's reference platform, on the machine of the generator)"
			}
			return s
		case "Build":
			return mdText(clean(labelList(r.Labels), maxMessage))
		case "Generator":
			return mdText(fmt.Sprintf("%s, %s, %d CPUs", clean(e.Host, maxName), clean(e.OS, maxName), e.CPUs))
		case "Processor":
			return mdText(clean(e.CPU, maxName))
		case "Class of runner":
			return mdText(clean(e.Class, maxName))
		case "lt":
			return mdText(clean(r.LT, maxName) + ", " + clean(e.Go, maxName))
		}
		if r.Insecure {
			return "certificates were not verified"
		}
		return ""
	})
}

func (d *baselineDoc) configuration() {
	d.line("## Configuration")
	d.line("")
	d.line("| scenario | load | model | workload | planned | warm-up | measured | seed | digest |")
	d.line("|---|---|---|---|--:|--:|--:|--:|---|")
	for _, r := range d.runs {
		x := r.Result
		digest := strings.TrimPrefix(clean(x.ScenarioDigest, maxName), "sha256:")
		d.line("| %s | %s | %s | %s | %s | %s | %s | %d | %s |", mdCode(clean(r.Name, maxName)), mdText(clean(x.Load, maxName)), mdText(clean(string(x.Model), maxName)),
			mdText(clean(x.Workload, maxName)), span(x.PlannedS), span(x.WarmupS), span(x.MeasuredS), x.Seed, mdCode(digest[:min(12, len(digest))]))
	}
	d.line("")
	for _, r := range d.runs {
		if c := clean(r.Result.Command, maxMessage); c != "" {
			d.line("- %s: %s", mdCode(clean(r.Name, maxName)), mdCode(c))
		}
	}
	d.line("")
}

func (d *baselineDoc) results() {
	d.line("## Results")
	d.line("")
	d.line("| scenario | verdict | requests | failed | err %% | req/s | P50 ms | P95 ms | P99 ms | max ms |")
	d.line("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range d.runs {
		t := &r.Result.Totals
		d.row(mdCode(clean(r.Name, maxName))+" | "+r.tone().Word, t.Requests, t.Failed, t.ErrorRate, t.Throughput, t.Response)
	}
	d.line("")
}

func (d *baselineDoc) scenario(s *SuiteRun) {
	r := s.Result
	d.line("### %s", mdText(clean(s.Name, maxName)))
	d.line("")
	d.line("%s. %s, ran %s.", s.tone().Word, mdText(clean(r.Load, maxName)), span(r.DurationS))
	d.line("")
	var whole []int
	for i := range r.Thresholds {
		if r.Thresholds[i].Scope == "" {
			whole = append(whole, i)
		}
	}
	if len(whole) > 0 {
		d.line("| threshold | value | 90 %% interval | n | verdict |")
		d.line("|---|--:|--:|--:|---|")
		for _, i := range whole {
			j := &r.Thresholds[i]
			d.line("| %s | %s | %s | %s | %s |", mdCode(label(j)), mdText(figure(j.Value, j.Unit)), mdText(interval(j.Low, j.High, j.Unit)), count(j.N), toneOf(j.Verdict).Word)
		}
		d.line("")
	}
	if len(r.Endpoints) > 0 {
		d.line("| endpoint | requests | failed | err %% | req/s | P50 ms | P95 ms | P99 ms | max ms |")
		d.line("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
		for i := range r.Endpoints {
			e := &r.Endpoints[i]
			d.row(mdCode(clean(e.Name, maxName)), e.Requests, e.Failed, e.ErrorRate, e.Throughput, e.Response)
		}
		d.row("**total**", r.Totals.Requests, r.Totals.Failed, r.Totals.ErrorRate, r.Totals.Throughput, r.Totals.Response)
		d.line("")
	}
}

// anomalies is what went otherwise than planned, each with its figures.
func (d *baselineDoc) anomalies(s *Suite) {
	d.line("## Anomalies")
	d.line("")
	n := 0
	say := func(name, format string, args ...any) {
		n++
		d.line("- %s: %s", mdCode(clean(name, maxName)), mdText(fmt.Sprintf(format, args...)))
	}
	for i := range s.Runs {
		if s.Runs[i].Result == nil {
			say(s.Runs[i].Name, "did not run. %s", clean(s.Runs[i].Note, maxMessage))
		}
	}
	for _, sr := range d.runs {
		r, name := sr.Result, sr.Name
		for _, c := range cautions(r) {
			say(name, "%s. %s", c.Word, clean(c.Text, maxMessage))
		}
		for i := range r.Thresholds {
			if j := &r.Thresholds[i]; toneOf(j.Verdict).Word == "FAIL" || j.Scope == "" && toneOf(j.Verdict).Word != "PASS" {
				say(name, "%s: %s", toneOf(j.Verdict).Word, clean(j.Reason, maxMessage))
			}
		}
		fs := byCount(r.Failures)
		for i := range fs {
			if i == 20 {
				say(name, "and %s of failures more", plural(int64(len(fs)-i), "kind"))
				break
			}
			f := &fs[i]
			say(name, "%s × %s on %s: %s %% of its requests, from %s to %s", count(f.Count), clean(f.Class, 40), clean(f.Endpoint, maxName), percent(f.Share), clock(f.FirstSeenS), clock(f.LastSeenS))
		}
		for _, o := range r.Outages {
			say(name, "outage from %s to %s: %s of %s failed", clock(o.FromS), clock(o.ToS), count(o.Failed), plural(o.Requests, "request"))
		}
		if r.Totals.Dropped > 0 {
			say(name, "%s were due while no user was free, and dropped", plural(r.Totals.Dropped, "iteration"))
		}
		if r.Totals.Unsent > 0 {
			say(name, "%s were due and never started", plural(r.Totals.Unsent, "iteration"))
		}
		if p := r.Totals.Pace; p != nil && *p < .9 {
			say(name, "pace %s %%: the users made fewer iterations than their think time allows, for they waited for answers", percent(*p))
		}
		for _, v := range append(slices.Clone(r.Generator.Validity), r.Notes...) {
			say(name, "%s", clean(v, maxMessage))
		}
		if r.Generator.Stalls > 0 {
			say(name, "lt stood still %s, at most %s ms", plural(int64(r.Generator.Stalls), "time"), decimal(r.Generator.StallMaxMS))
		}
	}
	if n == 0 {
		d.line("None: no request failed, no threshold was broken or left undecided, no iteration was dropped, and lt did not stand still.")
	}
	d.line("")
}

func (d *baselineDoc) notShown() {
	d.line("## What these runs cannot show")
	d.line("")
	type note struct {
		names []string
		text  string
	}
	var notes []note
	for _, r := range d.runs {
		for _, text := range r.Result.NotShown {
			text = clean(text, maxMessage)
			if i := slices.IndexFunc(notes, func(n note) bool { return n.text == text }); i >= 0 {
				notes[i].names = append(notes[i].names, clean(r.Name, maxName))
				continue
			}
			notes = append(notes, note{[]string{clean(r.Name, maxName)}, text})
		}
	}
	for _, n := range notes {
		d.line("- %s: %s", mdCode(strings.Join(n.names, ", ")), mdText(n.text))
	}
	if len(notes) == 0 {
		d.line("Nothing was noted.")
	}
}
