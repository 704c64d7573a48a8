// Package live shows a run in a browser while it goes on, and lets its load be
// paused, changed and stopped from there. It observes the run and never holds it
// up: what there is to see is kept here, and each viewer reads it at its own pace.
package live

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Run is what the page says of a run besides its figures.
type Run struct {
	ID        string            `json:"id"`
	Scenario  string            `json:"scenario"`
	Target    string            `json:"target"`
	Load      string            `json:"load"` // in words
	LT        string            `json:"lt"`   // version
	Model     metric.Model      `json:"model"`
	Duration  time.Duration     `json:"-"`
	Endpoints []metric.Endpoint `json:"-"` // in the order of the snapshots'
}

// A Control is the load's. Its methods may be called at once, and by a viewer
// after the end of the run, when they do nothing.
type Control interface {
	Pause()
	Resume()
	Stop()

	// Set aims at so many users (closed model) or iterations per second (open
	// model). The error, which the viewer is shown, says why not.
	Set(to float64) error
}

// A Threshold is how one stands so far.
type Threshold struct {
	Expression string `json:"expression"`
	Value      string `json:"value"` // with its unit; empty: there is none yet
	Verdict    string `json:"verdict"`
}

// most is how many points are kept. One more, and every two become one.
const most = 3600

// A point is one interval of the run, or several. Percentiles cannot be averaged:
// those of several intervals are the worst of them.
type point struct {
	id       int
	Offset   float64    `json:"t"` // seconds
	Length   float64    `json:"len"`
	Users    int        `json:"users"`
	Requests int64      `json:"n"`
	Failed   int64      `json:"failed"`
	Dropped  int64      `json:"dropped,omitempty"`
	Latency  *latencies `json:"ms"` // of successful requests; null: there were none
	Events   []string   `json:"events,omitempty"`
}

// latencies are response times in milliseconds.
type latencies struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func newLatencies(d *metric.Dist) *latencies {
	if d.Count == 0 {
		return nil
	}
	ms := func(q float64) float64 { return float64(d.Quantile(q)/time.Microsecond) / 1000 }
	return &latencies{ms(.5), ms(.95), ms(.99)}
}

// add makes p the point of both stretches; q is the later one.
func (p *point) add(q *point) {
	p.id = q.id
	p.Length += q.Length
	p.Users = max(p.Users, q.Users)
	p.Requests += q.Requests
	p.Failed += q.Failed
	p.Dropped += q.Dropped
	p.Events = slices.Concat(p.Events, q.Events)
	switch {
	case p.Latency == nil:
		p.Latency = q.Latency
	case q.Latency != nil:
		p.Latency = &latencies{max(p.Latency.P50, q.Latency.P50), max(p.Latency.P95, q.Latency.P95), max(p.Latency.P99, q.Latency.P99)}
	}
}

// A state is what the page shows besides its charts: how things stand now.
type state struct {
	Elapsed    float64       `json:"t"`
	Period     metric.Period `json:"period"`
	Paused     bool          `json:"paused"`
	Stopping   bool          `json:"stopping"`
	Edited     bool          `json:"edited"`
	Users      int           `json:"users"`
	Target     float64       `json:"target"` // users, or iterations per second
	Requests   int64         `json:"n"`
	Failed     int64         `json:"failed"`
	Dropped    int64         `json:"dropped"`
	Unsent     int64         `json:"unsent"`
	CPU        *float64      `json:"cpu,omitempty"` // of lt, percent of what it may use
	Endpoints  []endpoint    `json:"endpoints"`
	Failures   []failure     `json:"failures"`
	Thresholds []Threshold   `json:"thresholds"`
}

// endpoint is what was counted since the start.
type endpoint struct {
	Requests int64      `json:"n"`
	Failed   int64      `json:"failed"`
	Rate     float64    `json:"rate"` // requests per second of the last interval
	Latency  *latencies `json:"ms"`
	all      metric.Dist
	classes  map[string]int64 // failed requests
}

type failure struct {
	Endpoint string `json:"endpoint"`
	Class    string `json:"class"`
	N        int64  `json:"n"`
}

// mostFailures is how many kinds of failures the page lists.
const mostFailures = 30

// A board holds what there is to see of a run. Its methods may be called at once.
type board struct {
	run Run

	mu      sync.Mutex
	changed chan struct{} // closed when anything has changed, and replaced
	points  []point
	each    []endpoint
	state   state
	encoded []byte // state, as JSON
	version int    // of encoded
	set     bool   // Target was set by hand
	report  []byte
	verdict string
	ended   bool
}

func newBoard(r Run) *board {
	b := &board{run: r, changed: make(chan struct{}), each: make([]endpoint, len(r.Endpoints))}
	b.state.Period = metric.Warmup
	b.publish()
	return b
}

// publish tells every viewer of the state. The caller holds mu, but in newBoard.
func (b *board) publish() {
	b.state.Endpoints = b.each
	b.state.Failures = b.failures()
	if b.state.Thresholds == nil {
		b.state.Thresholds = []Threshold{}
	}
	b.encoded, _ = json.Marshal(&b.state) // of numbers and texts
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
}

// failures are the kinds of failures, the most frequent first.
func (b *board) failures() []failure {
	all := []failure{}
	for i := range b.each {
		for class, n := range b.each[i].classes {
			all = append(all, failure{b.run.Endpoints[i].Name(), class, n})
		}
	}
	slices.SortFunc(all, func(x, y failure) int {
		return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(x.Endpoint, y.Endpoint), cmp.Compare(x.Class, y.Class))
	})
	return all[:min(len(all), mostFailures)]
}

// observe adds a snapshot.
func (b *board) observe(s *metric.Snapshot) error {
	total := s.Totals()
	p := point{
		id: s.Seq, Offset: s.Offset.Seconds(), Length: s.Length.Seconds(), Users: s.Users,
		Requests: total.Requests, Failed: total.Failed, Dropped: s.Dropped, Latency: newLatencies(&total.Response),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	st := &b.state
	for _, e := range s.Events {
		switch e.Kind {
		case "pause", "resume", "users", "rate":
			st.Edited = true
			p.Events = append(p.Events, text(e))
		case "start", "measured", "end", "ended":
		default:
			st.Stopping = st.Stopping || s.Period == metric.Drain
			p.Events = append(p.Events, text(e))
		}
	}
	b.addPoint(&p)
	st.Elapsed, st.Period, st.Users = (s.Offset + s.Length).Seconds(), s.Period, s.Users
	if !b.set {
		st.Target = float64(s.Target)
		if b.run.Model == metric.Open && s.Length > 0 {
			st.Target = s.Nominal / s.Length.Seconds()
		}
	}
	st.Requests += total.Requests
	st.Failed += total.Failed
	st.Dropped += s.Dropped
	st.Unsent += s.Unsent
	if st.CPU = nil; s.Health.CPU >= 0 && s.Health.CPUQuota > 0 {
		st.CPU = new(s.Health.CPU / s.Health.CPUQuota)
	}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		at := i
		if at >= len(b.run.Endpoints) || b.run.Endpoints[at] != e.Endpoint {
			if at = slices.Index(b.run.Endpoints, e.Endpoint); at < 0 {
				continue
			}
		}
		o := &b.each[at]
		o.Requests += e.Requests
		o.Failed += e.Failed
		if o.Rate = 0; s.Length >= 250*time.Millisecond {
			o.Rate = float64(e.Requests) / s.Length.Seconds()
		}
		if e.Response.Count > 0 {
			o.all.Merge(&e.Response)
			o.Latency = newLatencies(&o.all)
		}
		for class, n := range e.Outcomes {
			if class.Outcome != metric.OK && n > 0 {
				if o.classes == nil {
					o.classes = map[string]int64{}
				}
				o.classes[class.Key()] += n
			}
		}
	}
	b.publish()
	return nil
}

func text(e metric.Event) string {
	if e.Note == "" {
		return e.Kind
	}
	return e.Kind + " " + e.Note
}

// addPoint adds p: to the point before it, if p is too short to have a rate of
// its own, as the last answers of a run are.
func (b *board) addPoint(p *point) {
	if n := len(b.points); n > 0 && p.Length < .25 {
		b.points[n-1].add(p)
		return
	}
	b.points = append(b.points, *p)
	if len(b.points) <= most {
		return
	}
	half := b.points[:0]
	for i := 0; i < len(b.points); i += 2 {
		q := b.points[i]
		if i+1 < len(b.points) {
			q.add(&b.points[i+1])
		}
		half = append(half, q)
	}
	b.points = half
}

// after are copies of the points later than the one of that id.
func (b *board) after(id int) []point {
	at := len(b.points)
	for at > 0 && b.points[at-1].id > id {
		at--
	}
	return slices.Clone(b.points[at:])
}

// judged shows how the thresholds stand, from the next snapshot on.
func (b *board) judged(t []Threshold) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Thresholds = t
}

// change publishes a change of the state.
func (b *board) change(f func(*state)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.state)
	b.publish()
}

// finish publishes the end of the run.
func (b *board) finish(verdict string, report []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.verdict, b.report = true, verdict, report
	b.publish()
}
