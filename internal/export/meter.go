// Package export shows a run's figures to other systems while it goes on:
// Prometheus reads them, or they are sent over OTLP. Both take them from a
// [Meter], which observes the run without ever holding it up.
package export

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// Edges are the upper bounds of the buckets of response times in seconds, each a
// fifth above the one before: 0.1 ms to 72 s.
var Edges = func() []float64 {
	var edges []float64
	for e := 1e-4; len(edges) < 75; e *= 1.2 {
		digits := math.Pow(10, 2-math.Floor(math.Log10(e)))
		edges = append(edges, math.Round(e*digits)/digits)
	}
	return edges
}()

// A Meter keeps what a run has counted since its start. Its methods may be called
// at once.
type Meter struct {
	scenario string
	started  time.Time

	mu         sync.Mutex
	endpoints  []endpoint
	users      int
	usersMax   int
	iterations int64
	dropped    int64
	health     metric.Health
}

// endpoint is what was counted of one endpoint; latencies of every request,
// failed or not, as the histogram's outcome tells.
type endpoint struct {
	metric.Endpoint
	outcomes      map[metric.Class]int64
	ok, failed    buckets
	sent, arrived int64
}

// buckets are a histogram with Edges; the last count is of what lies above them.
type buckets struct {
	counts []uint64
	sum    float64 // seconds
	n      uint64
}

func (b *buckets) add(d *metric.Dist) {
	if b.counts == nil {
		b.counts = make([]uint64, len(Edges)+1)
	}
	d.ForEach(func(v time.Duration, n int64) {
		i, _ := slices.BinarySearch(Edges, v.Seconds())
		b.counts[i] += uint64(n)
	})
	b.n += uint64(d.Count)
	b.sum += d.Sum.Seconds()
}

// NewMeter counts a run of this scenario.
func NewMeter(scenario string) *Meter { return &Meter{scenario: scenario, started: time.Now()} }

// Observe adds a snapshot. It is the run's observer, and never fails.
func (m *Meter) Observe(s *metric.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users, m.usersMax = s.Users, max(m.usersMax, s.Users)
	m.iterations += s.Iterations
	m.dropped += s.Dropped
	m.health = s.Health
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		at := slices.IndexFunc(m.endpoints, func(o endpoint) bool { return o.Endpoint == e.Endpoint })
		if at < 0 {
			at = len(m.endpoints)
			m.endpoints = append(m.endpoints, endpoint{Endpoint: e.Endpoint, outcomes: map[metric.Class]int64{}})
		}
		o := &m.endpoints[at]
		for class, n := range e.Outcomes {
			o.outcomes[class] += n
		}
		o.ok.add(&e.Response)
		o.failed.add(&e.Failures)
		o.sent += e.BytesOut
		o.arrived += e.BytesIn
	}
	return nil
}

// A point is one value of one of the run's series.
type point struct {
	name, help, unit string
	kind             kind
	labels           []string // name, value, ...
	value            float64
	histogram        *buckets
}

type kind int

const (
	counter kind = iota
	gauge
	histogram
)

// points are every series, those of one name together. Names are those of k6, where it has
// the metric, with lt_ before and Prometheus' units behind.
func (m *Meter) points() []point {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []point
	add := func(name, unit, help string, k kind, value float64, labels ...string) {
		out = append(out, point{name: name, unit: unit, help: help, kind: k, value: value, labels: append([]string{"scenario", m.scenario}, labels...)})
	}
	for i := range m.endpoints {
		e := &m.endpoints[i]
		own := []string{"method", e.Method, "path", e.Path}
		classes := make([]metric.Class, 0, len(e.outcomes))
		for c := range e.outcomes {
			classes = append(classes, c)
		}
		slices.SortFunc(classes, func(a, b metric.Class) int { return strings.Compare(a.Key(), b.Key()) })
		for _, c := range classes {
			add("lt_http_reqs", "", "Requests that ended, by outcome.", counter, float64(e.outcomes[c]), append(own, "outcome", c.Key())...)
		}
		for _, h := range []struct {
			failed bool
			of     *buckets
		}{{false, &e.ok}, {true, &e.failed}} {
			if h.of.n > 0 {
				out = append(out, point{
					name: "lt_http_req_duration", unit: "s", help: "Response time of requests, from when they were due.", kind: histogram,
					labels:    append([]string{"scenario", m.scenario, "method", e.Method, "path", e.Path}, "failed", strconv.FormatBool(h.failed)),
					histogram: &buckets{slices.Clone(h.of.counts), h.of.sum, h.of.n},
				})
			}
		}
		add("lt_data_sent", "By", "Bytes sent.", counter, float64(e.sent), own...)
		add("lt_data_received", "By", "Bytes received.", counter, float64(e.arrived), own...)
	}
	add("lt_vus", "", "Virtual users alive.", gauge, float64(m.users))
	add("lt_vus_max", "", "Most virtual users alive at once.", gauge, float64(m.usersMax))
	add("lt_iterations", "", "Iterations started.", counter, float64(m.iterations))
	add("lt_dropped_iterations", "", "Iterations due while no user was free.", counter, float64(m.dropped))
	if m.health.CPU >= 0 {
		add("lt_generator_cpu", "", "Cores that lt itself keeps busy.", gauge, m.health.CPU/100)
	}
	if m.health.RSS >= 0 {
		add("lt_generator_memory", "By", "Resident memory of lt itself.", gauge, float64(m.health.RSS))
	}
	slices.SortStableFunc(out, func(a, b point) int { return strings.Compare(a.name, b.name) })
	return out
}
