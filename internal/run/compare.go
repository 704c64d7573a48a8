package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A Source is a run, or a stored baseline, with the evidence that it can be
// compared by.
type Source struct {
	Ref      string // as somebody named it
	Path     string // a run's directory, or a baseline's file
	Result   *Result
	Evidence verdict.Evidence
	Edited   string // why it takes no part in a comparison: it is not what lt wrote; empty: it is
}

// Open reads the run or baseline at path, which [Find] gives.
func Open(ref, path string) (*Source, error) {
	s := &Source{Ref: ref, Path: path}
	if IsBaseline(path) {
		b, edited, err := LoadBaseline(path)
		if err != nil {
			return nil, err
		}
		s.Result, s.Edited = b.Result, edited
		s.Evidence, err = b.evidence()
		return s, err
	}
	c, err := Replay(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: only a run with its journal can be compared", path, PlanFile)
	}
	if err != nil {
		return nil, err
	}
	s.Evidence = c.Evidence()
	judged := c.Result()
	s.Result = judged
	if _, err := os.Stat(filepath.Join(path, ResultFile)); err == nil {
		if s.Result, err = Load(path); err != nil {
			return nil, err
		}
		if what := disagree(s.Result, judged); what != "" {
			s.Edited = fmt.Sprintf("its %s and its journal disagree on %s", ResultFile, what)
		}
	}
	return s, nil
}

// NewSource is a run that has just ended, or is still going on.
func NewSource(ref string, c *Collector, r *Result) *Source {
	return &Source{Ref: ref, Path: ref, Result: r, Evidence: c.Evidence()}
}

// disagree names the figures that two results of one run do not share. What a
// later version of lt may judge otherwise is not asked.
func disagree(a, b *Result) string {
	for _, f := range []struct {
		what string
		of   func(*Result) any
	}{
		{"the run", func(r *Result) any {
			return []any{r.RunID, r.ScenarioDigest, r.Model, r.Load, r.StartedAt.UTC(), r.Target, r.Labels}
		}},
		{"the totals", func(r *Result) any { return []any{r.MeasuredS, r.Totals, r.Warmup} }},
		{"the endpoints", func(r *Result) any {
			es := slices.Clone(r.Endpoints)
			for i := range es {
				es[i].Verdict = ""
			}
			return es
		}},
	} {
		x, err1 := json.Marshal(f.of(a))
		y, err2 := json.Marshal(f.of(b))
		if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
			return f.what
		}
	}
	return ""
}

// unfit says why the run is no baseline, and gives a comparison no exit code;
// empty: it is fit.
func (s *Source) unfit() string {
	r := s.Result
	switch {
	case !r.Complete:
		return "it is partial: lt ended before the run did"
	case r.Interrupted != "":
		return "it was stopped before its planned end (" + r.Interrupted + ")"
	case r.Verdict == verdict.Invalid || !r.Generator.Valid:
		return "it is invalid: the generator was measured, not the target"
	case r.Totals.Requests == 0:
		return "no request was measured"
	}
	return ""
}

// class is that of the runner: LT_ENV_CLASS, or system, processor and their number.
func (e *Environment) class() string {
	if e.Class != "" {
		return e.Class
	}
	return fmt.Sprintf("%s/%d", e.OS, e.CPUs)
}

// A Comparison is what a run, or several, differ in from a base.
type Comparison struct {
	Base  []ComparedRun `json:"base"`
	New   []ComparedRun `json:"new"`
	Gates bool          `json:"gates"`                // regressed sets exit code 98
	Notes []string      `json:"notes,omitempty"`      // what a reader must know of it
	Curve []Quantile    `json:"base_curve,omitempty"` // of the successful requests of all base runs
	verdict.Comparison
}

// A ComparedRun is a run that took part.
type ComparedRun struct {
	Ref       string            `json:"run"` // as it was named: a directory, or a stored name
	RunID     string            `json:"run_id"`
	StartedAt time.Time         `json:"started_at"`
	LT        string            `json:"lt"`
	Target    string            `json:"target"`
	Labels    map[string]string `json:"labels,omitempty"`
	Class     string            `json:"class"` // of the runner
	CPU       string            `json:"cpu,omitempty"`
	Verdict   verdict.Verdict   `json:"verdict"`
}

// Regressed reports whether the comparison sets exit code 98. A nil one does not.
func (c *Comparison) Regressed() bool { return c != nil && c.Gates && c.Verdict == verdict.Regressed }

// Unlike says in what two runs' plans differ, so that their figures are of two
// different things; empty: in nothing that matters.
func Unlike(base, other *Result) string {
	differ := func(what, a, b string) string { return fmt.Sprintf("%s (%s, and %s)", what, a, b) }
	switch {
	case base.Model != other.Model:
		return differ("another model", string(base.Model), string(other.Model))
	case base.Load != other.Load:
		return differ("another load", base.Load, other.Load)
	case base.ScenarioDigest != other.ScenarioDigest:
		return differ("another scenario", base.Scenario+" "+brief12(base.ScenarioDigest), other.Scenario+" "+brief12(other.ScenarioDigest))
	}
	return ""
}

func brief12(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(12, len(digest))]
}

// Compare compares the runs of base with those of other. Runs that are not what lt
// wrote take no part; those of another scenario, model or load are refused unless
// forced.
func Compare(base, other []*Source, force bool) (*Comparison, error) {
	c := &Comparison{Gates: true}
	all := slices.Concat(base, other)
	var errs []error
	unlike := ""
	for _, s := range all {
		if s.Edited != "" {
			errs = append(errs, fmt.Errorf("%s takes no part: %s", s.Ref, s.Edited))
		}
		if why := Unlike(base[0].Result, s.Result); why != "" {
			unlike = why
			if !force {
				errs = append(errs, fmt.Errorf("%s cannot be compared with %s: %s", s.Ref, base[0].Ref, why))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	evidence := func(ss []*Source, runs *[]ComparedRun) (out []verdict.Evidence) {
		for _, s := range ss {
			out = append(out, s.Evidence)
			*runs = append(*runs, s.compared())
		}
		return out
	}
	a, b := evidence(base, &c.Base), evidence(other, &c.New)
	c.Comparison = verdict.Compare(a, b)
	var response metric.Dist
	for i := range a {
		response.Merge(&a[i].Total.Response)
	}
	c.Curve = Curve(&response)
	ungate := func(format string, args ...any) {
		c.Gates = false
		c.Notes = append(c.Notes, fmt.Sprintf(format, args...)+"; it sets no exit code")
	}
	if unlike != "" {
		ungate("compared by force: %s", unlike)
	}
	if what := elsewhere(c.Base, c.New); what != "" {
		ungate("%s: the machine may be what differs", what)
	}
	for _, s := range all {
		switch why := s.unfit(); {
		case why == "":
		case s.Result.Verdict == verdict.Invalid || !s.Result.Generator.Valid:
			c.Withhold(fmt.Sprintf("%s: %s", s.Ref, why))
		default:
			ungate("%s: %s", s.Ref, why)
		}
	}
	c.lateness(base, all)
	c.sharing(base, other)
	if c.Method == verdict.MethodBlocks {
		fewest := min(len(base), len(other))
		c.Notes = append(c.Notes, fmt.Sprintf("run-to-run spread unknown: %s on a side shows how a run differs within itself, and not how runs differ; %d on each side would",
			runs(fewest), verdict.EnoughRuns))
	}
	if slices.ContainsFunc(all, func(s *Source) bool { return s.Result.LT != all[0].Result.LT }) {
		c.Notes = append(c.Notes, "the runs were made by different versions of lt")
	}
	return c, nil
}

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func (s *Source) compared() ComparedRun {
	r := s.Result
	return ComparedRun{
		Ref: s.Ref, RunID: r.RunID, StartedAt: r.StartedAt, LT: r.LT, Target: r.Target, Labels: r.Labels,
		Class: r.Environment.class(), CPU: r.Environment.CPU, Verdict: r.Verdict,
	}
}

// elsewhere says how the machines differ; empty: they do not.
func elsewhere(base, other []ComparedRun) string {
	for _, r := range slices.Concat(base, other) {
		switch {
		case r.Class != base[0].Class:
			return fmt.Sprintf("another class of runner (%s, and %s)", base[0].Class, r.Class)
		case r.CPU != base[0].CPU:
			return fmt.Sprintf("another processor (%s, and %s)", orUnknown(base[0].CPU), orUnknown(r.CPU))
		}
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// lateness withholds latencies where a run's requests started so late, against the
// base's P95, that the lateness may be what differs.
func (c *Comparison) lateness(base, all []*Source) {
	p95 := math.Inf(1)
	for _, s := range base {
		if l := s.Result.Totals.Response; l != nil {
			p95 = min(p95, l.P95)
		}
	}
	allowed := max(5, .1*p95)
	for _, s := range all {
		if d := s.Result.Generator.StartDelay; d != nil && d.P99 > allowed {
			c.Withhold(fmt.Sprintf("%s: iterations started late (P99 %.3g ms, allowed %.3g ms against the base's P95)", s.Ref, d.P99, allowed))
			return
		}
	}
}

// sharing withholds what a machine shared with others may have made. Runs of both
// sides that take turns share it alike, and their spread is measured.
func (c *Comparison) sharing(base, other []*Source) {
	shared := ""
	for _, s := range slices.Concat(base, other) {
		for _, note := range s.Result.Notes {
			if strings.HasPrefix(note, "shared machine") && shared == "" {
				shared = s.Ref + ": " + note
			}
		}
	}
	switch {
	case shared == "":
	case c.Method == verdict.MethodRuns && interleaved(base, other):
		c.Notes = append(c.Notes, shared+"; both sides took turns on it")
	default:
		c.Withhold(shared)
	}
}

// interleaved reports whether the sides' runs took turns: neither side's all came
// before the other's.
func interleaved(base, other []*Source) bool {
	times := func(ss []*Source) (first, last time.Time) {
		first, last = ss[0].Result.StartedAt, ss[0].Result.StartedAt
		for _, s := range ss {
			if t := s.Result.StartedAt; t.Before(first) {
				first = t
			} else if t.After(last) {
				last = t
			}
		}
		return first, last
	}
	firstA, lastA := times(base)
	firstB, lastB := times(other)
	return firstA.Before(lastB) && firstB.Before(lastA)
}

// FindAll is the runs that ref means: one, as [Find] says, or those of a
// directory of several (a repetition, one side of it, a suite), in the order of
// their starts.
func FindAll(out, ref string, stores ...Store) ([]string, error) {
	one, err := Find(out, ref, stores...)
	if err == nil {
		return []string{one}, nil
	}
	for _, path := range []string{ref, filepath.Join(out, ref)} {
		found, _ := filepath.Glob(filepath.Join(globEscape(path), "*", PlanFile))
		if len(found) == 0 {
			continue
		}
		type child struct {
			path string
			at   time.Time
		}
		var children []child
		for _, f := range found {
			if setAside(filepath.Dir(f)) {
				continue
			}
			p, err := LoadPlan(filepath.Dir(f))
			if err != nil {
				return nil, err
			}
			children = append(children, child{filepath.Dir(f), p.StartedAt})
		}
		slices.SortStableFunc(children, func(a, b child) int { return a.at.Compare(b.at) })
		var paths []string
		for _, c := range children {
			paths = append(paths, c.path)
		}
		return paths, nil
	}
	for _, s := range stores {
		if s.Dir == "" || CheckBaselineName(ref) != nil {
			continue
		}
		if found, _ := filepath.Glob(filepath.Join(globEscape(s.Dir), filepath.FromSlash(ref), "*.json")); len(found) > 0 {
			return found, nil
		}
	}
	return nil, err
}

// setAside reports whether a directory in a suite's is an earlier attempt, which
// [CreateIn] has moved out of the way: light-1 beside light.
func setAside(path string) bool {
	i := strings.LastIndexByte(path, '-')
	if i < 0 || strings.Trim(path[i+1:], "0123456789") != "" {
		return false
	}
	return isRun(path[:i])
}

// globEscape makes a path match nothing but itself.
func globEscape(path string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(path)
}

// Attach adds the comparison to the result of the run that c gathered.
func (r *Result) Attach(c *Collector, comparison *Comparison) {
	r.Comparison = comparison
	facts := c.facts()
	facts.Baseline = true
	r.NotShown = verdict.NotShown(c.Evidence(), c.plan.Thresholds, facts)
	if comparison.Regressed() {
		r.Reasons = append([]string{fmt.Sprintf("regressed against %s: %s", comparison.Base[0].Ref, comparison.Reasons[0])}, r.Reasons...)
	}
	r.sanitize()
}
