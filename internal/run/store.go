package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// DefaultStore is where baselines are kept, in the working directory: beside the
// code that they are the baseline of.
const DefaultStore = "lt-baselines"

// baselineKind is in every stored baseline, so that no other JSON is taken for one.
const baselineKind = "lt baseline"

// A Store keeps baselines, each a file <Dir>/<name>.json: indented, with sorted
// keys, so that a repository shows what changed. A name may have parts, as
// main/light has.
type Store struct{ Dir string }

// A Baseline is a run that is kept to compare others with: its result without
// the timeline and exemplars, and its evidence, endpoint by endpoint, in at most
// [verdict.MaxBlocks] blocks.
type Baseline struct {
	Schema    int              `json:"schema"`
	Kind      string           `json:"kind"`
	Name      string           `json:"name"`
	SetAt     time.Time        `json:"set_at"`
	SetBy     string           `json:"set_by"` // who: user@host
	Forced    bool             `json:"forced,omitempty"`
	Class     string           `json:"class"` // of the runner
	Checksum  string           `json:"checksum"`
	Result    *Result          `json:"result"`
	WindowS   float64          `json:"window_s"`
	Endpoints []baselineSeries `json:"evidence"`
}

type baselineSeries struct {
	Name      string          `json:"name"`
	Requests  int64           `json:"requests"`
	Failed    int64           `json:"failed"`
	Attempted int64           `json:"attempted"`
	Succeeded int64           `json:"succeeded"`
	Warmup    verdict.Count   `json:"warmup"`
	Blocks    []baselineBlock `json:"blocks"`
}

type baselineBlock struct {
	StartS    float64       `json:"start_s"`
	LengthS   float64       `json:"length_s"`
	Requests  int64         `json:"requests"`
	Failed    int64         `json:"failed"`
	Histogram string        `json:"histogram,omitempty"` // V2 in base64, nanoseconds, of the successes
	Count     int64         `json:"n"`
	Sum       time.Duration `json:"sum_ns"`
	Min       time.Duration `json:"min_ns"`
	Max       time.Duration `json:"max_ns"`
}

// Compiled when it is needed: it takes a millisecond, which every start of lt would pay.
var baselineName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,3}$`)
})

// CheckBaselineName refuses names that are no good as files everywhere.
func CheckBaselineName(name string) error {
	if !baselineName().MatchString(name) || name == LatestLink || strings.Contains(name, "..") || strings.HasSuffix(name, ".") {
		return fmt.Errorf("%q is no name for a baseline: want letters, digits, dots and dashes, and / between its parts, such as main or main/light", name)
	}
	return nil
}

func (s Store) path(name string) string {
	return filepath.Join(s.Dir, filepath.FromSlash(name)+".json")
}

// Set keeps src under name, in place of what had it before. A run that is partial,
// was interrupted or is invalid is no baseline unless forced.
func (s Store) Set(name string, src *Source, who string, at time.Time, force bool) (path string, err error) {
	if err := CheckBaselineName(name); err != nil {
		return "", err
	}
	if why := src.unfit(); why != "" && !force {
		return "", fmt.Errorf("%s is no baseline: %s", src.Ref, why)
	} else if src.Edited != "" {
		return "", fmt.Errorf("%s is no baseline: %s", src.Ref, src.Edited)
	}
	r := *src.Result
	r.Timeline, r.Events, r.Comparison, r.Heatmap = []Point{}, nil, nil, nil
	r.Endpoints = slices.Clone(r.Endpoints)
	for i := range r.Endpoints {
		r.Endpoints[i].Timeline = nil
	}
	r.Failures = slices.Clone(r.Failures)
	for i := range r.Failures {
		r.Failures[i].Exemplars = nil
	}
	b := &Baseline{
		Schema: Schema, Kind: baselineKind, Name: name, SetAt: at.UTC().Truncate(time.Second), SetBy: who, Class: r.Environment.class(),
		Forced: src.unfit() != "", Result: &r, WindowS: src.Evidence.Window.Seconds(),
	}
	var enc hlogEncoder
	for i := range src.Evidence.Endpoints {
		se := &src.Evidence.Endpoints[i]
		bs := baselineSeries{
			Name: se.Name, Requests: se.Requests, Failed: se.Failed, Attempted: se.Attempted, Succeeded: se.Succeeded, Warmup: se.Warmup,
			Blocks: []baselineBlock{},
		}
		for _, block := range verdict.Thin(se.Blocks, verdict.MaxBlocks) {
			w := enc.keep(&block.Response)
			bs.Blocks = append(bs.Blocks, baselineBlock{
				StartS: seconds(block.Start), LengthS: seconds(block.Length), Requests: block.Requests, Failed: block.Failed,
				Histogram: w.histogram, Count: w.exact.Count, Sum: w.exact.Sum, Min: w.exact.Min, Max: w.exact.Max,
			})
		}
		b.Endpoints = append(b.Endpoints, bs)
	}
	text, err := b.encode()
	if err != nil {
		return "", err
	}
	path = s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	return path, WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// encode is the file: sorted keys, and the checksum of all the rest.
func (b *Baseline) encode() ([]byte, error) {
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sum, tree, err := checksum(raw)
	if err != nil {
		return nil, err
	}
	tree["checksum"] = sum
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err = e.Encode(tree)
	return out.Bytes(), err
}

// checksum is that of a baseline's JSON without its checksum, however it is
// spelled; and the JSON as a tree.
func checksum(raw []byte) (string, map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return "", nil, err
	}
	delete(tree, "checksum")
	canonical, err := json.Marshal(tree)
	if err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:]), tree, nil
}

// LoadBaseline reads a stored baseline. edited tells why it is not what lt wrote;
// empty: it is.
func LoadBaseline(path string) (b *Baseline, edited string, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would be waited for
		return nil, "", fmt.Errorf("%s is no file", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	b = &Baseline{}
	if err := json.Unmarshal(raw, b); err != nil {
		return nil, "", damaged(path, err)
	}
	switch {
	case b.Kind != baselineKind || b.Result == nil:
		return nil, "", fmt.Errorf("%s is no baseline of lt", path)
	case b.Schema != Schema || b.Result.Schema != Schema:
		return nil, "", fmt.Errorf("%s has schema %d; this lt reads schema %d", path, b.Schema, Schema)
	}
	sum, _, err := checksum(raw)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	if sum != b.Checksum {
		edited = "its file was edited: the checksum is another"
	}
	return b, edited, nil
}

// IsBaseline reports whether path is a stored baseline, or the damaged file of one,
// rather than a run.
func IsBaseline(path string) bool {
	if filepath.Ext(path) != ".json" {
		return false
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	raw, err := os.ReadFile(path)
	var head struct{ Kind string }
	if err != nil {
		return false
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return filepath.Base(path) != ResultFile && filepath.Base(path) != PlanFile
	}
	return head.Kind == baselineKind
}

// evidence is what the baseline shows.
func (b *Baseline) evidence() (verdict.Evidence, error) {
	r := b.Result
	e := verdict.Evidence{
		Model: r.Model, Window: time.Duration(b.WindowS * float64(time.Second)), Complete: r.Complete && r.Interrupted == "",
		Dropped: r.Totals.Dropped, Unsent: r.Totals.Unsent, Iterations: r.Totals.Iterations,
	}
	for _, bs := range b.Endpoints {
		s := verdict.Series{
			Name: bs.Name, Requests: bs.Requests, Failed: bs.Failed, Attempted: bs.Attempted, Succeeded: bs.Succeeded, Warmup: bs.Warmup,
			Outcomes: map[metric.Class]int64{},
		}
		for i := range r.Endpoints {
			if r.Endpoints[i].Name != bs.Name {
				continue
			}
			for key, n := range r.Endpoints[i].Outcomes {
				if class, err := metric.ParseClass(key); err == nil {
					s.Outcomes[class] = n
				}
			}
		}
		for i, bb := range bs.Blocks {
			block := verdict.Block{
				Start:  time.Duration(bb.StartS * float64(time.Second)),
				Length: time.Duration(bb.LengthS * float64(time.Second)), Requests: bb.Requests, Failed: bb.Failed,
			}
			if bb.Count > 0 {
				h, err := hdr.DecodePacked([]byte(bb.Histogram))
				if err != nil || h.TotalCount() != bb.Count {
					return e, fmt.Errorf("%s: block %d of %s holds no histogram that can be read", b.Name, i+1, bs.Name)
				}
				block.Response = metric.FromPacked(h, bb.Count, bb.Sum, bb.Min, bb.Max)
			}
			s.Response.Merge(&block.Response)
			s.Blocks = append(s.Blocks, block)
		}
		e.Endpoints = append(e.Endpoints, s)
	}
	e.Total = e.Sum()
	return e, nil
}

// Load is the baseline of that name.
func (s Store) Load(name string) (*Baseline, error) {
	if err := CheckBaselineName(name); err != nil {
		return nil, err
	}
	b, _, err := LoadBaseline(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no baseline %q in %s", name, s.Dir)
	}
	return b, err
}

// List is the baselines of the store by name, and what in it cannot be read.
func (s Store) List() (all []*Baseline, unreadable []error) {
	err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == s.Dir && errors.Is(err, fs.ErrNotExist) {
				return filepath.SkipAll
			}
			return err
		}
		if d.IsDir() || filepath.Ext(path) != ".json" || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		b, edited, err := LoadBaseline(path)
		switch {
		case err != nil:
			unreadable = append(unreadable, err)
		default:
			if edited != "" {
				unreadable = append(unreadable, fmt.Errorf("%s: %s", path, edited))
			}
			if rel, err := filepath.Rel(s.Dir, path); err == nil {
				b.Name = filepath.ToSlash(strings.TrimSuffix(rel, ".json")) // a copy goes by its file's name
			}
			all = append(all, b)
		}
		return nil
	})
	if err != nil {
		unreadable = append(unreadable, err)
	}
	slices.SortFunc(all, func(a, b *Baseline) int { return strings.Compare(a.Name, b.Name) })
	return all, unreadable
}

// Remove forgets the baseline of that name.
func (s Store) Remove(name string) error {
	if err := CheckBaselineName(name); err != nil {
		return err
	}
	err := os.Remove(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no baseline %q in %s", name, s.Dir)
	}
	return err
}

// find is the file of the baseline that ref names; false: there is none.
func (s Store) find(ref string) (string, bool) {
	if s.Dir == "" || CheckBaselineName(ref) != nil {
		return "", false
	}
	path := s.path(ref)
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}
