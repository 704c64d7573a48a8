package run

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/verdict"
)

// SmokeFile is the result of lt smoke, in its directory.
const SmokeFile = "smoke.json"

// A Review is what `lt review --format json` writes: whether a release may go, by
// its runs and smokes.
type Review struct {
	Schema int       `json:"schema"`
	LT     string    `json:"lt"`
	At     time.Time `json:"at"` // the day on which waivers were looked at
	verdict.Review
	ExitCode  int               `json:"exit_code"`
	Labels    map[string]string `json:"labels,omitempty"` // of the build, which all runs share
	Runs      []ReviewedRun     `json:"runs"`
	NotTested []string          `json:"not_tested"`
	NotShown  []string          `json:"not_shown,omitempty"` // by single runs, each with its name
	Notes     []string          `json:"notes,omitempty"`
	Verified  []string          `json:"verified,omitempty"` // what --verify judged again; absent: nothing was
	Needs     verdict.Needs     `json:"needs"`              // of the criteria file
}

// A ReviewedRun is a run or a smoke that took part.
type ReviewedRun struct {
	Name      string            `json:"name"` // its column: the scenario, with a number where there are more of one
	Kind      string            `json:"kind"` // run, smoke
	Dir       string            `json:"dir"`
	RunID     string            `json:"run_id"`
	Scenario  string            `json:"scenario,omitempty"`
	Load      string            `json:"load,omitempty"`
	Target    string            `json:"target"`
	Reference bool              `json:"reference,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	StartedAt time.Time         `json:"started_at"`
	DurationS float64           `json:"duration_s"`
	LT        string            `json:"lt"`
	Verdict   verdict.Verdict   `json:"verdict"`
	Coverage  *ReviewedCoverage `json:"coverage,omitempty"` // of a smoke
	Digests   map[string]string `json:"digests"`            // SHA-256 of its files

	Result *Result    `json:"-"`
	smoke  *smokeFile `json:"-"`
	hops   map[[2]string]string
}

// ReviewedCoverage is how much of the contract a smoke exercised.
type ReviewedCoverage struct {
	Operations int `json:"operations"`
	Exercised  int `json:"exercised"`
	Working    int `json:"working"`
}

// A smokeFile is what a review reads of smoke.json.
type smokeFile struct {
	Schema    int               `json:"schema"`
	LT        string            `json:"lt"`
	RunID     string            `json:"run_id"`
	Target    string            `json:"target"`
	Reference bool              `json:"reference"`
	Labels    map[string]string `json:"labels"`
	StartedAt time.Time         `json:"started_at"`
	DurationS float64           `json:"duration_s"`
	Verdict   verdict.Verdict   `json:"verdict"`
	Reasons   []string          `json:"reasons"`
	Coverage  ReviewedCoverage  `json:"coverage"`
	Gate      struct {
		MaxP0       int     `json:"max_p0"`
		MaxP1       int     `json:"max_p1"`
		MinCoverage float64 `json:"min_coverage"`
	} `json:"gate"`
	Blockers []struct {
		ID        string   `json:"id"`
		Priority  string   `json:"priority"`
		Title     string   `json:"title"`
		Endpoints []string `json:"endpoints"`
		State     string   `json:"state"`
		Hop       string   `json:"hop"`
		Status    int      `json:"status"`
		Message   string   `json:"message"`
		Requests  int64    `json:"requests"`
		Failed    int64    `json:"failed"`
	} `json:"blockers"`
}

// reviewedFiles are the files whose digests a review keeps.
var reviewedFiles = []string{PlanFile, IntervalsFile, HistogramFile, ResultFile, SmokeFile}

// FindSmoke is the directory of the smoke that ref means, here or under out; empty:
// ref is none.
func FindSmoke(out, ref string) string {
	for _, path := range []string{ref, filepath.Join(out, ref)} {
		if filepath.Base(path) == SmokeFile {
			path = filepath.Dir(path)
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if _, err := os.Stat(filepath.Join(path, SmokeFile)); err == nil {
			return path
		}
	}
	return ""
}

// OpenReviewed reads a run's directory, or a smoke's, for a review.
func OpenReviewed(dir string) (*ReviewedRun, error) {
	r := &ReviewedRun{Dir: dir, Digests: map[string]string{}}
	if IsBaseline(dir) {
		return nil, fmt.Errorf("%s is a baseline: a review is of runs, whose journals can be judged again", dir)
	}
	for _, name := range reviewedFiles {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		r.Digests[name] = hex.EncodeToString(sum[:])
		switch name {
		case SmokeFile:
			r.smoke = &smokeFile{}
			if err := json.Unmarshal(b, r.smoke); err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
			}
		case ResultFile:
			// Which hop made a failure stands there where lt told hops apart.
			var of struct {
				Failures []struct{ Endpoint, Class, Hop string } `json:"failures"`
			}
			if json.Unmarshal(b, &of) == nil {
				r.hops = map[[2]string]string{}
				for _, f := range of.Failures {
					r.hops[[2]string{f.Endpoint, f.Class}] = f.Hop
				}
			}
		}
	}
	if s := r.smoke; s != nil {
		if s.Schema != Schema {
			return nil, fmt.Errorf("%s has schema %d; this lt reads schema %d", filepath.Join(dir, SmokeFile), s.Schema, Schema)
		}
		r.Kind, r.Name, r.RunID, r.Target, r.Reference, r.Labels = "smoke", "smoke", s.RunID, s.Target, s.Reference, s.Labels
		r.StartedAt, r.DurationS, r.LT, r.Verdict, r.Coverage = s.StartedAt.UTC(), s.DurationS, s.LT, s.Verdict, &s.Coverage
		return r, nil
	}
	res, err := Load(dir)
	if err != nil {
		return nil, err
	}
	r.take(res)
	return r, nil
}

// take fills r from the result of its run.
func (r *ReviewedRun) take(res *Result) {
	r.Result, r.Kind, r.Name, r.RunID, r.Scenario, r.Load = res, "run", res.Scenario, res.RunID, res.Scenario, res.Load
	r.Target, r.Reference, r.Labels, r.StartedAt = res.Target, res.Reference, res.Labels, res.StartedAt.UTC()
	r.DurationS, r.LT, r.Verdict = res.DurationS, res.LT, res.Verdict
}

// Verify judges the run again from its journal, and says in what its result.json is
// not what the journal shows. What it can vouch for is a sentence. The comparison with
// a baseline is taken as it stands, for the baseline is not in the run's directory.
func (r *ReviewedRun) Verify(lt string) (string, error) {
	if r.Kind == "smoke" {
		return r.Dir + ": a smoke keeps no journal; its " + SmokeFile + " is taken as it stands", nil
	}
	if _, ok := r.Digests[ResultFile]; !ok {
		return r.Dir + ": partial, judged from its journal alone", nil
	}
	c, err := Replay(r.Dir)
	if err != nil {
		return "", fmt.Errorf("%s cannot be judged again: %w", r.Dir, err)
	}
	kept, err := resultKeys(r.Result)
	if err != nil {
		return "", err
	}
	again, err := resultKeys(c.Result())
	if err != nil {
		return "", err
	}
	apart := []string{"exit_code", "comparison", "teardown"} // not made of the journal
	if r.Result.Comparison != nil {
		apart = append(apart, "reasons", "not_shown")
	}
	var differ []string
	for key := range kept {
		if !slices.Contains(apart, key) && !bytes.Equal(kept[key], again[key]) {
			differ = append(differ, key)
		}
	}
	for key := range again {
		if _, ok := kept[key]; !ok {
			differ = append(differ, key)
		}
	}
	if slices.Sort(differ); len(differ) > 0 {
		by := ""
		if r.LT != lt {
			by = fmt.Sprintf(" (it was written by lt %s, and this is lt %s)", r.LT, lt)
		}
		return "", fmt.Errorf("%s is not what its journal shows: judged again, %s differ%s", filepath.Join(r.Dir, ResultFile), strings.Join(differ, ", "), by)
	}
	return r.Dir + ": judged again from its journal, all figures and verdicts the same", nil
}

func resultKeys(r *Result) (map[string]json.RawMessage, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var keys map[string]json.RawMessage
	return keys, json.Unmarshal(b, &keys)
}

// SameBuild refuses runs of different builds: their labels must agree, those that
// needs names or, where it names none, all. The labels that they share are returned.
func SameBuild(runs []*ReviewedRun, needs verdict.Needs) (map[string]string, error) {
	keys := slices.Clone(needs.Labels)
	if len(keys) == 0 {
		for _, r := range runs {
			for k := range r.Labels {
				if !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
		}
	}
	slices.Sort(keys)
	shared := map[string]string{}
	var errs []error
	for _, k := range keys {
		var with, without, other *ReviewedRun
		for _, r := range runs {
			switch v, ok := r.Labels[k]; {
			case !ok:
				without = cmp.Or(without, r)
			case with == nil:
				with = r
			case v != with.Labels[k]:
				other = cmp.Or(other, r)
			}
		}
		switch {
		case other != nil:
			errs = append(errs, fmt.Errorf("runs of different builds: %s has %s=%s, and %s has %s=%s", with.Dir, k, with.Labels[k], other.Dir, k, other.Labels[k]))
		case with != nil && without != nil:
			errs = append(errs, fmt.Errorf("runs of different builds, perhaps: %s has %s=%s, and %s has no label %s", with.Dir, k, with.Labels[k], without.Dir, k))
		case with != nil:
			shared[k] = with.Labels[k]
		}
	}
	return shared, errors.Join(errs...)
}

// NewReview judges a release by its runs and smokes on the day of at. Runs of
// different builds are an error.
func NewReview(runs []*ReviewedRun, needs verdict.Needs, waivers []verdict.Waiver, at time.Time, lt string) (*Review, error) {
	labels, err := SameBuild(runs, needs)
	if err != nil {
		return nil, err
	}
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b *ReviewedRun) int {
		return cmp.Or(scenarioRank(a.Scenario)-scenarioRank(b.Scenario), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Scenario, b.Scenario), a.StartedAt.Compare(b.StartedAt))
	})
	seen := map[string]int{}
	for _, r := range runs {
		base := cmp.Or(r.Scenario, r.Kind)
		if seen[base]++; seen[base] > 1 {
			r.Name = fmt.Sprintf("%s %d", base, seen[base])
		} else {
			r.Name = base
		}
	}
	v := &Review{Schema: Schema, LT: lt, At: at.UTC().Truncate(24 * time.Hour), Labels: labels, Needs: needs, NotTested: []string{}}
	var criteria []verdict.Criterion
	for _, r := range runs {
		if r.smoke != nil {
			criteria = append(criteria, r.smokeCriteria(needs.Smoke)...)
		} else {
			criteria = append(criteria, r.criteria(needs)...)
			for _, s := range r.Result.NotShown {
				v.NotShown = append(v.NotShown, r.Name+": "+s)
			}
		}
		v.Runs = append(v.Runs, *r)
	}
	criteria = append(criteria, missing(runs, needs)...)
	v.Review = *verdict.Decide(criteria, waivers, at)
	v.notTested(runs)
	v.notes(runs)
	v.ExitCode = v.exitCode()
	return v, nil
}

// ReleaseScenarios are those of a release, in their order: `lt run suite`.
var ReleaseScenarios = []string{"light", "normal", "peak", "endurance"}

func scenarioRank(name string) int {
	if i := slices.Index(ReleaseScenarios, name); i >= 0 {
		return i
	}
	return len(ReleaseScenarios)
}

// notTested says what no run of the review is about.
func (v *Review) notTested(runs []*ReviewedRun) {
	var absent []string
	for _, name := range ReleaseScenarios {
		if !slices.ContainsFunc(runs, func(r *ReviewedRun) bool { return r.Scenario == name }) {
			absent = append(absent, name)
		}
	}
	if len(absent) > 0 {
		v.NotTested = append(v.NotTested, "No run of "+strings.Join(absent, ", ")+".")
	}
	if !slices.ContainsFunc(runs, func(r *ReviewedRun) bool { return r.smoke != nil }) {
		v.NotTested = append(v.NotTested, "No smoke: nothing shows that every endpoint of the contract works.")
	}
	var bare []string
	idle := map[string]bool{}
	for _, r := range runs {
		if r.Result == nil {
			if c := r.Coverage; c.Exercised < c.Operations {
				v.NotTested = append(v.NotTested, fmt.Sprintf("%d of %d operations of the contract were not exercised (%s).", c.Operations-c.Exercised, c.Operations, r.Name))
			}
			continue
		}
		if r.Result.Comparison == nil {
			bare = append(bare, r.Name)
		}
		for i := range r.Result.Endpoints {
			e := &r.Result.Endpoints[i]
			was, seen := idle[e.Name]
			idle[e.Name] = e.Requests == 0 && (was || !seen)
		}
	}
	if len(bare) > 0 {
		v.NotTested = append(v.NotTested, "No comparison with a baseline: "+strings.Join(bare, ", ")+".")
	}
	var never []string
	for _, name := range slices.Sorted(maps.Keys(idle)) {
		if idle[name] {
			never = append(never, name)
		}
	}
	if n := len(never); n > 5 {
		never = append(never[:5], fmt.Sprintf("%d more", n-5))
	}
	if len(never) > 0 {
		v.NotTested = append(v.NotTested, "Endpoints without a measured request in any run: "+strings.Join(never, ", ")+".")
	}
}

// notes are what a reader has to know of the runs.
func (v *Review) notes(runs []*ReviewedRun) {
	if len(v.Labels) == 0 {
		v.Notes = append(v.Notes, "No run carries a label: nothing shows that they are of the same build (lt run --label commit=SHA).")
	}
	targets := map[string]bool{}
	for _, r := range runs {
		if r.Reference {
			targets["lt's own reference platform"] = true
		} else {
			targets[r.Target] = true
		}
		if r.Result != nil && r.Result.Insecure {
			v.Notes = append(v.Notes, r.Name+": TLS certificates were not verified (-k).")
		}
	}
	if len(targets) > 1 {
		v.Notes = append(v.Notes, "The runs had different targets: "+strings.Join(slices.Sorted(maps.Keys(targets)), ", ")+".")
	}
	for _, w := range v.Waivers {
		switch w.State {
		case verdict.WaiverUnused:
			v.Notes = append(v.Notes, fmt.Sprintf("The waiver of %q is not needed: it names no criterion of this review that does not hold.", w.Criterion))
		case verdict.WaiverRefused:
			v.Notes = append(v.Notes, fmt.Sprintf("The waiver of %q has no effect: no waiver makes an invalid measurement valid.", w.Criterion))
		}
	}
}

// exitCode follows the order of all of lt: 99 by what no slow generator can have
// made, 4, 99, 98, 5.
func (v *Review) exitCode() int {
	failed := v.Failed()
	switch {
	case slices.ContainsFunc(failed, func(c *verdict.Criterion) bool { return c.Firm }):
		return 99
	case len(v.Invalid()) > 0:
		return 4
	case slices.ContainsFunc(failed, func(c *verdict.Criterion) bool { return c.Kind != verdict.KindComparison }):
		return 99
	case len(failed) > 0:
		return 98
	case v.Decision == verdict.NotProven:
		return 5
	}
	return 0
}

// NewReviewed is the run in dir whose result is res, with the digests of its files by
// their names.
func NewReviewed(dir string, res *Result, digests map[string]string) *ReviewedRun {
	r := &ReviewedRun{Dir: dir, Digests: digests}
	r.take(res)
	return r
}
