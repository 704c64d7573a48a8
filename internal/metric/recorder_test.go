package metric

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	getHealth  = Endpoint{"GET", "/health"}
	getAgents  = Endpoint{"GET", "/api/v1/agents"}
	postAgents = Endpoint{"POST", "/api/v1/agents"}
)

func okSample(response, service time.Duration) *Sample {
	end := time.Minute
	return &Sample{Due: end - response, Sent: end - service, FirstByte: end, End: end, Status: 200, BytesOut: 100, BytesIn: 2000}
}

func failedSample(o Outcome, status int, response time.Duration) *Sample {
	return &Sample{Due: 0, Sent: 0, End: response, Outcome: o, Status: status, Reconnects: 1, BytesOut: 10, BytesIn: 20}
}

func TestRowsOfOneEndpointAreMergedInOrderOfFirstUse(t *testing.T) {
	rs := NewRecorders(Closed, []Row{
		{"reader", "list", getAgents}, {"reader", "health", getHealth}, {"writer", "create", postAgents}, {"writer", "list", getAgents},
	}, 3)
	for row := range 4 {
		for user := range row + 1 {
			rs.Shard(user).Record(row, okSample(time.Duration(row+1)*time.Millisecond, time.Duration(row+1)*time.Millisecond))
		}
	}
	s := rs.Take()
	var got []Endpoint
	for _, e := range s.Endpoints {
		got = append(got, e.Endpoint)
	}
	if diff := cmp.Diff([]Endpoint{getAgents, getHealth, postAgents}, got); diff != "" {
		t.Error(diff)
	}
	for i, want := range []int64{1 + 4, 2, 3} {
		e := &s.Endpoints[i]
		if e.Requests != want || e.Response.Count != want || e.Outcomes[Class{}] != want || e.Failed != 0 {
			t.Errorf("%s: %d requests, %d times, outcomes %v, want %d", e.Endpoint.Name(), e.Requests, e.Response.Count, e.Outcomes, want)
		}
	}
	if e := &s.Endpoints[0]; e.Response.Min != time.Millisecond || e.Response.Max != 4*time.Millisecond {
		t.Errorf("%s: %v..%v", e.Endpoint.Name(), e.Response.Min, e.Response.Max)
	}
}

func TestTakeHasEverythingSinceTheLastOneAndNothingTwice(t *testing.T) {
	rs := NewRecorders(Open, []Row{{"p", "s", getHealth}}, 2)
	r := rs.Shard(1)
	for round := 1; round <= 4; round++ { // both tallies of a shard come back twice
		for i := range round {
			r.Record(0, okSample(time.Duration(round)*time.Second, time.Millisecond))
			r.Record(0, failedSample(Status, 503, 2*time.Second))
			r.StartedLate(time.Duration(i) * time.Millisecond)
		}
		r.Record(0, failedSample(Timeout, 0, 30*time.Second))
		r.Started()
		r.Idle()
		s := rs.Take()
		n := int64(round)
		e := &s.Endpoints[0]
		want := map[Class]int64{{}: n, {Status, 503}: n, {Outcome: Timeout}: 1}
		if diff := cmp.Diff(want, e.Outcomes); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
		if e.Requests != 2*n+1 || e.Failed != n+1 || e.Failures.Count != n+1 || e.Response.Count != n || e.Service.Count != n {
			t.Fatalf("round %d: %+v", round, e)
		}
		if e.Response.Min != time.Duration(round)*time.Second || e.Service.Max != time.Millisecond || e.Failures.Max != 30*time.Second {
			t.Fatalf("round %d: response %v, service %v, failures %v", round, e.Response.Min, e.Service.Max, e.Failures.Max)
		}
		if e.Reconnects != n+1 || e.BytesOut != 110*n+10 || e.BytesIn != 2020*n+20 {
			t.Fatalf("round %d: %d reconnects, %d out, %d in", round, e.Reconnects, e.BytesOut, e.BytesIn)
		}
		if s.Iterations != n+1 || s.StartDelay.Count != n || s.Idle != 1 {
			t.Fatalf("round %d: %d iterations, %d delays, %d idle", round, s.Iterations, s.StartDelay.Count, s.Idle)
		}
	}
	if s := rs.Take(); s.Totals().Requests != 0 || s.Iterations != 0 || s.StartDelay.Count != 0 || len(s.Endpoints[0].Outcomes) != 0 {
		t.Errorf("an empty interval: %+v", s)
	}
}

func TestResponseTimeIsServiceTimeInTheClosedModelAndKeptApartInTheOpenOne(t *testing.T) {
	for model, want := range map[Model]struct {
		response time.Duration
		services int64
	}{Closed: {time.Millisecond, 0}, Open: {time.Second, 1}} {
		rs := NewRecorders(model, []Row{{"p", "s", getHealth}}, 1)
		rs.Shard(0).Record(0, okSample(time.Second, time.Millisecond))
		e := &rs.Take().Endpoints[0]
		if e.Service.Count != want.services || e.Response.Max != want.response {
			t.Errorf("%s: %d service times, response time %v, want %+v", model, e.Service.Count, e.Response.Max, want)
		}
	}
}

func TestAFailureBeforeAnythingWasSentCountsFromItsDueTime(t *testing.T) {
	for _, model := range []Model{Closed, Open} {
		rs := NewRecorders(model, []Row{{"p", "s", getHealth}}, 1)
		rs.Shard(0).Record(0, &Sample{Due: time.Second, End: 3 * time.Second, Outcome: DNS})
		if e := &rs.Take().Endpoints[0]; e.Failures.Max != 2*time.Second {
			t.Errorf("%s: %v", model, e.Failures.Max)
		}
	}
}

func TestSnapshotsStayAsTheyWereTaken(t *testing.T) {
	rs := NewRecorders(Open, []Row{{"p", "s", getHealth}}, 1)
	r := rs.Shard(0)
	for i := range densify + 5 {
		r.Record(0, okSample(time.Duration(i)*time.Millisecond, time.Millisecond))
		r.Record(0, failedSample(Reset, 0, time.Second))
		r.StartedLate(time.Millisecond)
	}
	s := rs.Take()
	before := snapshotState(s)
	for range 3 {
		for range densify {
			r.Record(0, okSample(time.Hour, time.Hour))
			r.Record(0, failedSample(DNS, 0, time.Hour))
			r.StartedLate(time.Hour)
		}
		rs.Take()
	}
	if diff := diffStates(before, snapshotState(s)); diff != "" {
		t.Error(diff)
	}
}

func TestARecorderAsksForAFewExemplarsOfEachRowAndClass(t *testing.T) {
	rs := NewRecorders(Closed, []Row{{"p", "a", getHealth}, {"p", "b", getHealth}}, 1)
	r := rs.Shard(0)
	kept := map[string]int{}
	for range 10 {
		for row := range 2 {
			for _, c := range []Class{{Status, 500}, {Status, 503}, {Outcome: Timeout}} {
				if r.Exemplar(row, c) {
					kept[fmt.Sprint(row, c.Key())]++
					r.KeepExemplar(Exemplar{Endpoint: getHealth.Name(), Class: c.Key()})
				}
			}
		}
		rs.Take() // the cap is of the run, not of an interval
	}
	if len(kept) != 6 {
		t.Errorf("asked for %v", kept)
	}
	for what, n := range kept {
		if n != exemplarsPerClass {
			t.Errorf("%s: %d exemplars, want %d", what, n, exemplarsPerClass)
		}
	}
}

func TestExemplarsStandInTheNextSnapshotOnly(t *testing.T) {
	rs := NewRecorders(Closed, []Row{{"p", "a", getHealth}}, 2)
	rs.Shard(0).KeepExemplar(Exemplar{Message: "one"})
	rs.Shard(1).KeepExemplar(Exemplar{Message: "two"})
	first, second := rs.Take(), rs.Take()
	rs.Shard(0).KeepExemplar(Exemplar{Message: "three"})
	third := rs.Take()
	if diff := cmp.Diff([]Exemplar{{Message: "one"}, {Message: "two"}}, first.Exemplars); diff != "" {
		t.Error(diff)
	}
	if len(second.Exemplars) != 0 || len(third.Exemplars) != 1 {
		t.Errorf("then %v and %v", second.Exemplars, third.Exemplars)
	}
}

func TestUsersAreSpreadOverTheShardsAndKeepTheirs(t *testing.T) {
	rs := NewRecorders(Closed, nil, 3)
	at := map[*Recorder]int{}
	for user := range 9 {
		if first := rs.Shard(user); first != rs.Shard(user) {
			t.Errorf("user %d changed its shard", user)
		}
		at[rs.Shard(user)]++
	}
	for r, n := range at {
		if n != 3 {
			t.Errorf("shard %p has %d of 9 users", r, n)
		}
	}
}

func TestNothingIsLostOrCountedTwiceWhileSnapshotsAreTaken(t *testing.T) {
	const users, each = 16, 400
	rows := []Row{{"p", "a", getHealth}, {"p", "b", getAgents}, {"q", "a", getHealth}}
	rs := NewRecorders(Open, rows, 2)
	var recording sync.WaitGroup
	for user := range users {
		recording.Go(func() {
			r := rs.Shard(user)
			for i := range each {
				r.StartedLate(time.Duration(i) * time.Microsecond)
				if i%5 == 0 {
					r.Record(i%len(rows), failedSample(Status, 500+i%3, time.Millisecond))
					if r.Exemplar(0, Class{Status, 500}) {
						r.KeepExemplar(Exemplar{Message: "x"})
					}
				} else {
					r.Record(i%len(rows), okSample(2*time.Millisecond, time.Millisecond))
				}
				if i%7 == 0 {
					r.Idle()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { recording.Wait(); close(done) }()
	sum := rs.Take()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		sum = Merge(sum, rs.Take())
	}
	total := sum.Totals()
	const all = users * each
	if total.Requests != all || total.Failed != all/5 || total.Response.Count != all*4/5 || total.Service.Count != all*4/5 || total.Failures.Count != all/5 {
		t.Errorf("%d requests, %d failed, %d + %d times; %d were recorded", total.Requests, total.Failed, total.Response.Count, total.Failures.Count, all)
	}
	outcomes := int64(0)
	for _, n := range total.Outcomes {
		outcomes += n
	}
	if outcomes != all || sum.Iterations != all || sum.StartDelay.Count != all || sum.Idle != users*((each+6)/7) {
		t.Errorf("outcomes %d, iterations %d, delays %d, idle %d", outcomes, sum.Iterations, sum.StartDelay.Count, sum.Idle)
	}
	if total.BytesOut != all*4/5*100+all/5*10 || total.Response.Sum != all*4/5*2*time.Millisecond {
		t.Errorf("bytes %d, sum %v", total.BytesOut, total.Response.Sum)
	}
	if n := len(sum.Exemplars); n != 2*exemplarsPerClass {
		t.Errorf("%d exemplars of 2 shards", n)
	}
}

func TestRecordingASuccessAllocatesNothing(t *testing.T) {
	for _, model := range []Model{Closed, Open} {
		t.Run(string(model), func(t *testing.T) {
			rs := NewRecorders(model, []Row{{"p", "a", getHealth}}, 1)
			r, s := rs.Shard(0), okSample(time.Millisecond, time.Millisecond)
			record := func() {
				r.StartedLate(time.Microsecond)
				r.Record(0, s)
			}
			for range 2 { // a busy interval for each of the two tallies
				for range densify {
					record()
				}
				rs.Take()
			}
			if n := testing.AllocsPerRun(1000, record); n != 0 {
				t.Errorf("%v allocations a request", n)
			}
		})
	}
}
