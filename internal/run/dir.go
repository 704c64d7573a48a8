package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/text"
)

// A Dir is the directory of a run that is under way.
type Dir struct {
	Path    string
	Plan    *Plan
	LinkErr error // why the link "latest" could not be moved; that fails no run
}

// Create makes the directory <out>/<scenario>-<UTC time>, which nobody had
// before, writes run.json into it, and moves the link <out>/latest to it.
func Create(out string, p *Plan) (*Dir, error) {
	at := p.StartedAt
	if at.IsZero() {
		at = time.Now() // an imported run of which nobody knows when it was
	}
	path, err := exclusive(out, dirName(p.Scenario), at)
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: path, Plan: p}
	if err := d.WriteJSON(PlanFile, p); err != nil {
		return nil, err
	}
	d.LinkErr = link(out, filepath.Base(d.Path))
	return d, nil
}

// exclusive makes <out>/<name>-<UTC time>, or with a number after it where that
// is taken.
func exclusive(out, name string, at time.Time) (string, error) {
	if err := os.MkdirAll(out, 0o777); err != nil {
		return "", err
	}
	base := filepath.Join(out, name+"-"+at.UTC().Format("20060102T150405Z"))
	for i := 1; ; i++ {
		path := base
		if i > 1 {
			path = fmt.Sprintf("%s-%d", base, i)
		}
		err := os.Mkdir(path, 0o777)
		if err == nil || !errors.Is(err, fs.ErrExist) || i == 1000 {
			return path, err
		}
	}
}

// link points <out>/latest at a run. Where there are no symbolic links, it is a
// file that holds the name. What somebody else put there stays.
func link(out, name string) error {
	path := filepath.Join(out, LatestLink)
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		b, err := os.ReadFile(path)
		if err == nil {
			_, err = os.Stat(filepath.Join(out, filepath.Base(strings.TrimSpace(string(b))), PlanFile))
		}
		if err != nil || info.Size() > 256 {
			return fmt.Errorf("%s is no link of lt's, and stays as it is", path)
		}
	}
	tmp := filepath.Join(out, fmt.Sprintf(".%s-%d", LatestLink, os.Getpid()))
	os.Remove(tmp)
	if os.Symlink(name, tmp) != nil {
		if err := os.WriteFile(tmp, []byte(name+"\n"), 0o666); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

// dirName is what the directory of a scenario's runs is called, on systems too
// that take two cases for one.
func dirName(scenario string) string { return strings.ToLower(text.Slug(scenario, "run")) }

// create makes a new file of the run.
func (d *Dir) create(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(d.Path, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// WriteJSON writes v, indented, as a file of the run.
func (d *Dir) WriteJSON(name string, v any) error {
	return d.Write(name, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	})
}

// Write writes a file of the run whole or not at all: into a temporary file
// beside it, synced, and then renamed.
func (d *Dir) Write(name string, write func(io.Writer) error) error {
	return WriteFile(filepath.Join(d.Path, name), write)
}

// WriteFile is Dir.Write for any path.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeThrough(path, write)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.OpenFile(fmt.Sprintf("%s/.%s-%d", filepath.Dir(path), filepath.Base(path), os.Getpid()), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	w := bufio.NewWriterSize(f, 64<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writeThrough writes to what is no file and cannot be replaced: a device, a pipe.
func writeThrough(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Find is what ref means: a run's directory, its result.json, "latest" and other
// names under out, or the file of a baseline, by its path or its name in one of
// the stores. Load and Open take either.
func Find(out, ref string, stores ...Store) (string, error) {
	var first error
	for _, path := range []string{ref, filepath.Join(out, ref)} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if IsBaseline(path) {
			return path, nil
		}
		if !info.IsDir() {
			if filepath.Base(path) == LatestLink && info.Size() < 256 {
				if b, err := os.ReadFile(path); err == nil {
					return filepath.Join(filepath.Dir(path), strings.TrimSpace(string(b))), nil
				}
			}
			path = filepath.Dir(path)
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if isRun(path) {
			return path, nil
		}
		if first == nil {
			first = fmt.Errorf("%s is not a run: it has neither %s nor %s", path, PlanFile, ResultFile)
		}
	}
	for _, s := range stores {
		if path, ok := s.find(ref); ok {
			return path, nil
		}
	}
	if first != nil {
		return "", first
	}
	return "", fmt.Errorf("there is no run %q, here or under %s", ref, out)
}

func isRun(path string) bool {
	for _, name := range []string{PlanFile, ResultFile} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return true
		}
	}
	return false
}

// Load is the result of the run in dir: what result.json says, or, where the run
// was killed before it wrote one, what its journal tells, which is marked as not
// complete. Of a baseline's file it is the result that was kept.
func Load(dir string) (*Result, error) {
	if IsBaseline(dir) {
		b, _, err := LoadBaseline(dir)
		if err != nil {
			return nil, err
		}
		return b.Result, nil
	}
	b, err := os.ReadFile(filepath.Join(dir, ResultFile))
	if errors.Is(err, fs.ErrNotExist) {
		c, err := Replay(dir)
		if err != nil {
			return nil, err
		}
		return c.Result(), nil
	}
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w; without that file lt report rebuilds the run from its journal", damaged(filepath.Join(dir, ResultFile), err))
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("%s has schema %d; this lt reads schema %d", filepath.Join(dir, ResultFile), r.Schema, Schema)
	}
	return &r, nil
}

// damaged says of a file of lt's that it is not as lt wrote it.
func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged, cut off perhaps: %w", path, err)
}

// LoadPlan is the plan of the run in dir.
func LoadPlan(dir string) (*Plan, error) {
	path := filepath.Join(dir, PlanFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, damaged(path, err)
	}
	if p.Schema != Schema {
		return nil, fmt.Errorf("%s has schema %d; this lt reads schema %d", path, p.Schema, Schema)
	}
	return &p, nil
}

// Replay gathers the run in dir again, from its plan and journal alone. What the
// journal holds beyond its last whole group of histograms (at most Resolution),
// and a torn last line, are left out.
func Replay(dir string) (*Collector, error) {
	p, err := LoadPlan(dir)
	if err != nil {
		return nil, err
	}
	intervals, err := readIntervals(filepath.Join(dir, IntervalsFile))
	if err != nil {
		return nil, err
	}
	log, err := openHlog(filepath.Join(dir, HistogramFile))
	if err != nil {
		return nil, err
	}
	defer log.Close()

	c := NewCollector(p)
	var held []*Interval // since the last group
	for _, iv := range intervals {
		held = append(held, iv)
		if iv.Histograms == nil {
			continue
		}
		g, ok := log.next(p.Endpoints, iv.Histograms)
		if !ok {
			break
		}
		for _, h := range held {
			if h.Histograms == nil {
				c.Add(h, nil)
			} else {
				c.Add(h, g)
			}
		}
		held = nil
	}
	return c, nil
}

// readIntervals reads the journal's whole lines.
func readIntervals(path string) ([]*Interval, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // killed before the load
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []*Interval
	r := bufio.NewReaderSize(f, 256<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return out, nil // what is left has no end: torn
		}
		if err != nil {
			return nil, err
		}
		var iv Interval
		if err := json.Unmarshal(line, &iv); err != nil || iv.Seq != len(out) {
			return out, nil // damaged: nothing after it can be trusted to follow on
		}
		out = append(out, &iv)
	}
}

// An hlogReader reads the histogram log group by group.
type hlogReader struct {
	f *os.File
	r *bufio.Reader
}

func openHlog(path string) (*hlogReader, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &hlogReader{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &hlogReader{f, bufio.NewReaderSize(f, 256<<10)}, nil
}

func (h *hlogReader) Close() error {
	if h.f == nil {
		return nil
	}
	return h.f.Close()
}

// next reads the lines that index describes; false when they are not there.
func (h *hlogReader) next(endpoints []metric.Endpoint, index *HistogramIndex) (*group, bool) {
	g := &group{index: *index}
	for _, e := range index.Lines {
		if e.Endpoint >= len(endpoints) {
			return nil, false
		}
		p := h.line(hlogTag(endpoints, e))
		if p == nil || p.TotalCount() != e.Count {
			return nil, false
		}
		g.dists = append(g.dists, metric.FromPacked(p, e.Count, e.Sum, e.Min, e.Max))
	}
	return g, true
}

// line is the next histogram, which must have the given tag.
func (h *hlogReader) line(tag string) *hdr.PackedHistogram {
	for h.r != nil {
		line, err := h.r.ReadString('\n')
		if err != nil {
			return nil
		}
		got, _, p, ok := parseHlogLine(strings.TrimSuffix(line, "\n"))
		switch {
		case !ok && (strings.HasPrefix(line, "#") || strings.HasPrefix(line, `"`)):
			continue
		case !ok || got != tag:
			return nil
		}
		return p
	}
	return nil
}

// NewRunID is an identifier for a run that starts now.
func NewRunID(now time.Time, random uint64) string {
	return fmt.Sprintf("%s-%06x", now.UTC().Format("20060102T150405Z"), random&0xffffff)
}
