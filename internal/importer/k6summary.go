package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

// maxSummary is the largest summary that is read.
const maxSummary = 64 << 20

// A k6Metric is a metric of a summary of k6: its values stand beside each other in
// that of --summary-export, and below values in that of handleSummary.
type k6Metric map[string]json.RawMessage

// value is one of the metric's values.
func (m k6Metric) value(keys ...string) (float64, bool) {
	from := m
	if inner, ok := m["values"]; ok {
		from = nil
		_ = json.Unmarshal(inner, &from)
	}
	for _, key := range keys {
		var v float64
		if raw, ok := from[key]; ok && json.Unmarshal(raw, &v) == nil && isFinite(v) {
			return v, true
		}
	}
	return 0, false
}

// thresholds are what k6 judged: whether each held.
func (m k6Metric) thresholds() map[string]bool {
	held := map[string]bool{}
	var each map[string]json.RawMessage
	_ = json.Unmarshal(m["thresholds"], &each)
	for expression, raw := range each {
		var failed bool
		var one struct {
			OK *bool `json:"ok"`
		}
		if json.Unmarshal(raw, &failed) == nil { // of --summary-export: whether it failed
			held[expression] = !failed
		} else if json.Unmarshal(raw, &one) == nil && one.OK != nil {
			held[expression] = *one.OK
		}
	}
	return held
}

func (im *Import) readK6Summary() error {
	f := im.files[0]
	if len(im.files) > 1 {
		return &Mistake{File: im.files[1].name, Text: "a summary is of one run: import one at a time"}
	}
	l, err := f.open()
	if err != nil {
		return err
	}
	defer l.Close()
	b, err := io.ReadAll(io.LimitReader(l.r, maxSummary+1))
	switch {
	case err != nil:
		return &Mistake{File: f.name, Text: err.Error()}
	case len(b) > maxSummary:
		return &Mistake{File: f.name, Text: fmt.Sprintf("larger than %d MiB: no summary is", maxSummary>>20)}
	}
	var doc struct {
		Metrics map[string]k6Metric `json:"metrics"`
		State   struct {
			DurationMS float64 `json:"testRunDurationMs"`
		} `json:"state"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		line, column := place(b, err)
		return &Mistake{f.name, line, column, err.Error()}
	}
	return im.k6Figures(f, doc.Metrics, doc.State.DurationMS)
}

// place is where in b an error of JSON lies.
func place(b []byte, err error) (line, column int) {
	offset := int64(0)
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &typed):
		offset = typed.Offset
	}
	line = 1
	for _, c := range b[:min(int(offset), len(b))] {
		column++
		if c == '\n' {
			line, column = line+1, 0
		}
	}
	return line, column
}

// k6Figures takes the figures of the summary.
func (im *Import) k6Figures(f *file, metrics map[string]k6Metric, durationMS float64) error {
	s := im.summary
	im.knows.start = false
	count := func(name string, keys ...string) (int64, bool) {
		v, ok := metrics[name].value(keys...)
		if ok && !(v >= 0 && v <= maxCount) {
			f.mistake(0, 0, "%s: %s is %v: want 0 to 10^12", name, keys[0], v)
		}
		return int64(min(max(v, 0), maxCount)), ok
	}
	var ok bool
	if s.requests, ok = count("http_reqs", "count"); !ok {
		f.mistake(0, 0, "it has no metric http_reqs with a count: was any request sent?")
	}
	s.failed, ok = count("http_req_failed", "passes") // those for which it is true that they failed
	if !ok {
		if rate, known := metrics["http_req_failed"].value("rate", "value"); known && rate >= 0 && rate <= 1 {
			s.failed = int64(rate*float64(s.requests) + .5)
		} else {
			im.notes = append(im.notes, "k6's summary does not say how many requests failed (http_req_failed): all are counted as answered rightly")
		}
	}
	if s.failed > s.requests {
		f.mistake(0, 0, "http_req_failed: %d of %d requests cannot have failed", s.failed, s.requests)
	}
	iterations, known := count("iterations", "count")
	im.knows.iterations = known
	dropped, known := count("dropped_iterations", "count")
	im.knows.dropped = known
	vus, known := count("vus_max", "max", "value")
	if most, ok := count("vus", "max"); ok {
		vus, known = most, true
	}
	if known && vus <= 1e7 {
		im.users, im.knows.users = int(vus), true
	}
	times, of := metrics["http_req_duration{expected_response:true}"], "of the successful requests"
	n := s.requests - s.failed
	if times == nil {
		times, of, n = metrics["http_req_duration"], "of all requests, failed ones too", s.requests
	}
	im.notes = append(im.notes, "The response times are k6's http_req_duration "+of)
	response := run.UnknownLatency()
	for _, v := range []struct {
		into *float64
		keys []string
	}{
		{&response.P50, []string{"med", "p(50)"}},
		{&response.P90, []string{"p(90)"}},
		{&response.P95, []string{"p(95)"}},
		{&response.P99, []string{"p(99)"}},
		{&response.P999, []string{"p(99.9)"}},
		{&response.Max, []string{"max"}},
		{&response.Mean, []string{"avg"}},
		{&response.Min, []string{"min"}},
	} {
		if x, ok := times.value(v.keys...); ok {
			if *v.into = x; x < 0 || x > 1e12 {
				f.mistake(0, 0, "http_req_duration: %s is %v: want 0 to 10^12 ms", v.keys[0], x)
			}
		}
	}
	if response.N = n; n > 0 {
		s.Response = &response
	}
	if rate, ok := metrics["http_reqs"].value("rate"); durationMS <= 0 && ok && rate > 0 {
		durationMS = float64(s.requests) / rate * 1000
	}
	if !(durationMS >= 0 && durationMS <= float64(maxSpan/time.Millisecond)) {
		f.mistake(0, 0, "it lasted %v ms: want at most %v", durationMS, maxSpan)
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		held := metrics[name].thresholds()
		for _, expression := range slices.Sorted(maps.Keys(held)) {
			word := "held"
			if !held[expression] {
				word = "was broken"
			}
			im.notes = append(im.notes, fmt.Sprintf("By k6's own judgement the threshold %s: %s %s", name, expression, word))
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	s.span = max(time.Duration(durationMS*float64(time.Millisecond)), time.Millisecond)
	mean := 0.0
	if v, ok := metrics["http_req_duration"].value("avg"); ok {
		mean = v
	}
	s.only(im.users, iterations, dropped, mean)
	return nil
}
