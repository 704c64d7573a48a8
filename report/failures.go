package report

import (
	_ "embed"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// FailuresSchema is the JSON Schema (2020-12) of failures.json. docs/ has a copy.
//
//go:embed failures.schema.json
var FailuresSchema []byte

// failuresFile is failures.json: what failed, for people and programs that are
// to act on it.
type failuresFile struct {
	Schema    int               `json:"schema"`
	RunID     string            `json:"run_id"`
	Scenario  string            `json:"scenario"`
	Target    string            `json:"target"`
	Labels    map[string]string `json:"labels,omitempty"`
	StartedAt time.Time         `json:"started_at"`
	Failures  []failureEntry    `json:"failures"` // the most frequent first
}

type failureEntry struct {
	Endpoint   string          `json:"endpoint"`
	Class      string          `json:"class"`
	Count      int64           `json:"count"`
	Share      float64         `json:"share"` // of the endpoint's requests
	FirstSeenS float64         `json:"first_seen_s"`
	LastSeenS  float64         `json:"last_seen_s"`
	FirstSeen  time.Time       `json:"first_seen"`
	LastSeen   time.Time       `json:"last_seen"`
	Exemplars  []exemplarEntry `json:"exemplars"`

	Hop            hop.Hop  `json:"hop,omitempty"`
	HopEvidence    []string `json:"hop_evidence,omitempty"`
	UpstreamStatus int      `json:"upstream_status,omitempty"`
}

// An exemplarEntry is one failed request. Secrets have been masked in it.
type exemplarEntry struct {
	Status       int     `json:"status,omitempty"`
	Message      string  `json:"message"`
	Pattern      string  `json:"pattern"` // the message with ids, numbers and times masked
	Phase        string  `json:"phase,omitempty"`
	AtS          float64 `json:"at_s"`
	ServiceMS    float64 `json:"service_time_ms"`
	TraceID      string  `json:"trace_id,omitempty"`
	Request      string  `json:"request,omitempty"`
	RequestBody  string  `json:"request_body,omitempty"`
	Response     string  `json:"response,omitempty"`
	ResponseBody string  `json:"response_body,omitempty"`
	Curl         string  `json:"curl,omitempty"` // sends it again; absent where it would not be the same request
}

// Failures writes the failures of a run with their exemplars.
func Failures(w io.Writer, r *run.Result, _ Options) error {
	f := failuresFile{
		Schema: r.Schema, RunID: r.RunID, Scenario: r.Scenario, Target: r.Target, Labels: r.Labels,
		StartedAt: r.StartedAt, Failures: []failureEntry{},
	}
	moment := func(s float64) time.Time {
		return r.StartedAt.Add(time.Duration(s * float64(time.Second))).UTC().Round(time.Millisecond)
	}
	for _, c := range byCount(r.Failures) {
		e := failureEntry{
			Endpoint: c.Endpoint, Class: c.Class, Count: c.Count, Share: c.Share, FirstSeenS: c.FirstSeenS, LastSeenS: c.LastSeenS,
			FirstSeen: moment(c.FirstSeenS), LastSeen: moment(c.LastSeenS), Exemplars: []exemplarEntry{},
			Hop: c.Hop, HopEvidence: c.HopEvidence, UpstreamStatus: c.UpstreamStatus,
		}
		for i := range c.Exemplars {
			e.Exemplars = append(e.Exemplars, entry(&c.Exemplars[i], r.Target))
		}
		f.Failures = append(f.Failures, e)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(f)
}

func entry(e *metric.Exemplar, target string) exemplarEntry {
	return exemplarEntry{
		Status: e.Status, Message: limited(e.Message), Pattern: run.Pattern(limited(e.Message)), Phase: e.Phase,
		AtS: e.At.Round(time.Millisecond).Seconds(), ServiceMS: float64(e.ServiceTime.Round(time.Microsecond)) / float64(time.Millisecond),
		TraceID: traceID(e), Request: limited(e.Request), RequestBody: limited(e.RequestBody),
		Response: limited(e.Response), ResponseBody: limited(e.ResponseBody), Curl: curl(e, target),
	}
}

// limited is at most 4 KB of s.
func limited(s string) string {
	if len(s) <= bodyLimit {
		return s
	}
	return strings.ToValidUTF8(s[:bodyLimit], "")
}

// traceID is the id of the trace that a request belonged to; empty: it carried
// none.
func traceID(e *metric.Exemplar) string {
	if len(e.TraceID) != 32 || strings.Trim(e.TraceID, "0123456789abcdef") != "" {
		return ""
	}
	return e.TraceID
}
