// Package metric measures and does nothing else: a [Sample] is one attempted
// request, a [Recorder] counts samples into histograms, and a [Snapshot] is what
// the recorders of a run held for one interval. It imports no network, file or
// database package.
package metric

import "time"

// A Clock is a run's monotonic clock. Every time of a run is a duration since
// the clock's origin, so that a step of the wall clock changes no figure.
type Clock struct{ origin time.Time }

// NewClock is a clock whose origin is now.
func NewClock() Clock { return Clock{time.Now()} }

// Now is the time since the origin.
func (c Clock) Now() time.Duration { return time.Since(c.origin) }

// Origin is the wall-clock time of the origin.
func (c Clock) Origin() time.Time { return c.origin }

// A Sample is one attempted request. Times are since the run's Clock's origin;
// a zero time (but Due's) means that it did not happen.
//
// load stamps Due, the client all the other times, Status, Phase and the
// transport's Outcome; the Session turns an OK into Check or Extract where the
// answer says so, and records it.
type Sample struct {
	Due       time.Duration // when the request should have started
	Sent      time.Duration // before the dial, or before the first byte written
	Resolved  time.Duration // the target's addresses were known; zero unless they were looked up for this one
	Connected time.Duration // the connection stood, through a proxy that to the target; zero on a reused one
	TLSDone   time.Duration // the handshake was done; zero on a reused one or plain HTTP
	FirstByte time.Duration // the first byte of the answer
	End       time.Duration // the last byte of the answer, or the failure

	// Upstream is the part of the answer's time that the target says it spent
	// waiting for what is behind it; 0: it does not say.
	Upstream time.Duration

	Status     int // the answer's status; 0 when none came
	Outcome    Outcome
	Phase      Phase // where it ended; PhaseBody for a complete answer
	Reused     bool  // sent on a connection that had carried a request before
	Reconnects int   // connections found closed, and replaced, before the first byte was written
	Begun      bool  // Recorder.Begin was called for it, at Sent
	BytesOut   int64
	BytesIn    int64
}

// ResponseTime is End - Due: what the caller of the service waited.
func (s *Sample) ResponseTime() time.Duration { return s.End - s.Due }

// ServiceTime is End - Sent, connect included where the request needed it.
func (s *Sample) ServiceTime() time.Duration { return s.End - s.Sent }

// A Span is a part of a request's time that is measured by itself.
type Span uint8

// The spans, in order. SpanDNS, SpanConnect and SpanTLS are of every request that
// made a connection and came so far; the others of successful requests.
const (
	SpanDNS       Span = iota // Sent to Resolved
	SpanConnect               // to Connected
	SpanTLS                   // to TLSDone
	SpanFirstByte             // from the connection's standing, or Sent, to FirstByte
	SpanTransfer              // FirstByte to End
	SpanUpstream              // Sample.Upstream; lies within SpanFirstByte
	SpanGateway               // of answers that tell it: the connection's standing, or Sent, to End, less SpanUpstream
	NumSpans
)

var spanNames = [NumSpans]string{"dns", "connect", "tls", "first_byte", "transfer", "upstream", "gateway"}

// String is the span's name as it stands in files.
func (s Span) String() string { return spanNames[s] }

// ParseSpan is the span of a name.
func ParseSpan(name string) (Span, bool) {
	for s, n := range spanNames {
		if n == name {
			return Span(s), true
		}
	}
	return 0, false
}

// Class is the sample's outcome with the status that names it.
func (s *Sample) Class() Class {
	if s.Outcome == Status {
		return Class{Status, s.Status}
	}
	return Class{Outcome: s.Outcome}
}

// An Endpoint is what reports call a row of results: method and path template
// as the scenario wrote it, without the query.
type Endpoint struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// Name is "GET /api/v1/agents/{id}"; of what has no method, a label of another
// tool's, the label alone.
func (e Endpoint) Name() string {
	if e.Method == "" {
		return e.Path
	}
	return e.Method + " " + e.Path
}

// A Row is a call site: the step of a persona that sends a request. Several
// rows may lead to the same endpoint; they are merged when a snapshot is taken.
type Row struct {
	Persona  string
	Step     string
	Endpoint Endpoint
}

// An Exemplar is one failed request, kept whole enough to act on. All of it has
// passed the redaction of secrets before it is made.
type Exemplar struct {
	Endpoint     string        `json:"endpoint"`
	Class        string        `json:"class"`
	Phase        string        `json:"phase,omitempty"`
	Status       int           `json:"status,omitempty"`
	TraceID      string        `json:"trace_id,omitempty"` // of the request's traceparent
	At           time.Duration `json:"at_ns"`
	ServiceTime  time.Duration `json:"service_time_ns"`
	Message      string        `json:"message"`                 // one line: what went wrong, in words
	Request      string        `json:"request,omitempty"`       // request line and headers
	RequestBody  string        `json:"request_body,omitempty"`  // at most 4 KB
	Response     string        `json:"response,omitempty"`      // status line and headers
	ResponseBody string        `json:"response_body,omitempty"` // at most 4 KB
}
