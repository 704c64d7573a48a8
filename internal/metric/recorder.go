package metric

import (
	"slices"
	"sync"
	"time"
)

// exemplarsPerClass is how many failed requests of one row and class a
// Recorder asks to see whole, over the run.
const exemplarsPerClass = 3

// A Recorder counts the samples of one shard of a run's users. A user keeps its
// shard for life, so that a Recorder's lock is hardly ever contended; no lock is
// held across a wait. All methods may be called from any goroutine.
type Recorder struct {
	model Model
	mu    sync.Mutex
	now   *tally // guarded by mu; Recorders.Take swaps it for the spare one
	spare *tally // owned by Recorders.Take
	seen  map[exemplarKey]int

	// The requests between Begin and Record; guarded by mu, and not swapped.
	flying int64
	area   time.Duration // since InFlight: ends and less beginnings of requests, as times of the run's clock
}

type exemplarKey struct {
	row   int
	class Class
}

// A Model is the load model: what makes the next iteration start.
type Model string

// The two load models.
const (
	Closed Model = "closed" // a user's next iteration starts when its last has ended (and it has thought)
	Open   Model = "open"   // iterations start at an arrival rate, whether or not the target keeps up
)

type tally struct {
	rows       []rowTally
	startDelay Dist
	iterations int64
	idle       int64
	waited     int64
	residence  time.Duration
	exemplars  []Exemplar
}

type rowTally struct {
	ok       int64
	failed   map[Class]int64 // made with the first failure
	response Dist
	service  Dist
	failures Dist
	spans    [NumSpans]Dist

	reconnects int64
	bytesOut   int64
	bytesIn    int64
}

// Begin says that a request is about to be sent now, a time of the run's clock:
// so that requests in flight are counted by themselves, and not by the times that
// their samples hold. Record gets the sample, with Begun set.
func (r *Recorder) Begin(now time.Duration) {
	r.mu.Lock()
	r.flying++
	r.area -= now
	r.mu.Unlock()
}

// Record counts one sample of a row. It keeps nothing of s.
func (r *Recorder) Record(row int, s *Sample) {
	r.mu.Lock()
	t := &r.now.rows[row]
	if s.Begun {
		r.flying--
		r.area += s.End
	}
	r.now.residence += s.End - s.Sent
	// A user of the closed model is due when it is ready to send: its response time
	// is the service time.
	response := s.End - s.Due
	if r.model == Closed && s.Sent > 0 {
		response = s.End - s.Sent
	}
	if s.Outcome == OK {
		t.ok++
		t.response.Record(response)
		if r.model == Open {
			t.service.Record(s.End - s.Sent)
		}
		if s.FirstByte > 0 {
			t.spans[SpanFirstByte].Record(s.FirstByte - max(s.Sent, s.Connected, s.TLSDone))
			t.spans[SpanTransfer].Record(s.End - s.FirstByte)
		}
		if s.Upstream > 0 {
			t.spans[SpanUpstream].Record(s.Upstream)
			t.spans[SpanGateway].Record(max(s.End-max(s.Sent, s.Connected, s.TLSDone)-s.Upstream, 0))
		}
	} else {
		if t.failed == nil {
			t.failed = map[Class]int64{}
		}
		t.failed[s.Class()]++
		t.failures.Record(response)
	}
	if s.Connected > 0 || s.Resolved > 0 {
		t.dialled(s)
	}
	t.reconnects += int64(s.Reconnects)
	t.bytesOut += s.BytesOut
	t.bytesIn += s.BytesIn
	r.mu.Unlock()
}

// dialled counts the spans of a request that made a connection.
func (t *rowTally) dialled(s *Sample) {
	if s.Resolved > 0 {
		t.spans[SpanDNS].Record(s.Resolved - s.Sent)
	}
	if s.Connected > 0 {
		t.spans[SpanConnect].Record(s.Connected - max(s.Sent, s.Resolved))
	}
	if s.TLSDone > 0 && s.Phase > PhaseTLS {
		t.spans[SpanTLS].Record(s.TLSDone - s.Connected)
	}
}

// Exemplar asks whether the failure of a row with this class should be kept
// whole; if so, the caller makes one and hands it to KeepExemplar. It says yes a
// few times per row and class and run, so that building one may be slow.
func (r *Recorder) Exemplar(row int, class Class) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := exemplarKey{row, class}
	if r.seen[k] >= exemplarsPerClass {
		return false
	}
	r.seen[k]++
	return true
}

// KeepExemplar keeps e for the next snapshot. The caller has redacted it.
func (r *Recorder) KeepExemplar(e Exemplar) {
	r.mu.Lock()
	r.now.exemplars = append(r.now.exemplars, e)
	r.mu.Unlock()
}

// Started counts one iteration that had no due time of its own: a closed user
// without think time.
func (r *Recorder) Started() {
	r.mu.Lock()
	r.now.iterations++
	r.mu.Unlock()
}

// Waited counts one iteration that started late because every user was in
// flight: by the target's fault, and so in no start delay.
func (r *Recorder) Waited() {
	r.mu.Lock()
	r.now.iterations++
	r.now.waited++
	r.mu.Unlock()
}

// StartedLate counts one iteration and how long after its due time it started.
func (r *Recorder) StartedLate(delay time.Duration) {
	r.mu.Lock()
	r.now.iterations++
	r.now.startDelay.Record(delay)
	r.mu.Unlock()
}

// Idle counts one iteration in which the user found nothing to do.
func (r *Recorder) Idle() {
	r.mu.Lock()
	r.now.idle++
	r.mu.Unlock()
}

// Recorders are all the shards of a run.
type Recorders struct {
	rows      []Row
	endpoints []Endpoint // distinct, in order of first use
	endpoint  []int      // row -> index in endpoints
	personas  []string   // distinct, in order of first use
	persona   []int      // row -> index in personas
	shards    []*Recorder
}

// NewRecorders makes n shards for the given rows.
func NewRecorders(model Model, rows []Row, n int) *Recorders {
	rs := &Recorders{rows: rows, endpoint: make([]int, len(rows)), persona: make([]int, len(rows)), shards: make([]*Recorder, n)}
	at := map[Endpoint]int{}
	for i, row := range rows {
		j, ok := at[row.Endpoint]
		if !ok {
			j = len(rs.endpoints)
			at[row.Endpoint] = j
			rs.endpoints = append(rs.endpoints, row.Endpoint)
		}
		rs.endpoint[i] = j
		if rs.persona[i] = slices.Index(rs.personas, row.Persona); rs.persona[i] < 0 {
			rs.persona[i] = len(rs.personas)
			rs.personas = append(rs.personas, row.Persona)
		}
	}
	for i := range rs.shards {
		rs.shards[i] = &Recorder{
			model: model,
			now:   newTally(len(rows)),
			spare: newTally(len(rows)),
			seen:  map[exemplarKey]int{},
		}
	}
	return rs
}

func newTally(rows int) *tally {
	t := &tally{rows: make([]rowTally, rows)}
	for i := range t.rows {
		for j := range t.rows[i].spans {
			t.rows[i].spans[j].coarse = true
		}
	}
	return t
}

// Shard is the Recorder for user number user.
func (rs *Recorders) Shard(user int) *Recorder { return rs.shards[user%len(rs.shards)] }

// Take moves everything recorded since the last Take into a new Snapshot, of
// which it fills Endpoints, Personas, Iterations, Idle, Waited, Residence, StartDelay
// and Exemplars. Only one
// goroutine, the Runner's, may call it.
func (rs *Recorders) Take() *Snapshot {
	s := &Snapshot{Endpoints: make([]EndpointSnapshot, len(rs.endpoints))}
	for i, e := range rs.endpoints {
		s.Endpoints[i] = EndpointSnapshot{Endpoint: e, Outcomes: map[Class]int64{}}
	}
	if len(rs.personas) > 1 { // of one, all endpoints together are the same
		s.Personas = make([]PersonaSnapshot, len(rs.personas))
		for i, name := range rs.personas {
			s.Personas[i] = PersonaSnapshot{Name: name, Outcomes: map[Class]int64{}}
		}
	}
	for _, r := range rs.shards {
		r.mu.Lock()
		t := r.now
		r.now = r.spare
		r.mu.Unlock()

		for row := range t.rows {
			if s.Personas != nil {
				s.Personas[rs.persona[row]].count(&t.rows[row])
			}
			s.Endpoints[rs.endpoint[row]].take(&t.rows[row])
		}
		s.Iterations += t.iterations
		s.Idle += t.idle
		s.Waited += t.waited
		s.Residence += t.residence
		s.StartDelay.Merge(&t.startDelay)
		s.Exemplars = append(s.Exemplars, t.exemplars...)

		t.startDelay.Reset()
		t.iterations, t.idle, t.waited, t.residence, t.exemplars = 0, 0, 0, 0, nil
		r.spare = t
	}
	return s
}

// InFlight is the time that requests have spent in flight since the last call,
// summed over them, until now.
func (rs *Recorders) InFlight(now time.Duration) time.Duration {
	sum := time.Duration(0)
	for _, r := range rs.shards {
		r.mu.Lock()
		flying := time.Duration(r.flying) * now
		sum += r.area + flying
		r.area = -flying
		r.mu.Unlock()
	}
	return sum
}

// count adds a row's tally to p.
func (p *PersonaSnapshot) count(t *rowTally) {
	if t.ok > 0 {
		p.Requests += t.ok
		p.Outcomes[Class{}] += t.ok
	}
	for class, n := range t.failed {
		p.Requests += n
		p.Failed += n
		p.Outcomes[class] += n
	}
	p.Response.Merge(&t.response)
	p.Service.Merge(&t.service)
}

// take adds a row's tally to e and empties the tally.
func (e *EndpointSnapshot) take(t *rowTally) {
	if t.ok > 0 {
		e.Requests += t.ok
		e.Outcomes[Class{}] += t.ok
	}
	for class, n := range t.failed {
		e.Requests += n
		e.Failed += n
		e.Outcomes[class] += n
	}
	e.Response.Merge(&t.response)
	e.Service.Merge(&t.service)
	e.Failures.Merge(&t.failures)
	for i := range t.spans {
		e.Spans[i].Merge(&t.spans[i])
		t.spans[i].Reset()
	}
	e.Reconnects += t.reconnects
	e.BytesOut += t.bytesOut
	e.BytesIn += t.bytesIn

	t.response.Reset()
	t.service.Reset()
	t.failures.Reset()
	clear(t.failed)
	t.ok, t.reconnects, t.bytesOut, t.bytesIn = 0, 0, 0, 0
}
