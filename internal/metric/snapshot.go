package metric

import (
	"maps"
	"slices"
	"time"
)

// Period says what a snapshot's interval counts for.
type Period string

// The periods of a run, in order. The Runner ends an interval at every border,
// so that an interval belongs to one period whole.
const (
	Warmup   Period = "warmup"   // before the figures start; failures count in the error rate all the same
	Measured Period = "measured" // the figures
	Drain    Period = "drain"    // the graceful stop: requests that were under way; no part of the throughput's window
)

// A Snapshot is what a run's recorders held for one interval. It is immutable:
// whoever gets one may read it for ever and must change nothing in it.
type Snapshot struct {
	RunID  string
	Shard  string        // the generator process it comes from; empty for a run of one process
	Seq    int           // 0, 1, 2, ... within the run
	Offset time.Duration // since the start of the load, as every time in a snapshot
	Length time.Duration
	Period Period
	Final  bool // the last one of the run

	Endpoints []EndpointSnapshot // in the order in which the script declares them

	Personas []PersonaSnapshot // likewise; nil where there is but one

	Users      int     // virtual users alive at the end of the interval
	Target     int     // virtual users wanted then (closed model)
	Iterations int64   // iterations started
	Nominal    float64 // what the profile asks for in the interval: user-seconds (closed model), arrivals (open)
	Idle       int64   // iterations in which the user found nothing to do
	Dropped    int64   // open model: due while all users were in flight and none could be added
	Waited     int64   // open model: started late, for they were due while all users were in flight
	Unsent     int64   // open model: due, never started, though users were idle: the generator's fault
	StartDelay Dist    // due to start, of every iteration that had a due time and did not wait for a user

	// What Little's law relates: the time that requests spent in flight in the
	// interval, as counted when they began and ended, and the service times of
	// those that ended in it. Over a whole run, in which every request ends, both
	// are the same but for the moment between Begin and Sent.
	InFlight  time.Duration
	Residence time.Duration

	Health    Health
	Exemplars []Exemplar
	Events    []Event
}

// An EndpointSnapshot is one endpoint's part of an interval.
type EndpointSnapshot struct {
	Endpoint Endpoint
	Requests int64
	Failed   int64
	Outcomes map[Class]int64 // sums up to Requests
	Response Dist            // response time of successful requests
	Service  Dist            // service time of successful requests; empty in the closed model, where it is the response time
	Failures Dist            // response time of failed requests
	Spans    [NumSpans]Dist  // see Span

	// TimeSum is the sum of the response times of all requests, where another tool's
	// file gives no more of an interval than that; else 0.
	TimeSum time.Duration

	Reconnects int64 // connections found closed, and replaced, before a request's first byte
	BytesOut   int64
	BytesIn    int64
}

// A PersonaSnapshot is one persona's part of an interval, over all endpoints.
type PersonaSnapshot struct {
	Name     string
	Requests int64
	Failed   int64
	Outcomes map[Class]int64 // sums up to Requests
	Response Dist            // response time of successful requests
	Service  Dist            // service time of successful requests; empty in the closed model
}

// Add adds o to p, which must not be part of a Snapshot already handed out.
func (p *PersonaSnapshot) Add(o *PersonaSnapshot) {
	p.Requests += o.Requests
	p.Failed += o.Failed
	p.Response.Merge(&o.Response)
	p.Service.Merge(&o.Service)
	for class, n := range o.Outcomes {
		p.Outcomes[class] += n
	}
}

// Health is the generator's own state over an interval. A negative number means
// that this system does not tell.
type Health struct {
	CPU         float64       `json:"cpu_percent"`          // of one core: 100 is a core kept busy
	CPUQuota    float64       `json:"cpu_quota"`            // cores that this process may use
	Throttled   time.Duration `json:"throttled_ns"`         // the quota of the control group kept it from running
	RSS         int64         `json:"rss_bytes"`            //
	Goroutines  int           `json:"goroutines"`           //
	GCPauseMax  time.Duration `json:"gc_pause_max_ns"`      //
	GCPause     time.Duration `json:"gc_pause_ns"`          // total of the interval
	SchedP99    time.Duration `json:"sched_p99_ns"`         // time that goroutines waited to run
	Stalls      int           `json:"stalls"`               // heartbeats that came more than 100 ms late
	StallMax    time.Duration `json:"stall_max_ns"`         // the latest of them
	StallTotal  time.Duration `json:"stall_total_ns"`       //
	Steal       float64       `json:"steal_percent"`        // of all cores, taken by the hypervisor
	Foreign     float64       `json:"foreign_cpu_percent"`  // of all cores, used by other processes than lt and those of the target that it knows
	Pressure    float64       `json:"cpu_pressure_percent"` // PSI "some", percent of the time
	ClockJump   time.Duration `json:"clock_jump_ns"`        // wall clock against monotonic clock
	ObserverLag int64         `json:"observer_lag"`         // snapshots that an observer was too slow to take
}

// Worse is the worse of two states, field by field.
func (h Health) Worse(o Health) Health {
	return Health{
		CPU: max(h.CPU, o.CPU), CPUQuota: min(h.CPUQuota, o.CPUQuota), RSS: max(h.RSS, o.RSS),
		Goroutines: max(h.Goroutines, o.Goroutines), GCPauseMax: max(h.GCPauseMax, o.GCPauseMax),
		GCPause: max(h.GCPause, o.GCPause), Throttled: max(h.Throttled, o.Throttled), SchedP99: max(h.SchedP99, o.SchedP99),
		Stalls: max(h.Stalls, o.Stalls), StallMax: max(h.StallMax, o.StallMax), StallTotal: max(h.StallTotal, o.StallTotal),
		Steal: max(h.Steal, o.Steal), Foreign: max(h.Foreign, o.Foreign), Pressure: max(h.Pressure, o.Pressure),
		ClockJump: max(h.ClockJump, o.ClockJump), ObserverLag: max(h.ObserverLag, o.ObserverLag),
	}
}

// An Event is something that happened to the run rather than in it: a command
// of Control, a period's border, an interrupt.
type Event struct {
	At   time.Duration `json:"at_ns"`
	Kind string        `json:"kind"` // start, ramped, measured, stop, interrupted, killed, pause, resume, users, rate, ...
	Note string        `json:"note,omitempty"`
}

// Merge is the snapshot of both intervals together (shards of one interval first,
// then over time): counters add, histograms
// merge, health keeps the worst. The offset is the earlier one and the length
// reaches to the later end, so that shards of one interval and intervals of one
// shard merge alike. Neither a nor b is changed. Endpoints are matched by name.
func Merge(a, b *Snapshot) *Snapshot {
	m := *a
	m.Offset = min(a.Offset, b.Offset)
	m.Length = max(a.Offset+a.Length, b.Offset+b.Length) - m.Offset
	m.Seq = max(a.Seq, b.Seq)
	m.Final = a.Final || b.Final
	if a.Shard != b.Shard {
		m.Shard = ""
		m.Users, m.Target = a.Users+b.Users, a.Target+b.Target
	} else if b.Offset >= a.Offset {
		m.Users, m.Target = b.Users, b.Target
	}
	m.Nominal += b.Nominal
	m.Iterations += b.Iterations
	m.Idle += b.Idle
	m.Dropped += b.Dropped
	m.Waited += b.Waited
	m.InFlight += b.InFlight
	m.Residence += b.Residence
	m.Unsent += b.Unsent
	m.StartDelay = a.StartDelay.Clone()
	m.StartDelay.Merge(&b.StartDelay)
	m.Health = a.Health.Worse(b.Health)
	m.Exemplars = slices.Concat(a.Exemplars, b.Exemplars)
	m.Events = slices.Concat(a.Events, b.Events)

	m.Endpoints = make([]EndpointSnapshot, 0, len(a.Endpoints))
	at := make(map[Endpoint]int, len(a.Endpoints))
	for _, half := range [][]EndpointSnapshot{a.Endpoints, b.Endpoints} {
		for i := range half {
			j, ok := at[half[i].Endpoint]
			if !ok {
				j = len(m.Endpoints)
				at[half[i].Endpoint] = j
				m.Endpoints = append(m.Endpoints, EndpointSnapshot{Endpoint: half[i].Endpoint, Outcomes: map[Class]int64{}})
			}
			m.Endpoints[j].Add(&half[i])
		}
	}
	m.Personas = nil
	for _, half := range [][]PersonaSnapshot{a.Personas, b.Personas} {
		for i := range half {
			j := slices.IndexFunc(m.Personas, func(p PersonaSnapshot) bool { return p.Name == half[i].Name })
			if j < 0 {
				j = len(m.Personas)
				m.Personas = append(m.Personas, PersonaSnapshot{Name: half[i].Name, Outcomes: map[Class]int64{}})
			}
			m.Personas[j].Add(&half[i])
		}
	}
	return &m
}

// Add adds o to e, which must not be part of a Snapshot already handed out.
func (e *EndpointSnapshot) Add(o *EndpointSnapshot) {
	e.Requests += o.Requests
	e.Failed += o.Failed
	e.Reconnects += o.Reconnects
	e.BytesOut += o.BytesOut
	e.BytesIn += o.BytesIn
	e.Response.Merge(&o.Response)
	e.Service.Merge(&o.Service)
	e.Failures.Merge(&o.Failures)
	for i := range e.Spans {
		e.Spans[i].Merge(&o.Spans[i])
	}
	if e.Outcomes == nil {
		e.Outcomes = maps.Clone(o.Outcomes)
		return
	}
	for class, n := range o.Outcomes {
		e.Outcomes[class] += n
	}
}

// Totals is the sum over all endpoints; its Endpoint is empty.
func (s *Snapshot) Totals() EndpointSnapshot {
	t := EndpointSnapshot{Outcomes: map[Class]int64{}}
	for i := range s.Endpoints {
		t.Add(&s.Endpoints[i])
	}
	return t
}
