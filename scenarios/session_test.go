package scenarios

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// outcomes are the requests of a run by endpoint and class.
func outcomes(rs *metric.Recorders) map[string]int64 {
	m := map[string]int64{}
	for _, e := range rs.Take().Endpoints {
		for class, n := range e.Outcomes {
			m[e.Endpoint.Name()+" "+class.Key()] += n
		}
	}
	return m
}

// The api workload against a strict gateway: every request is valid, every id is
// one that the same user made, and what the recorder counts is what came.
func TestAPIWorkload(t *testing.T) {
	g := newGateway(t)
	s, err := Load("light")
	if err != nil {
		t.Fatal(err)
	}
	script := compiled(t, s, g.URL, func(o *CompileOptions) { o.Key = "canary-key-1" })
	rs, rec := recorder(script)
	var wg sync.WaitGroup
	for id := range 10 {
		wg.Go(func() {
			u := script.NewUser(id, 7)
			defer u.Close()
			for range 100 {
				think := u.Iterate(context.Background(), script.clock.Now(), rec)
				if think < time.Second || think > 3*time.Second {
					t.Errorf("think time %v", think)
				}
			}
		})
	}
	wg.Wait()
	g.sync()
	if len(g.problems) > 0 {
		t.Errorf("the gateway saw %d invalid requests, such as %s", len(g.problems), g.problems[0])
	}
	snapshot := rs.Take()
	total := snapshot.Totals()
	// Five users make a request an iteration, the other five one more at their start.
	if got, want := total.Requests, int64(10*100+5); got != want || total.Failed > 0 {
		t.Errorf("%d requests, %d failed; want %d, 0", got, total.Failed, want)
	}
	if got := int64(len(g.taken())); got != total.Requests {
		t.Errorf("the gateway saw %d requests, recorded are %d", got, total.Requests)
	}
	if snapshot.Idle != 0 {
		t.Errorf("%d idle iterations", snapshot.Idle)
	}
	var names []string
	for _, e := range snapshot.Endpoints {
		names = append(names, e.Endpoint.Name())
		if e.Requests == 0 {
			t.Errorf("%s was never requested", e.Endpoint.Name())
		}
	}
	want := []string{
		"POST /api/v1/agents/", "GET /api/v1/agents/", "GET /api/v1/agents/{id}", "PATCH /api/v1/agents/{id}", "DELETE /api/v1/agents/{id}",
		"POST /api/v1/goals/", "GET /api/v1/goals/", "GET /api/v1/goals/{id}", "PATCH /api/v1/goals/{id}",
		"POST /api/v1/tasks/", "GET /api/v1/tasks/{id}", "PATCH /api/v1/tasks/{id}",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

// The same seed sends the same bytes, user by user; another seed others.
func TestSeed(t *testing.T) {
	requests := func(seed uint64) string {
		g := newGateway(t)
		s, err := Load("api")
		if err != nil {
			t.Fatal(err)
		}
		script := compiled(t, s, g.URL, nil)
		_, rec := recorder(script)
		for id := range 10 {
			u := script.NewUser(id, seed)
			for range 30 {
				u.Iterate(context.Background(), 0, rec)
			}
			u.Close()
		}
		return strings.Join(g.taken(), "\n")
	}
	one, again, other := requests(1), requests(1), requests(2)
	if diff := cmp.Diff(one, again); diff != "" {
		t.Errorf("the same seed sent something else (-first +second):\n%s", diff)
	}
	if one == other {
		t.Error("another seed sent the same")
	}
}

// Users become personas exactly by weight, spread out, whatever the order of
// the file.
func TestWeights(t *testing.T) {
	text := func(names ...string) string {
		b := "personas:\n"
		for _, n := range names {
			b += fmt.Sprintf("  %s: {weight: %d, tasks: [{get: /%s}]}\n", n, map[string]int{"a": 5, "g": 3, "t": 2}[n], n)
		}
		return b
	}
	order := func(names ...string) string {
		script := compiled(t, parsed(t, text(names...)), "http://127.0.0.1:1", nil)
		var b strings.Builder
		for id := range 20 {
			b.WriteString(script.NewUser(id, 1).(*session).persona.name)
		}
		return b.String()
	}
	got := order("a", "g", "t")
	for from := 0; from < 20; from += 10 {
		ten := got[from : from+10]
		if strings.Count(ten, "a") != 5 || strings.Count(ten, "g") != 3 || strings.Count(ten, "t") != 2 {
			t.Errorf("ten users are %s", ten)
		}
	}
	if strings.Contains(got, "aaa") || strings.Contains(got, "gg") || strings.Contains(got, "tt") {
		t.Errorf("not spread out: %s", got)
	}
	if other := order("t", "a", "g"); other != got {
		t.Errorf("the order of the file changed who users are: %s and %s", got, other)
	}
}

// Tasks are drawn by weight.
func TestTaskWeights(t *testing.T) {
	s, err := Load("health")
	if err != nil {
		t.Fatal(err)
	}
	script := compiled(t, s, "http://127.0.0.1:1", nil)
	u := script.NewUser(0, 3).(*session)
	n := map[string]int{}
	for range 15_000 {
		n[u.next().name]++
	}
	if live := n["GET /health/live"]; live < 9_800 || live > 10_200 {
		t.Errorf("drawn %v, want 10:5", n)
	}
}

const shop = `
personas:
  buyer:
    start:
      - {post: /api/v1/agents/, json: {n: 1}, save: {agent: $.id}}
    tasks:
      - {name: use, pick: {id: goals}, get: "/api/v1/goals/${id}"}
      - {name: drop, take: {id: goals}, delete: "/api/v1/goals/${id}"}
      - name: twice
        steps:
          - {take: {one: goals}, get: "/api/v1/goals/${one}"}
          - {take: {two: goals}, get: "/api/v1/goals/${two}"}
      - name: fill
        steps:
          - {post: /api/v1/goals/, json: {agent: "${agent}"}, push: {goals: $.goal_id}}
          - {pick: {id: goals}, get: "/api/v1/goals/${id}"}
`

// A task runs only when its pools hold what it needs; what its own earlier steps
// push counts.
func TestPools(t *testing.T) {
	script := compiled(t, parsed(t, shop), "http://127.0.0.1:1", nil)
	u := script.NewUser(0, 1).(*session)
	runnable := func() (names []string) {
		for i := range u.persona.tasks {
			if u.runnable(&u.persona.tasks[i]) {
				names = append(names, u.persona.tasks[i].name)
			}
		}
		return names
	}
	steps := [][]string{{"fill"}, {"use", "drop", "fill"}, {"use", "drop", "twice", "fill"}}
	for held, want := range steps {
		if diff := cmp.Diff(want, runnable()); diff != "" {
			t.Errorf("with %d in the pool (-want +got):\n%s", held, diff)
		}
		u.pools[0].push(member{"x", slotText})
	}
	var p pool
	for i := range 3 * poolSize {
		p.push(member{text: fmt.Sprint(i)})
	}
	if len(p.members) != poolSize || slices.ContainsFunc(p.members, func(m member) bool { return len(m.text) < 3 }) {
		t.Errorf("a full pool holds %d members, not the newest %d", len(p.members), poolSize)
	}
	if m := p.take(0); len(p.members) != poolSize-1 || slices.Contains(p.members, m) {
		t.Error("take left the member in the pool")
	}
}

func TestIdle(t *testing.T) {
	g := newGateway(t)
	s := parsed(t, `
personas:
  a:
    think: 5s
    start: [{post: /api/v1/goals/, json: {}, push: {goals: $.goal_id}}]
    tasks: [{take: {id: goals}, delete: "/api/v1/goals/${id}"}]
`)
	script := compiled(t, s, g.URL, nil)
	rs, rec := recorder(script)
	u := script.NewUser(0, 1)
	defer u.Close()
	for range 2 {
		if think := u.Iterate(context.Background(), 0, rec); think != 5*time.Second {
			t.Errorf("think time %v", think)
		}
	}
	if s := rs.Take(); s.Idle != 1 || len(g.taken()) != 2 {
		t.Errorf("%d idle iterations, want 1 and two requests before it", s.Idle)
	}
}

// Start steps run once, and again from the first when one of them failed.
func TestStart(t *testing.T) {
	g := newGateway(t)
	fails := 2
	g.fail = func(r *http.Request) (int, string) {
		if r.Method == "POST" && r.URL.Path == "/api/v1/agents/" && fails > 0 {
			fails--
			return 503, "busy"
		}
		return 0, ""
	}
	g.sync()
	script := compiled(t, parsed(t, shop), g.URL, nil)
	rs, rec := recorder(script)
	u := script.NewUser(0, 1)
	defer u.Close()
	for range 3 {
		u.Iterate(context.Background(), script.clock.Now(), rec)
	}
	want := map[string]int64{
		"POST /api/v1/agents/ status_503": 2, "POST /api/v1/agents/ ok": 1,
		"POST /api/v1/goals/ ok": 1, "GET /api/v1/goals/{id} ok": 1,
	}
	if diff := cmp.Diff(want, outcomes(rs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The first failure ends the iteration: a check that does not hold, a value that
// is not there, a status that was not expected.
func TestFailures(t *testing.T) {
	g := newGateway(t)
	for _, c := range []struct{ name, step, class, message string }{
		{"check", `{get: /health/live, check: ['$.status == "up"']}`, "check", `check $.status == "up" does not hold: $.status is "ok"`},
		{"check of nothing", `{get: /health/live, check: ['$.x.y > 3']}`, "check", `check $.x.y > 3 does not hold: $.x.y is missing (invalid operation: <nil> > int)`},
		{"extract", `{get: /health/live, save: {a: $.id}, name: "n"}`, "extract", "cannot save a: nothing at $.id: the answer has status"},
		{"header", `{get: /health/live, save: {a: header.Location}}`, "extract", "cannot save a: the answer has no header Location"},
		{"regex", `{get: /health/live, save: {a: '/id=(\d+)/'}}`, "extract", `cannot save a: nothing in the answer matches /id=(\d+)/`},
		{"push", `{get: /health/live, push: {p: $.id}}`, "extract", "nothing at $.id: the answer has status"},
		{"status", `{get: /health/live, expect: [201, 202]}`, "status_200", "200 OK (expected 201 202)"},
		{"unknown", `{get: /nowhere}`, "status_404", "404 Not Found: 404 page not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "personas:\n  a:\n    tasks:\n      - steps:\n          - " + c.step + "\n          - {get: \"/never\"}\n"
			if strings.Contains(c.step, "save:") {
				text = strings.Replace(text, "/never", "/never/${a}", 1)
			}
			if strings.Contains(c.step, "push:") {
				text = strings.Replace(text, "{get: \"/never", "{pick: {id: p}, get: \"/never/${id}", 1)
			}
			script := compiled(t, parsed(t, text), g.URL, nil)
			rs, rec := recorder(script)
			u := script.NewUser(0, 1)
			defer u.Close()
			g.taken()
			u.Iterate(context.Background(), script.clock.Now(), rec)
			snapshot := rs.Take()
			if n := len(g.taken()); n != 1 || len(snapshot.Exemplars) != 1 {
				t.Fatalf("%d requests, %d exemplars, want one of each", n, len(snapshot.Exemplars))
			}
			e := snapshot.Exemplars[0]
			if e.Class != c.class || e.Message != c.message {
				t.Errorf("exemplar\n  %s %s\nwant\n  %s %s", e.Class, e.Message, c.class, c.message)
			}
		})
	}
}

// An exemplar is whole, short, and holds no secret: neither what the run sent nor
// what the answer gives back.
func TestExemplar(t *testing.T) {
	const key = "canary-key-8f3a"
	g := newGateway(t)
	g.fail = func(r *http.Request) (int, string) {
		return 422, `{"title":"Validation failed","detail":[{"loc":["body","status"],"msg":"not a status"}],"you_sent":"` +
			r.Header.Get("X-API-Key") + `","pad":"` + strings.Repeat("x", 9000) + `"}`
	}
	g.sync()
	script := compiled(t, parsed(t, "personas: {a: {tasks: [{post: /a, json: {k: \"${env.K}\", password: hunter2, of: [{pin_secret: 4711}]}}]}}"), g.URL, func(o *CompileOptions) {
		o.Key, o.Redactor = key, client.NewRedactor(key, "from-the-environment")
		o.Env = func(string) (string, bool) { return "from-the-environment", true }
		o.Headers = []client.Header{{Name: "Authorization", Value: "Basic c2hvcnQ6c2hvcnQ="}}
	})
	rs, rec := recorder(script)
	u := script.NewUser(0, 1)
	defer u.Close()
	for range 5 {
		u.Iterate(context.Background(), script.clock.Now(), rec)
	}
	exemplars := rs.Take().Exemplars
	if len(exemplars) != 3 {
		t.Fatalf("%d exemplars, want 3", len(exemplars))
	}
	e := exemplars[0]
	if want := "422 Unprocessable Entity: Validation failed: field body.status: not a status"; e.Message != want {
		t.Errorf("message %q, want %q", e.Message, want)
	}
	all := fmt.Sprintf("%+v", e)
	for _, secret := range []string{key, "from-the-environment", "c2hvcnQ6c2hvcnQ=", "hunter2", "4711"} {
		if strings.Contains(all, secret) {
			t.Errorf("the exemplar holds %s:\n%s", secret, all)
		}
	}
	if !strings.HasPrefix(e.Request, "POST /a HTTP/1.1\n") || !strings.Contains(e.Request, "X-API-Key: ***") || !strings.HasPrefix(e.Response, "HTTP/1.1 422") {
		t.Errorf("heads:\n%s\n%s", e.Request, e.Response)
	}
	if len(e.ResponseBody) > 4<<10 || len(e.ResponseBody) < 3<<10 {
		t.Errorf("%d bytes of the answer", len(e.ResponseBody))
	}
	if e.RequestBody != `{"k":"***","password":"***","of":[{"pin_secret":"***"}]}` || e.Status != 422 || e.Endpoint != "POST /a" {
		t.Errorf("exemplar %+v", e)
	}
}

// A pause moves the next request's due time; the end of the context ends it.
func TestPause(t *testing.T) {
	g := newGateway(t)
	script := compiled(t, parsed(t, `
personas:
  a:
    tasks:
      - steps:
          - {get: /health/live}
          - pause: 40ms
          - {get: /health/ready}
          - pause: 1h
`), g.URL, nil)
	rs, rec := recorder(script)
	u := script.NewUser(0, 1).(*session)
	defer u.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := script.clock.Now()
	u.Iterate(ctx, start, rec)
	if took := script.clock.Now() - start; took > 5*time.Second {
		t.Fatalf("the pause went on for %v after the context had ended", took)
	}
	want := map[string]int64{"GET /health/live ok": 1, "GET /health/ready ok": 1}
	if diff := cmp.Diff(want, outcomes(rs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The last sample is the second request's.
	if s := u.sample; s.Due < start+40*time.Millisecond || s.Sent < s.Due || s.Sent > s.Due+200*time.Millisecond {
		t.Errorf("second request due %v, sent %v, after a start at %v", s.Due, s.Sent, start)
	}
}

// What users hold while they wait: thousands of them wait at a time.
func TestSessionSize(t *testing.T) {
	script := apiScript(t, "http://127.0.0.1:1")
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	users := make([]*session, 5000)
	for i := range users {
		users[i] = script.NewUser(i, 1).(*session)
		users[i].prepare(&users[i].persona.tasks[0].steps[0])
		for range 5 {
			users[i].pools[0].push(member{"5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab", slotText})
		}
	}
	each := (heap() - before) / uint64(len(users))
	t.Logf("a waiting user of the api workload holds %d bytes besides its connection's", each)
	if each > 3<<10 {
		t.Errorf("a user holds %d bytes", each)
	}
	runtime.KeepAlive(users)
}
