// Package run is a run on disk: the [Plan] written before load, the journal of
// [Interval] lines written each second, and the [Result] at the end. It is the
// only package that touches a run's directory.
package run

import (
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// Schema is the version of run.json, intervals.jsonl and result.json. Readers
// ignore keys that they do not know; a key's meaning never changes under one
// schema.
const Schema = 1

// The files of a run's directory.
const (
	PlanFile      = "run.json"
	IntervalsFile = "intervals.jsonl"
	HistogramFile = "intervals.hlog"
	ResultFile    = "result.json"
	HTMLFile      = "report.html"
	MarkdownFile  = "summary.md"
	JUnitFile     = "junit.xml"
	TimelineFile  = "timeline.csv"
	FailuresFile  = "failures.json"
	IndexFile     = "index.html" // of a suite
	LatestLink    = "latest"
)

// A Plan is everything that was decided before the first request. It is
// run.json. No secret stands in it.
type Plan struct {
	Schema         int                 `json:"schema"`
	LT             string              `json:"lt"` // version
	RunID          string              `json:"run_id"`
	Scenario       string              `json:"scenario"`
	ScenarioDigest string              `json:"scenario_digest"`
	Purpose        string              `json:"purpose,omitempty"`
	Workload       string              `json:"workload,omitempty"`
	Target         string              `json:"target"`
	Reference      bool                `json:"reference,omitempty"` // the target is lt's own reference platform
	Labels         map[string]string   `json:"labels,omitempty"`
	StartedAt      time.Time           `json:"started_at,omitzero"` // absent: not known of an imported run
	Seed           uint64              `json:"seed"`
	Profile        load.Profile        `json:"profile"`
	Think          Think               `json:"think"`
	Endpoints      []metric.Endpoint   `json:"endpoints"`
	Personas       []string            `json:"personas,omitempty"` // absent where there is but one
	Thresholds     []verdict.Threshold `json:"thresholds"`
	FirstLook      time.Duration       `json:"first_look_ns,omitempty"`   // the run ends here if it is decided by then, else goes on to the profile's end
	Hops           []string            `json:"hops,omitempty"`            // those whose time an answer may tell
	BaselineP95    time.Duration       `json:"baseline_p95_ns,omitempty"` // of the fastest run that this one is to be compared with; absent: with none
	Timeout        time.Duration       `json:"timeout_ns"`
	ConnectTimeout time.Duration       `json:"connect_timeout_ns"`
	Insecure       bool                `json:"insecure,omitempty"`     // TLS certificates were not verified
	HTTP           string              `json:"http,omitempty"`         // version: 2; absent: 1.1
	Connections    int                 `json:"connections,omitempty"`  // of HTTP/2, shared by the users; absent: each user has its own
	NoKeepAlive    bool                `json:"no_keepalive,omitempty"` // a new connection for each request
	Proxy          string              `json:"proxy,omitempty"`        // without credentials
	OnInconclusive string              `json:"on_inconclusive,omitempty"`
	Setup          *Errand             `json:"setup,omitempty"`
	Preflight      *Preflight          `json:"preflight,omitempty"`
	Command        string              `json:"command"` // repeats the run; keys stand as $LT_API_KEY
	Environment    Environment         `json:"environment"`
	Imported       *Imported           `json:"imported,omitempty"` // absent: lt itself ran it
	Resolution     time.Duration       `json:"resolution_ns"`      // length of a line of the histogram log and of a timeline point
}

// Think is the think time of the workload's users. Mean is the one that gives the
// nominal rate of iterations, users / Mean: the harmonic mean over the personas'
// means.
type Think struct {
	Min  time.Duration `json:"min_ns"`
	Mean time.Duration `json:"mean_ns"`
	Max  time.Duration `json:"max_ns"`
}

// Preflight is what the requests before the load met.
type Preflight struct {
	verdict.Count
	Created  int64    `json:"created"` // rows, by successful POST requests
	Warnings []string `json:"warnings,omitempty"`
}

// Environment is the machine that the generator ran on.
type Environment struct {
	Host string `json:"host"`
	CPUs int    `json:"cpus"`
	Go   string `json:"go"`
	OS   string `json:"os"` // linux/amd64

	CPU   string `json:"cpu,omitempty"`   // the processor's model, where the system tells
	Class string `json:"class,omitempty"` // of the runner: LT_ENV_CLASS, else os/arch/cpus; other classes are compared without a gate
}

// HopUpstream is the hop behind the target, in Plan.Hops and in thresholds.
const HopUpstream = "upstream"

// An Interval is one line of intervals.jsonl: one snapshot without its
// histograms, which stand in intervals.hlog, tagged by endpoint and kind.
type Interval struct {
	Seq        int                `json:"seq"`
	Offset     time.Duration      `json:"offset_ns"`
	Length     time.Duration      `json:"length_ns"`
	Period     metric.Period      `json:"period"`
	Final      bool               `json:"final,omitempty"`
	Users      int                `json:"users"`
	Target     int                `json:"users_wanted,omitempty"`
	Nominal    float64            `json:"nominal,omitempty"`
	Iterations int64              `json:"iterations"`
	Idle       int64              `json:"idle,omitempty"`
	Dropped    int64              `json:"dropped,omitempty"`
	Waited     int64              `json:"waited,omitempty"` // iterations due while all users were in flight, started late
	Unsent     int64              `json:"unsent,omitempty"`
	InFlight   time.Duration      `json:"in_flight_ns"`       // time that requests were in flight, summed over them
	Residence  time.Duration      `json:"residence_ns"`       // service times of the requests that ended
	Endpoints  []IntervalEndpoint `json:"endpoints"`          // those with requests in the interval
	Personas   []IntervalEndpoint `json:"personas,omitempty"` // likewise, over all endpoints; "i" in Plan.Personas
	Health     metric.Health      `json:"health"`
	Exemplars  []metric.Exemplar  `json:"exemplars,omitempty"`
	Events     []metric.Event     `json:"events,omitempty"`
	Probes     map[string]float64 `json:"probes,omitempty"` // of the target's processes, read in the interval: "memory of gateway"; bytes or counts

	// Histograms is set on the interval that ends a line's length of the histogram
	// log: what the log's lines hold exactly. They are written before this line is.
	Histograms *HistogramIndex `json:"histograms,omitempty"`
}

// A HistogramIndex describes one group of lines of the histogram log: those of
// one stretch of time, which lies within one period.
type HistogramIndex struct {
	Offset time.Duration    `json:"offset_ns"`
	Length time.Duration    `json:"length_ns"`
	Lines  []HistogramEntry `json:"lines"`
}

// A HistogramEntry is one line's exact figures, which its buckets hold to three
// digits only.
type HistogramEntry struct {
	Endpoint int           `json:"i"` // in Plan.Endpoints; -1: of the generator, or of a persona
	Persona  string        `json:"persona,omitempty"`
	Kind     string        `json:"kind"` // ok, service, failed; start_delay; dns, connect, tls, first_byte, transfer, upstream, gateway
	Count    int64         `json:"n"`
	Sum      time.Duration `json:"sum_ns"`
	Min      time.Duration `json:"min_ns"`
	Max      time.Duration `json:"max_ns"`
}

// The kinds of a HistogramEntry.
const (
	KindOK         = "ok"          // response times of successful requests
	KindService    = "service"     // service times of successful requests, open model
	KindFailed     = "failed"      // response times of failed requests
	KindStartDelay = "start_delay" // of iterations
	// The names of metric.Span are kinds too.
)

// An IntervalEndpoint is one endpoint's counts in an interval.
type IntervalEndpoint struct {
	Index      int              `json:"i"` // in Plan.Endpoints
	Requests   int64            `json:"requests"`
	Failed     int64            `json:"failed,omitempty"`
	Outcomes   map[string]int64 `json:"outcomes,omitempty"` // the failed ones, by class
	Reconnects int64            `json:"reconnects,omitempty"`
	BytesOut   int64            `json:"bytes_out"`
	BytesIn    int64            `json:"bytes_in"`
	TimeSum    time.Duration    `json:"time_sum_ns,omitempty"` // of all requests' response times, where an imported file gives no more
}
