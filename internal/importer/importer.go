// Package importer reads the results of other load generators, to be written into
// a run's directory: each request, where a file tells of each, and else what its
// summary says. Files are read as streams, twice: once to find every mistake, the
// endpoints and the span of time, and once to give the snapshots.
package importer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/text"
)

// Bounds of what is imported.
const (
	maxEndpoints = 1000
	maxSpan      = 7 * 24 * time.Hour
	maxDisorder  = 10 * time.Minute
)

// Options change how files are read.
type Options struct {
	Format string        // a name of [Formats]; empty: told from the files' content
	Unit   time.Duration // of the values of an HdrHistogram log; 0: nanoseconds
	Warmup time.Duration // from the start, left out of the figures
}

// A Format is a kind of file.
type Format struct{ Name, Tool, About string }

// Formats are those that can be read.
func Formats() []Format { return slices.Clone(formats) }

var formats = []Format{
	{"locust", "Locust", "the CSV files of --csv: stats, stats_history, failures"},
	{"k6", "k6", "JSON lines (--out json=FILE)"},
	{"k6-summary", "k6", "JSON of --summary-export or handleSummary"},
	{"jmeter", "JMeter", "JTL in CSV, with the line of column names"},
	{"vegeta", "vegeta", "vegeta encode --to json or csv"},
	{"hdr", "HdrHistogram", "an HdrHistogram log, V2"},
}

// An Import is files that have been read once, without a mistake.
type Import struct {
	options  Options
	format   Format
	files    []*file
	notes    []string
	unknown  []string // keys of result.json that nothing measured
	cannot   []string
	model    metric.Model
	users    int // the most at once
	least    int // the fewest after the warm-up; -1: none was told
	knows    struct{ users, iterations, dropped, bytes, start bool }
	version  string
	requests int64

	// Of files with single requests, or histograms.
	endpoints   []metric.Endpoint
	index       map[metric.Endpoint]int
	first, last int64 // nanoseconds since 1970
	step        time.Duration
	disorder    time.Duration
	sum         float64 // of the requests' times, in nanoseconds

	summary *summary // of files without
}

// Open reads the files. The error holds all mistakes that were found, at most 20 of
// a file.
func Open(paths []string, o Options) (*Import, error) {
	im := &Import{options: o, index: map[metric.Endpoint]int{}, step: time.Second, least: -1}
	im.knows.start = true
	var errs []error
	shapes := map[*file]shape{}
	for _, path := range paths {
		f := &file{path: path, name: path}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case !info.Mode().IsRegular():
			errs = append(errs, &Mistake{File: path, Text: "not a regular file, and it has to be read twice"})
			continue
		}
		f.size = info.Size()
		s, err := detect(f, o.Format)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		shapes[f] = s
		im.files = append(im.files, f)
		if first := shapes[im.files[0]]; s.format() != first.format() {
			errs = append(errs, &Mistake{File: path, Text: fmt.Sprintf("it is of %s, and %s of %s: import one run at a time", s.format(), im.files[0].name, first.format())})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(im.files) == 0 {
		return nil, errors.New("there is no file to import")
	}
	name := shapes[im.files[0]].format()
	im.format = formats[slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })]
	var err error
	if name == "locust" || name == "k6-summary" {
		err = im.readSummary(shapes)
	} else {
		err = im.scan(shapes)
	}
	if err != nil {
		return nil, err
	}
	for _, f := range im.files {
		im.notes = append(im.notes, f.notes...)
	}
	im.describe()
	return im, nil
}

// scan reads files of single events for the first time.
func (im *Import) scan(shapes map[*file]shape) error {
	var errs []error
	for _, f := range im.files {
		src, err := im.source(f, shapes[f])
		if err == nil {
			var e event
			seen := int64(0) // the latest moment so far
			for src.next(&e) {
				im.see(f, &e, &seen)
			}
			if j, ok := src.(*jtl); ok && j.skipped > 0 {
				f.notes = append(f.notes, fmt.Sprintf("%s: %d transactions were left out: they are sums of requests that stand there too", filepath.Base(f.name), j.skipped))
			}
			err = cmp.Or(src.Close(), f.err())
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if im.requests == 0 {
		return &Mistake{File: im.files[0].name, Text: "no request stands in it: there is nothing to import"}
	}
	im.step = (im.step + time.Second - 1) / time.Second * time.Second
	if im.options.Warmup >= im.span() {
		return fmt.Errorf("--warmup %v: the run lasted %v, and nothing would be left", im.options.Warmup, im.span().Round(time.Millisecond))
	}
	return nil
}

// see takes note of an event on the first reading.
func (im *Import) see(f *file, e *event, seen *int64) {
	if e.at < earliest || e.at > latest {
		f.mistake(e.line, e.column, "its time is not between 1990 and 2190")
		return
	}
	begin := e.at - int64(e.took)
	if im.first == 0 {
		im.first, im.last = begin, e.at
	}
	if span := max(im.last, e.at) - min(im.first, begin); span > int64(maxSpan) {
		f.mistake(e.line, e.column, "its time, %s, lies over %v from others", when(e.at), maxSpan)
		return
	}
	im.first, im.last = min(im.first, begin), max(im.last, e.at)
	if late := time.Duration(*seen - e.at); *seen > 0 && late > maxDisorder {
		f.mistake(e.line, e.column, "its time, %s, lies %v before that of a line above: sort the file by time", when(e.at), late.Round(time.Second))
	} else {
		im.disorder = max(im.disorder, late)
	}
	*seen = max(*seen, e.at)
	switch e.kind {
	case users:
		im.seeUsers(e)
		return
	case iterations:
		im.knows.iterations = true
		return
	case dropped:
		im.knows.dropped = true
		return
	case histogram:
		im.requests += e.dist.Count
	case request:
		im.requests++
		if e.n > 0 {
			im.seeUsers(e)
		}
		im.knows.bytes = im.knows.bytes || e.in > 0 || e.out > 0
		if im.sum += float64(e.took); im.sum > 8e18 {
			f.mistake(e.line, e.column, "the times add up to more than 250 years")
		}
	}
	if _, ok := im.index[e.endpoint]; !ok {
		if len(im.endpoints) == maxEndpoints {
			f.mistake(e.line, e.column, "%q is one of more than %d names: names hold what differs from request to request; group them (k6: the tag name; JMeter: the label)",
				e.endpoint.Name(), maxEndpoints)
			return
		}
		im.index[e.endpoint] = len(im.endpoints)
		im.endpoints = append(im.endpoints, e.endpoint)
	}
}

func (im *Import) seeUsers(e *event) {
	n := int(e.n)
	im.users, im.knows.users = max(im.users, n), true
	if e.at-im.first >= int64(im.warmup()) && (im.least < 0 || n < im.least) {
		im.least = n
	}
}

func when(at int64) string { return time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000Z") }

// source opens a file for one reading.
func (im *Import) source(f *file, s shape) (source, error) {
	l, err := f.open()
	if err != nil {
		return nil, err
	}
	switch s {
	case k6Shape:
		return &k6Lines{l}, nil
	case vegetaJSONShape:
		return &vegetaJSON{l}, nil
	case vegetaCSVShape:
		return &vegetaCSV{&table{lines: l, comma: ','}}, nil
	case jtlShape:
		j, ok := newJTL(&table{lines: l, comma: delimiter(f)})
		if !ok {
			l.Close()
			return nil, cmp.Or(f.err(), error(&Mistake{File: f.name, Text: "it is empty"}))
		}
		return j, nil
	case hlogShape:
		h := &hlog{lines: l, unit: cmp.Or(im.options.Unit, time.Nanosecond), untimed: new(bool), step: &im.step}
		return &timed{h, im}, nil
	}
	l.Close()
	return nil, &Mistake{File: f.name, Text: "not a file of single requests"}
}

// timed is a log that tells whether its time is known.
type timed struct {
	*hlog
	im *Import
}

func (t *timed) Close() error {
	if *t.untimed {
		t.im.knows.start = false
	}
	return t.hlog.Close()
}

func (im *Import) span() time.Duration {
	if im.summary != nil {
		return im.summary.span
	}
	return max(time.Duration(im.last-im.first), time.Millisecond)
}

// SummaryOnly reports whether the files hold no times of single requests, so that
// nothing can be judged but counts and rates.
func (im *Import) SummaryOnly() bool { return im.summary != nil }

// Tool is the name of the tool that made the files.
func (im *Import) Tool() string { return im.format.Tool }

// Plan fills in what the files tell of the run: when and how long it was, the
// endpoints, and where it came from.
func (im *Import) Plan(p *run.Plan) {
	if im.knows.start {
		p.StartedAt = time.Unix(0, im.first).UTC()
	}
	p.Endpoints = im.endpoints
	d := im.span()
	peak := float64(im.users)
	p.Profile = load.Profile{Model: im.model, Stages: []load.Stage{{Target: peak}, {Duration: d, Target: peak}}, Warmup: im.warmup()}
	p.Profile.Staged = im.least >= 0 && im.least < im.users // the load changed in the course of the run
	p.Resolution = max(run.Resolution(d), im.step)
	p.Imported = &run.Imported{
		Tool: im.format.Tool, Version: im.version, Format: im.format.Name, Users: im.users, SummaryOnly: im.SummaryOnly(),
		CannotGive: im.cannot, Absent: im.unknown, Notes: im.notes,
	}
	if im.summary != nil {
		p.Imported.Summary = &im.summary.ImportedSummary
	}
	for _, f := range im.files {
		p.Imported.Files = append(p.Imported.Files, run.ImportedFile{Name: filepath.Base(f.path), Bytes: f.size, SHA256: f.sum})
	}
}

// warmup is the warm-up in whole steps.
func (im *Import) warmup() time.Duration {
	return (im.options.Warmup + im.step - 1) / im.step * im.step
}

// describe says what the files do not tell.
func (im *Import) describe() {
	cannot := func(format string, args ...any) { im.cannot = append(im.cannot, fmt.Sprintf(format, args...)) }
	tool, n := im.format.Tool, thousands(im.requests)
	im.unknown = []string{
		"seed", "planned_duration_s", "environment.host", "environment.cpus", "environment.go", "environment.os", "totals.unsent", "totals.idle_iterations", "totals.reconnects",
		"generator.cpu_quota", "generator.stalls", "generator.stall_max_ms", "generator.failed", "generator.valid",
	}
	absent := func(known bool, keys ...string) {
		if !known {
			im.unknown = append(im.unknown, keys...)
		}
	}
	absent(im.knows.users, "timeline.users")
	absent(im.knows.iterations, "totals.iterations")
	absent(im.knows.dropped, "totals.dropped")
	absent(im.knows.bytes, "totals.bytes_in", "totals.bytes_out")
	switch im.format.Name {
	case "locust":
		im.model = metric.Closed
		if im.summary.history {
			cannot("Locust's percentiles over time are cumulative since the start: of the %d intervals only counts and means are known, of the %s requests only percentiles of all together, failed ones too, rounded to two digits", len(im.summary.intervals), n)
		} else {
			cannot("There is no stats_history file: what the %s requests did over time is not known, and their percentiles, of failed ones too, are rounded to two digits", n)
		}
	case "k6":
		cannot("k6's http_req_duration leaves out connecting and the TLS handshake, which lt counts: the %s response times may be too good", n)
	case "k6-summary":
		cannot("k6's summary has no time of a single request and nothing over time: 0 of its %s requests can be judged by a latency limit", n)
	case "jmeter":
		im.model = metric.Closed
		cannot("JMeter keeps times in whole milliseconds: no difference under 1 ms is shown in %s requests", n)
	case "vegeta":
		im.model = metric.Open
	case "hdr":
		cannot("The log has histograms and no requests: whether any of %s failed, and how, is told by tags at most", n)
		if im.options.Unit == 0 && !im.ownLog() {
			cannot("The log does not say what its %s values are in: nanoseconds were assumed (--unit)", n)
		}
	}
	cannot("0 of %s requests have a time at which they were due, and nothing tells how %s itself did: what a late generator or a stalled target kept from being sent is not shown", n, tool)
	absent(im.model != "", "model")
	absent(im.summary == nil || len(im.summary.Failures) == 0, "failures.first_seen_s", "failures.last_seen_s", "failures.exemplars.at_ns", "failures.exemplars.service_time_ns")
}

// ownLog reports whether all files are lt's own logs.
func (im *Import) ownLog() bool {
	for _, f := range im.files {
		if head, err := f.head(); err != nil || !strings.Contains(string(head), "#[lt: histograms of nanoseconds") {
			return false
		}
	}
	return true
}

// thousands is a count with its thousands set apart.
func thousands(n int64) string { return text.Thousands(strconv.FormatInt(n, 10)) }

// head is the start of the file, unpacked.
func (f *file) head() ([]byte, error) {
	l, err := f.open()
	if err != nil {
		return nil, err
	}
	defer l.closer.Close()
	b := make([]byte, 64<<10)
	n, err := io.ReadFull(l.r, b)
	if err != nil && n == 0 && err != io.EOF {
		return nil, &Mistake{File: f.name, Text: err.Error()}
	}
	return b[:n], nil
}
