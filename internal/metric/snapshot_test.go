package metric

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// endpointState and snapState are deep, comparable pictures of an
// EndpointSnapshot and a Snapshot.
type endpointState struct {
	Requests, Failed, Reconnects, BytesOut, BytesIn int64
	Outcomes                                        map[Class]int64
	Response, Service, Failures                     distState
}

type snapState struct {
	Head       Snapshot // the plain fields
	Order      []Endpoint
	Endpoints  map[Endpoint]endpointState
	StartDelay distState
}

func snapshotState(s *Snapshot) snapState {
	st := snapState{Head: *s, Endpoints: map[Endpoint]endpointState{}, StartDelay: state(&s.StartDelay)}
	st.Head.Endpoints, st.Head.StartDelay = nil, Dist{}
	st.Head.Exemplars, st.Head.Events = slices.Clone(s.Exemplars), slices.Clone(s.Events)
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		st.Order = append(st.Order, e.Endpoint)
		st.Endpoints[e.Endpoint] = endpointState{
			e.Requests, e.Failed, e.Reconnects, e.BytesOut, e.BytesIn, maps.Clone(e.Outcomes),
			state(&e.Response), state(&e.Service), state(&e.Failures),
		}
	}
	return st
}

// diffStates compares two pictures; the Dist in the head of one is always empty.
func diffStates(a, b snapState) string { return diff(a, b, cmpopts.IgnoreUnexported(Dist{})) }

func equalState(t *rapid.T, what string, a, b snapState) {
	t.Helper()
	if diff := diffStates(a, b); diff != "" {
		t.Fatalf("%s: %s", what, diff)
	}
}

// counted leaves of a picture what Merge adds up, which no order may change.
func counted(s snapState) snapState {
	h := s.Head
	s.Head = Snapshot{
		Offset: h.Offset, Length: h.Length, Seq: h.Seq, Final: h.Final, Health: h.Health,
		Nominal: h.Nominal, Iterations: h.Iterations, Idle: h.Idle, Dropped: h.Dropped, Unsent: h.Unsent,
	}
	s.Order = nil
	return s
}

func anySnapshot(label string) func(t *rapid.T) *Snapshot {
	return func(t *rapid.T) *Snapshot {
		rows := []Row{}
		for _, e := range rapid.SliceOfNDistinct(rapid.SampledFrom([]Endpoint{getHealth, getAgents, postAgents}), 1, 3, rapid.ID).Draw(t, label+" endpoints") {
			rows = append(rows, Row{Endpoint: e})
		}
		rs := NewRecorders(Open, rows, 1)
		r := rs.Shard(0)
		n := rapid.SampledFrom([]int{0, 1, 5, densify + 3}).Draw(t, label+" requests")
		step := time.Duration(rapid.IntRange(1, 5_000_000).Draw(t, label+" step"))
		for i := range n {
			v := time.Duration(i) * step
			if i%4 == 3 {
				r.Record(i%len(rows), failedSample(Status, 500+i%2, v))
			} else {
				r.Record(i%len(rows), okSample(v, v/2))
			}
			r.StartedLate(v / 100)
		}
		s := rs.Take()
		count := func(name string) int64 { return rapid.Int64Range(0, 1000).Draw(t, label+" "+name) }
		s.RunID = "run"
		s.Shard = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, label+" shard")
		s.Seq = int(count("seq"))
		s.Offset = time.Duration(count("offset")) * time.Second
		s.Length = time.Duration(count("length")) * time.Millisecond
		s.Final = rapid.Bool().Draw(t, label+" final")
		s.Users, s.Target, s.Nominal = int(count("users")), int(count("target")), float64(count("nominal"))
		s.Idle, s.Dropped, s.Unsent = count("idle"), count("dropped"), count("unsent")
		s.Health = Health{CPU: float64(count("cpu")), CPUQuota: float64(count("quota")), StallMax: time.Duration(count("stall")), Steal: -1}
		s.Events = []Event{{At: s.Offset, Kind: "start"}}
		s.Exemplars = []Exemplar{{Message: label}}
		return s
	}
}

func TestMergeIsCommutativeAndAssociativeInAllItCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anySnapshot("a")(t), anySnapshot("b")(t), anySnapshot("c")(t)
		equalState(t, "a+b and b+a", counted(snapshotState(Merge(a, b))), counted(snapshotState(Merge(b, a))))
		equalState(t, "(a+b)+c and a+(b+c)", counted(snapshotState(Merge(Merge(a, b), c))), counted(snapshotState(Merge(a, Merge(b, c)))))
	})
}

func TestMergeChangesNeitherArgumentAndSharesNothingWithThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySnapshot("a")(t), anySnapshot("b")(t)
		beforeA, beforeB := snapshotState(a), snapshotState(b)
		m := Merge(a, b)
		equalState(t, "a", beforeA, snapshotState(a))
		equalState(t, "b", beforeB, snapshotState(b))

		for i := range m.Endpoints {
			e := &m.Endpoints[i]
			e.Requests++
			e.Outcomes[Class{Outcome: Reset}]++
			e.Response.Record(time.Hour)
			e.Failures.Record(time.Hour)
		}
		m.StartDelay.Record(time.Hour)
		m.Events[0].Kind, m.Exemplars[0].Message = "changed", "changed"
		equalState(t, "a, the sum being changed", beforeA, snapshotState(a))
		equalState(t, "b, the sum being changed", beforeB, snapshotState(b))
	})
}

func TestMergeOfManyIntervalsIsTheSumOfThem(t *testing.T) {
	rs := NewRecorders(Open, []Row{{"p", "a", getHealth}, {"p", "b", getAgents}}, 2)
	var sum *Snapshot
	var all []time.Duration
	for sec := range 20 {
		for i := range 60 {
			v := time.Duration(sec*60+i) * time.Millisecond
			all = append(all, v)
			rs.Shard(i).Record(i%2, okSample(v, v))
		}
		s := rs.Take()
		s.Seq, s.Offset, s.Length = sec, time.Duration(sec)*time.Second, time.Second
		if sum == nil {
			sum = s
		} else {
			sum = Merge(sum, s)
		}
	}
	total := sum.Totals()
	if diff := cmp.Diff(state(distOf(all)), state(&total.Response)); diff != "" {
		t.Error(diff)
	}
	if sum.Offset != 0 || sum.Length != 20*time.Second || sum.Seq != 19 {
		t.Errorf("offset %v, length %v, seq %d", sum.Offset, sum.Length, sum.Seq)
	}
}

func TestMergeOfShardsAddsUsersAndOfIntervalsKeepsTheLater(t *testing.T) {
	early := &Snapshot{Shard: "a", Offset: 0, Length: time.Second, Users: 5, Target: 6, Nominal: 7, Period: Warmup}
	late := &Snapshot{Shard: "a", Offset: time.Second, Length: time.Second, Users: 10, Target: 20, Nominal: 30, Final: true}
	other := &Snapshot{Shard: "b", Offset: 0, Length: 1500 * time.Millisecond, Users: 100, Target: 200, Nominal: 300}
	for name, tt := range map[string]struct {
		a, b          *Snapshot
		users, target int
		nominal       float64
		length        time.Duration
		shard         string
	}{
		"early, late":   {early, late, 10, 20, 37, 2 * time.Second, "a"},
		"late, early":   {late, early, 10, 20, 37, 2 * time.Second, "a"},
		"two shards":    {early, other, 105, 206, 307, 1500 * time.Millisecond, ""},
		"the other way": {other, early, 105, 206, 307, 1500 * time.Millisecond, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := Merge(tt.a, tt.b)
			if m.Users != tt.users || m.Target != tt.target || m.Nominal != tt.nominal || m.Shard != tt.shard {
				t.Errorf("users %d, target %d, nominal %v, shard %q", m.Users, m.Target, m.Nominal, m.Shard)
			}
			if m.Offset != 0 || m.Length != tt.length || m.Final != (tt.a.Final || tt.b.Final) {
				t.Errorf("offset %v, length %v, final %v", m.Offset, m.Length, m.Final)
			}
		})
	}
}

func TestWorseHealthIsTheWorstOfEachField(t *testing.T) {
	a := Health{CPU: 50, CPUQuota: 2, RSS: 10, Goroutines: 7, GCPauseMax: 1, GCPause: 5, SchedP99: 3, Stalls: 0, Steal: -1, Foreign: 8, Pressure: 2, ClockJump: 9}
	b := Health{CPU: 90, CPUQuota: 1, RSS: 5, Goroutines: 9, GCPauseMax: 2, GCPause: 4, SchedP99: 1, Stalls: 3, StallMax: 8, StallTotal: 9, Steal: 4, Foreign: 6, Pressure: -1, ObserverLag: 6}
	want := Health{CPU: 90, CPUQuota: 1, RSS: 10, Goroutines: 9, GCPauseMax: 2, GCPause: 5, SchedP99: 3, Stalls: 3, StallMax: 8, StallTotal: 9, Steal: 4, Foreign: 8, Pressure: 2, ClockJump: 9, ObserverLag: 6}
	if diff := cmp.Diff(want, a.Worse(b)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, b.Worse(a)); diff != "" {
		t.Error(diff)
	}
}

func TestTotalsLeaveTheEndpointsAlone(t *testing.T) {
	rs := NewRecorders(Closed, []Row{{"p", "a", getHealth}, {"p", "b", getAgents}}, 1)
	for row := range 2 {
		rs.Shard(0).Record(row, okSample(time.Second, 0))
		rs.Shard(0).Record(row, failedSample(Status, 404, time.Second))
	}
	s := rs.Take()
	before := snapshotState(s)
	total := s.Totals()
	if total.Requests != 4 || total.Failed != 2 || total.Response.Count != 2 || total.Outcomes[Class{Status, 404}] != 2 || total.Endpoint != (Endpoint{}) {
		t.Errorf("%+v", total)
	}
	total.Response.Record(time.Hour)
	total.Outcomes[Class{}] = 99
	if diff := diffStates(before, snapshotState(s)); diff != "" {
		t.Error(diff)
	}
	var empty EndpointSnapshot
	empty.Add(&s.Endpoints[0])
	empty.Outcomes[Class{}] = 99
	if s.Endpoints[0].Outcomes[Class{}] != 1 {
		t.Error("Add to an empty one shares its outcomes")
	}
}

func TestAClocksTimesStartAtItsOriginAndRise(t *testing.T) {
	c := NewClock()
	a := c.Now()
	b := c.Now()
	if a < 0 || b < a || time.Since(c.Origin()) < b {
		t.Errorf("%v, then %v", a, b)
	}
}
