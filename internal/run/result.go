package run

import (
	"math"
	"time"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

// A Result is result.json: all that a report says. What nothing measured is
// absent, never 0. Times are milliseconds where the key ends in _ms, seconds
// where it ends in _s; ratios are 0 to 1.
type Result struct {
	Schema         int               `json:"schema"`
	LT             string            `json:"lt"`
	RunID          string            `json:"run_id"`
	Scenario       string            `json:"scenario"`
	ScenarioDigest string            `json:"scenario_digest"`
	Purpose        string            `json:"purpose,omitempty"`
	Workload       string            `json:"workload,omitempty"`
	Target         string            `json:"target"`
	Reference      bool              `json:"reference,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Model          metric.Model      `json:"model"`
	Load           string            `json:"load"` // the load in words: "500 users, 50/s, 15m"
	StartedAt      time.Time         `json:"started_at"`
	DurationS      float64           `json:"duration_s"`         // as run
	PlannedS       float64           `json:"planned_duration_s"` //
	MeasuredS      float64           `json:"measured_s"`         // the window of the figures
	Complete       bool              `json:"complete"`           // false: PARTIAL, rebuilt from the journal of a run that was killed
	Interrupted    string            `json:"interrupted,omitempty"`
	Seed           uint64            `json:"seed"`
	Insecure       bool              `json:"insecure,omitempty"`
	Command        string            `json:"command"`

	Verdict  verdict.Verdict `json:"verdict"`
	ExitCode *int            `json:"exit_code,omitempty"` // absent: lt did not live to give one
	Reasons  []string        `json:"reasons"`

	Setup      *Errand          `json:"setup,omitempty"`
	Teardown   *Errand          `json:"teardown,omitempty"`
	Preflight  *Preflight       `json:"preflight,omitempty"`
	Warmup     verdict.Count    `json:"warmup"`
	WarmupS    float64          `json:"warmup_s"`
	Totals     Totals           `json:"totals"`
	Rows       *Rows            `json:"rows,omitempty"` // absent: the run made none
	Endpoints  []EndpointResult `json:"endpoints"`
	Thresholds []verdict.Judged `json:"thresholds"`
	Failures   []Failure        `json:"failures"`
	Outages    []Outage         `json:"outages,omitempty"`
	Drift      *verdict.Drift   `json:"drift,omitempty"`
	Generator  Generator        `json:"generator"`
	Timeline   []Point          `json:"timeline"`
	Events     []Event          `json:"events,omitempty"`
	Comparison *Comparison      `json:"comparison,omitempty"` // absent: there was nothing to compare with

	Distribution *Distribution `json:"distribution,omitempty"`
	Heatmap      *Heatmap      `json:"heatmap,omitempty"`

	Environment Environment `json:"environment"`
	NotShown    []string    `json:"not_shown"`
	Notes       []string    `json:"notes,omitempty"`
}

// Rows is what the run did to the target's data, as far as successful POST and
// DELETE requests tell: preflight, warm-up and all.
type Rows struct {
	Created int64 `json:"created"`
	Deleted int64 `json:"deleted"`
	Left    int64 `json:"left"` // behind, on the target
}

// Totals are the figures of the whole run, of the measured periods only, but for
// ErrorRate, which counts the warm-up's requests and failures too.
type Totals struct {
	Requests      int64    `json:"requests"`
	Failed        int64    `json:"failed"`
	ErrorRate     *float64 `json:"error_rate,omitempty"`
	Throughput    *float64 `json:"throughput_per_s,omitempty"` // successful requests/s over the measured window
	Attempts      *float64 `json:"attempts_per_s,omitempty"`
	Iterations    int64    `json:"iterations"`
	Idle          int64    `json:"idle_iterations"`
	Dropped       int64    `json:"dropped"`
	Waited        int64    `json:"waited,omitempty"` // iterations that were due while all users were in flight, and started late
	Unsent        int64    `json:"unsent"`
	Pace          *float64 `json:"pace,omitempty"` // closed model with think time: achieved over nominal rate of iterations
	Reconnects    int64    `json:"reconnects"`
	BytesOut      int64    `json:"bytes_out"`
	BytesIn       int64    `json:"bytes_in"`
	Response      *Latency `json:"response_time_ms,omitempty"`        // of successful requests
	Service       *Latency `json:"service_time_ms,omitempty"`         // of successful requests
	FailedLatency *Latency `json:"failed_response_time_ms,omitempty"` //
	Phases        *Phases  `json:"phases_ms,omitempty"`
}

// Phases are the parts of requests' times. DNS, Connect and TLS are of the
// requests that made a connection, the others of successful requests.
type Phases struct {
	DNS       *Part `json:"dns,omitempty"`
	Connect   *Part `json:"connect,omitempty"`
	TLS       *Part `json:"tls,omitempty"`
	FirstByte *Part `json:"first_byte,omitempty"` // from the connection's standing or, on one that stood, from sent
	Transfer  *Part `json:"transfer,omitempty"`   // from the first byte to the last
	Upstream  *Part `json:"upstream,omitempty"`   // within first_byte: what the target says that it waited for others
}

// A Part is a distribution of times in milliseconds, to two digits.
type Part struct {
	N   int64   `json:"n"`
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// newPhases is the figures of spans; nil when there are none.
func newPhases(spans *[metric.NumSpans]metric.Dist) *Phases {
	part := func(s metric.Span) *Part {
		d := &spans[s]
		if d.Count == 0 {
			return nil
		}
		return &Part{N: d.Count, P50: ms(d.Quantile(.5)), P95: ms(d.Quantile(.95)), P99: ms(d.Quantile(.99)), Max: ms(d.Max)}
	}
	p := Phases{
		DNS: part(metric.SpanDNS), Connect: part(metric.SpanConnect), TLS: part(metric.SpanTLS),
		FirstByte: part(metric.SpanFirstByte), Transfer: part(metric.SpanTransfer), Upstream: part(metric.SpanUpstream),
	}
	if p == (Phases{}) {
		return nil
	}
	return &p
}

// A Latency is a distribution of times in milliseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	N    int64   `json:"n"`

	// Intervals are those of the percentiles, drawn from the spread of the run's
	// blocks: 90 % two-sided, so 95 % to each side. Absent: none was drawn.
	Intervals *Intervals `json:"intervals,omitempty"`
}

// Intervals are the percentiles' intervals in milliseconds; a bound that so few
// requests do not give is absent.
type Intervals struct {
	P50  verdict.Bound `json:"p50"`
	P90  verdict.Bound `json:"p90"`
	P95  verdict.Bound `json:"p95"`
	P99  verdict.Bound `json:"p99"`
	P999 verdict.Bound `json:"p99_9"`
}

// withIntervals is the figures of the response times of s, with their intervals.
func withIntervals(s *verdict.Series) *Latency {
	l := NewLatency(&s.Response)
	if l != nil {
		in := s.Intervals([]float64{.5, .9, .95, .99, .999})
		l.Intervals = &Intervals{P50: in[0], P90: in[1], P95: in[2], P99: in[3], P999: in[4]}
	}
	return l
}

// NewLatency is the figures of d; nil when it is empty.
func NewLatency(d *metric.Dist) *Latency {
	if d.Count == 0 {
		return nil
	}
	return &Latency{
		P50: ms(d.Quantile(.5)), P90: ms(d.Quantile(.9)), P95: ms(d.Quantile(.95)), P99: ms(d.Quantile(.99)),
		P999: ms(d.Quantile(.999)), Max: ms(d.Max), Mean: ms(d.Mean()), Min: ms(d.Min), N: d.Count,
	}
}

// ms is a duration in milliseconds, to the microsecond.
func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// seconds is a duration in seconds, to the millisecond.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond)) / float64(time.Second)
}

// round is x to so many decimals.
func round(x float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(x*p) / p
}

// An EndpointResult is the figures of one endpoint, of the measured periods, but
// for ErrorRate, which counts the warm-up too.
type EndpointResult struct {
	Name       string           `json:"name"`
	Method     string           `json:"method"`
	Path       string           `json:"path"`
	Requests   int64            `json:"requests"`
	Failed     int64            `json:"failed"`
	ErrorRate  *float64         `json:"error_rate,omitempty"`
	Throughput *float64         `json:"throughput_per_s,omitempty"`
	Warmup     verdict.Count    `json:"warmup"`
	Response   *Latency         `json:"response_time_ms,omitempty"`
	Service    *Latency         `json:"service_time_ms,omitempty"`
	FailedTime *Latency         `json:"failed_response_time_ms,omitempty"`
	Timeline   *Course          `json:"timeline,omitempty"`
	Phases     *Phases          `json:"phases_ms,omitempty"`
	Outcomes   map[string]int64 `json:"outcomes"`
	Verdict    verdict.Verdict  `json:"verdict"` // of the thresholds that bear on it; none: nothing was asked, or not exercised
}

// A Failure is one class of failures of one endpoint, over the whole run.
type Failure struct {
	Endpoint   string            `json:"endpoint"`
	Class      string            `json:"class"`
	Count      int64             `json:"count"`               // warm-up included
	Share      float64           `json:"share"`               // of the endpoint's requests
	FirstSeenS float64           `json:"first_seen_s"`        // start of the interval, since the run's start
	LastSeenS  float64           `json:"last_seen_s"`         // end of the interval
	Exemplars  []metric.Exemplar `json:"exemplars,omitempty"` // at most 3, the first ones, no two of which say the same

	Hop            hop.Hop  `json:"hop,omitempty"`             // client, network, gateway, upstream or unknown: who made the first exemplar; absent: none was kept
	HopEvidence    []string `json:"hop_evidence,omitempty"`    // why, the strongest first
	UpstreamStatus int      `json:"upstream_status,omitempty"` // what the upstream answered the gateway; absent: unknown
}

// First is the first failure of the class that was kept whole; nil: none was.
func (f *Failure) First() *metric.Exemplar {
	if len(f.Exemplars) == 0 {
		return nil
	}
	return &f.Exemplars[0]
}

// An Outage is a stretch of a second or more in which at least nine of ten
// requests failed and the generator cannot have made it so.
type Outage struct {
	FromS    float64 `json:"from_s"` // since the run's start
	ToS      float64 `json:"to_s"`
	Requests int64   `json:"requests"`
	Failed   int64   `json:"failed"`
}

// Generator is lt's own state: whether the instrument was the bottleneck.
type Generator struct {
	CPUPercent  *float64    `json:"cpu_percent,omitempty"` // mean; 100 = one core
	CPUMax      *float64    `json:"cpu_max_percent,omitempty"`
	CPUQuota    float64     `json:"cpu_quota"`
	RSSMax      *int64      `json:"rss_max_bytes,omitempty"`
	StartDelay  *StartDelay `json:"start_delay_ms,omitempty"`
	GCPause     *GCPause    `json:"gc_pause_ms,omitempty"`
	Stalls      int         `json:"stalls"`
	StallMaxMS  float64     `json:"stall_max_ms"`
	SchedP99    *float64    `json:"sched_p99_ms,omitempty"`             // goroutines waited so long for a processor, in the worst interval
	Steal       *float64    `json:"steal_max_percent,omitempty"`        // of all cores, taken by the hypervisor
	Pressure    *float64    `json:"cpu_pressure_max_percent,omitempty"` // of the time in which something waited for a processor
	ThrottledMS *float64    `json:"throttled_ms,omitempty"`             // by the CPU quota of lt's own control group
	InFlight    *float64    `json:"in_flight_s,omitempty"`              // request-seconds of the whole run, as counted when requests began and ended
	Residence   *float64    `json:"residence_s,omitempty"`              // the same as the sum of service times: Little's law
	Failed      int64       `json:"failed"`                             // requests that failed by the generator's fault: ports, descriptors
	Valid       bool        `json:"valid"`
	Validity    []string    `json:"validity,omitempty"`
}

// StartDelay is how late iterations started, in milliseconds.
type StartDelay struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// GCPause is the garbage collector's pauses, in milliseconds.
type GCPause struct {
	Max   float64 `json:"max"`
	Total float64 `json:"total"`
}

// A Point is one step of the timeline.
type Point struct {
	T          float64       `json:"t_s"` // start, since the run's start
	Length     float64       `json:"length_s"`
	Period     metric.Period `json:"period"`
	Users      int           `json:"users"`
	Requests   int64         `json:"requests"`
	Failed     int64         `json:"failed"`
	Throughput float64       `json:"throughput_per_s"`
	Dropped    int64         `json:"dropped,omitempty"`
	P50        *float64      `json:"p50_ms,omitempty"`
	P95        *float64      `json:"p95_ms,omitempty"`
	P99        *float64      `json:"p99_ms,omitempty"`
	Max        *float64      `json:"max_ms,omitempty"`
	StartDelay *float64      `json:"start_delay_p99_ms,omitempty"`
	CPU        *float64      `json:"cpu_percent,omitempty"`
}

// An Event is something that happened to the run.
type Event struct {
	T    float64 `json:"t_s"`
	Kind string  `json:"kind"`
	Note string  `json:"note,omitempty"`
}
