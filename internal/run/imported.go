package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// An Imported says that another tool ran the run and measured it, and what its
// files do not tell. lt knows nothing of that tool's own health.
type Imported struct {
	Tool    string         `json:"tool"`              // Locust, k6, JMeter, vegeta, HdrHistogram
	Version string         `json:"version,omitempty"` // of the tool, where a file names it
	Format  string         `json:"format"`            // as --format takes it
	Files   []ImportedFile `json:"files"`
	Users   int            `json:"users,omitempty"` // the most at once; absent: not known

	// SummaryOnly: the files hold counts, means and percentiles, and no times of single
	// requests. There are no histograms: latencies are not judged, and not compared.
	SummaryOnly bool `json:"summary_only,omitempty"`

	CannotGive []string         `json:"cannot_give"`       // what the files do not tell, most misleading first
	Absent     []string         `json:"absent"`            // keys of result.json that are left out, for nothing measured them
	Notes      []string         `json:"notes,omitempty"`   // on the import: lines that were left out, what the tool judged by itself
	Summary    *ImportedSummary `json:"summary,omitempty"` // in run.json, where SummaryOnly
}

// An ImportedFile is a file that the run was read from.
type ImportedFile struct {
	Name   string `json:"name"` // without its directory
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// An ImportedSummary is what a tool's summary says. Its times are of all
// requests, where the tool keeps no others.
type ImportedSummary struct {
	Response  *Latency           `json:"response_time_ms,omitempty"`
	Endpoints []ImportedEndpoint `json:"endpoints,omitempty"` // absent: the summary tells none apart
	Failures  []ImportedFailure  `json:"failures,omitempty"`
}

// An ImportedEndpoint is a row of a tool's summary.
type ImportedEndpoint struct {
	metric.Endpoint
	Requests   int64    `json:"requests"`
	Failed     int64    `json:"failed"`
	Throughput *float64 `json:"throughput_per_s,omitempty"` // successful requests
	Response   *Latency `json:"response_time_ms,omitempty"`
}

// An ImportedFailure is one kind of failure of a tool's summary.
type ImportedFailure struct {
	Endpoint string `json:"endpoint"`
	Class    string `json:"class"`
	Count    int64  `json:"count"`
	Message  string `json:"message"`
}

// Lacks reports whether nothing measured a key of result.json.
func (im *Imported) Lacks(key string) bool { return im != nil && slices.Contains(im.Absent, key) }

// load is what is known of the load, in words that are the same for two runs of
// one scenario.
func (im *Imported) load() string {
	if im.Users > 0 {
		return fmt.Sprintf("at most %d users, run by %s", im.Users, im.Tool)
	}
	return "run by " + im.Tool
}

// Comparable says why the run's latencies cannot be compared; nil: they can.
func (im *Imported) Comparable() error {
	if im == nil || !im.SummaryOnly {
		return nil
	}
	return fmt.Errorf("it was imported from a summary of %s, which has no times of single requests: only its counts and means are known, and no statistics of a difference", im.Tool)
}

// maxCannotGive is how many of the import's gaps come before those of every run.
const maxCannotGive = 3

// imported makes r say what was imported, and nothing of what was not measured.
func (c *Collector) imported(r *Result, ev *verdict.Evidence) {
	im := *c.plan.Imported
	s := im.Summary
	im.Summary = nil // the result has its figures in their places
	r.Imported = &im
	r.Notes = append(r.Notes, im.Notes...)
	r.Totals.Service = nil // only one kind of time is known
	for i := range r.Endpoints {
		r.Endpoints[i].Service = nil
	}
	first := im.CannotGive[:min(len(im.CannotGive), maxCannotGive)]
	judged := *ev
	if s != nil && len(s.Endpoints) > 0 {
		judged.Endpoints = nil
		for _, e := range s.Endpoints {
			judged.Endpoints = append(judged.Endpoints, verdict.Series{Name: e.Name(), Requests: e.Requests})
		}
	}
	own := verdict.NotShown(judged, c.plan.Thresholds, verdict.Facts{}) // of users' think times nothing is known
	r.NotShown = append(append([]string{}, first...), own[:min(len(own), 5-len(first))]...)
	if s == nil {
		return
	}
	r.Totals.Response, r.Totals.FailedLatency = s.Response, nil
	if len(s.Endpoints) > 0 {
		r.Endpoints = nil
	}
	for _, e := range s.Endpoints {
		er := EndpointResult{
			Name: e.Name(), Method: e.Method, Path: e.Path, Requests: e.Requests, Failed: e.Failed,
			Throughput: e.Throughput, Response: e.Response, Outcomes: map[string]int64{}, Verdict: verdict.None,
		}
		if e.Requests > 0 {
			er.ErrorRate = new(float64(e.Failed) / float64(e.Requests))
			if ok := e.Requests - e.Failed; ok > 0 {
				er.Outcomes[metric.OK.String()] = ok
			}
		}
		rest := e.Failed
		for _, f := range s.Failures {
			if f.Endpoint == er.Name {
				er.Outcomes[f.Class] += f.Count
				rest -= f.Count
			}
		}
		if rest > 0 {
			er.Outcomes[metric.Class{Outcome: metric.Status}.Key()] += rest
		}
		r.Endpoints = append(r.Endpoints, er)
	}
	if len(s.Failures) > 0 {
		r.Failures = nil
	}
	for _, f := range s.Failures {
		of := r.Totals.Requests
		for _, e := range s.Endpoints {
			if e.Name() == f.Endpoint {
				of = e.Requests
			}
		}
		failure := Failure{Endpoint: f.Endpoint, Class: f.Class, Count: f.Count, LastSeenS: r.DurationS}
		if of > 0 {
			failure.Share = float64(f.Count) / float64(of)
		}
		failure.Exemplars = []metric.Exemplar{{Endpoint: f.Endpoint, Class: f.Class, Message: f.Message}}
		r.Failures = append(r.Failures, failure)
	}
}

// MarshalJSON leaves out of an imported run what nothing measured.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	b, err := marshal(plain(r))
	if err != nil || r.Imported == nil {
		return b, err
	}
	return without(b, r.Imported.Absent)
}

// UnmarshalJSON reads a state of the generator; where nobody knows whether it was
// valid, it is not called invalid.
func (g *Generator) UnmarshalJSON(b []byte) error {
	type plain Generator
	p := plain{Valid: true}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*g = Generator(p)
	return nil
}

// MarshalJSON leaves out the figures that are not known: those that are NaN.
func (l Latency) MarshalJSON() ([]byte, error) {
	type plain Latency
	var unknown []string
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Float64 && math.IsNaN(f.Float()) {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			unknown = append(unknown, key)
			f.SetFloat(0)
		}
	}
	b, err := marshal(plain(l))
	if err != nil || unknown == nil {
		return b, err
	}
	return without(b, unknown)
}

// UnmarshalJSON makes the figures that are missing NaN.
func (l *Latency) UnmarshalJSON(b []byte) error {
	type plain Latency
	p := plain(UnknownLatency())
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*l = Latency(p)
	return nil
}

// UnknownLatency has no figure yet: all are NaN, and its count is 0.
func UnknownLatency() Latency {
	var l Latency
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Float64 {
			f.SetFloat(math.NaN())
		}
	}
	return l
}

// marshal is v as JSON, as it stands: whoever writes it escapes it as he likes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// without is the JSON in b without the keys at the paths, such as totals.dropped;
// a path goes into every element of a list.
func without(b []byte, paths []string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	for _, p := range paths {
		remove(v, strings.Split(p, "."))
	}
	return marshal(v)
}

func remove(v any, path []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			remove(e, path)
		}
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
		} else {
			remove(v[path[0]], path[1:])
		}
	}
}
