package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what takes milliseconds.
const patience = 20 * time.Second

// A fake is a load's control, which notes what it is told.
type fake struct {
	mu    sync.Mutex
	told  []string
	limit float64
}

func (f *fake) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, s)
}
func (f *fake) Pause()  { f.note("pause") }
func (f *fake) Resume() { f.note("resume") }
func (f *fake) Stop()   { f.note("stop") }
func (f *fake) Set(to float64) error {
	if f.limit > 0 && to > f.limit {
		return fmt.Errorf("%g is too many", to)
	}
	f.note(fmt.Sprintf("set %g", to))
	return nil
}

func (f *fake) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

var endpoints = []metric.Endpoint{{Method: "GET", Path: "/api/v1/agents/{id}"}, {Method: "POST", Path: "/api/v1/agents"}}

func aRun() Run {
	return Run{
		ID: "20260102T030405Z-abc", Scenario: "peak", Target: "http://127.0.0.1:8009", Load: "500 users, 50/s, 15m", LT: "test",
		Model: metric.Closed, Duration: time.Minute, Endpoints: endpoints,
	}
}

func serve(t *testing.T, address string, r Run) (*Server, *fake) {
	t.Helper()
	f := &fake{}
	s, err := Serve(address, r, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s, f
}

// second is the snapshot of one second: ok requests that took ms, and failed ones.
func second(seq, users, ok, failed int, took time.Duration) *metric.Snapshot {
	e := metric.EndpointSnapshot{
		Endpoint: endpoints[0], Requests: int64(ok + failed), Failed: int64(failed),
		Outcomes: map[metric.Class]int64{{}: int64(ok), {Outcome: metric.Status, Status: 503}: int64(failed)},
	}
	for range ok {
		e.Response.Record(took)
	}
	return &metric.Snapshot{
		Seq: seq, Offset: time.Duration(seq) * time.Second, Length: time.Second, Period: metric.Measured, Users: users, Target: users,
		Endpoints: []metric.EndpointSnapshot{e, {Endpoint: endpoints[1]}}, Health: metric.Health{CPU: 40, CPUQuota: 2},
	}
}

func feed(t *testing.T, s *Server, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := s.Observe(second(i, 10+i, 100+i, i%3, time.Duration(10+i)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
}

// An event is one of a stream of server-sent events.
type event struct{ name, id, data string }

// A viewer reads the events of a server.
type viewer struct {
	t      *testing.T
	body   io.ReadCloser
	scan   *bufio.Scanner
	cancel context.CancelFunc
	client *http.Client
}

func watch(t *testing.T, s *Server, last string) *viewer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL()+"events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	client := &http.Client{Transport: &http.Transport{}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	v := &viewer{t: t, body: res.Body, scan: bufio.NewScanner(res.Body), cancel: cancel, client: client}
	v.scan.Buffer(nil, 4<<20)
	t.Cleanup(v.close)
	return v
}

func (v *viewer) close() {
	v.cancel()
	v.body.Close()
	v.client.CloseIdleConnections()
}

// next is the next event of that name.
func (v *viewer) next(name string) event {
	v.t.Helper()
	var e event
	for v.scan.Scan() {
		key, value, _ := strings.Cut(v.scan.Text(), ": ")
		switch key {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			if e.name == name {
				return e
			}
			e = event{}
		}
	}
	v.t.Fatalf("no event %q came: %v", name, v.scan.Err())
	return e
}

func (v *viewer) points() (ps []point, id string) {
	v.t.Helper()
	e := v.next("points")
	if err := json.Unmarshal([]byte(e.data), &ps); err != nil {
		v.t.Fatal(err)
	}
	return ps, e.id
}

func (v *viewer) state() (s state) {
	v.t.Helper()
	if err := json.Unmarshal([]byte(v.next("state").data), &s); err != nil {
		v.t.Fatal(err)
	}
	return s
}

func TestAViewerSeesWhatWasAndWhatComes(t *testing.T) {
	s, _ := serve(t, "127.0.0.1:0", aRun())
	feed(t, s, 0, 5)
	for range 2 { // a second viewer sees the same
		v := watch(t, s, "")
		ps, id := v.points()
		if len(ps) != 5 || ps[4].Offset != 4 || ps[4].Requests != 105 || ps[4].Failed != 1 || ps[4].Users != 14 || id != "4@"+aRun().ID {
			t.Fatalf("%d points, the last %+v, id %s", len(ps), ps[len(ps)-1], id)
		}
		if l := ps[4].Latency; l == nil || l.P95 < 13.9 || l.P95 > 14.1 {
			t.Errorf("P95 of a second in which all took 14 ms: %+v", l)
		}
		st := v.state()
		if st.Requests != 514 || st.Failed != 4 || st.Users != 14 || len(st.Endpoints) != 2 || st.Endpoints[0].Requests != 514 || st.Endpoints[1].Requests != 0 || *st.CPU != 20 {
			t.Errorf("%+v", st)
		}
		if len(st.Failures) != 1 || st.Failures[0] != (failure{"GET /api/v1/agents/{id}", "status_503", 4}) {
			t.Errorf("failures %+v", st.Failures)
		}
	}
	v := watch(t, s, "2@"+aRun().ID) // it comes again, with what it has
	if ps, _ := v.points(); len(ps) != 2 || ps[0].Offset != 3 {
		t.Fatalf("after the third point came %+v", ps)
	}
	feed(t, s, 5, 6)
	if ps, id := v.points(); len(ps) != 1 || ps[0].Offset != 5 || id != "5@"+aRun().ID {
		t.Fatalf("then %+v, %s", ps, id)
	}
	other := watch(t, s, "2@another-run")
	if e := other.next("run"); e.data != `"`+aRun().ID+`"` {
		t.Errorf("run %s", e.data)
	}
	if ps, _ := other.points(); len(ps) != 6 {
		t.Errorf("a viewer of another run is sent %d points of 6", len(ps))
	}
}

func TestPointsOfALongRunAreMergedHonestly(t *testing.T) {
	b := newBoard(aRun())
	const n = 10_000
	var requests int64
	for i := range n {
		took := 10 * time.Millisecond
		if i == 4321 {
			took = time.Second
		}
		if err := b.observe(second(i, 5, 3, i%2, took)); err != nil {
			t.Fatal(err)
		}
		requests += 3 + int64(i%2)
	}
	if len(b.points) > most || len(b.points) < most/2 {
		t.Fatalf("%d points are kept", len(b.points))
	}
	sum, end, worst := int64(0), 0.0, 0.0
	for i := range b.points {
		p := &b.points[i]
		if diff := p.Offset - end; diff < -.001 || diff > .001 {
			t.Fatalf("point %d starts at %v, the one before ends at %v", i, p.Offset, end)
		}
		sum, end, worst = sum+p.Requests, p.Offset+p.Length, max(worst, p.Latency.P50)
		if i > 0 && p.id <= b.points[i-1].id {
			t.Fatalf("ids %d, %d", b.points[i-1].id, p.id)
		}
	}
	if sum != requests || end != n {
		t.Errorf("%d requests until %v s, want %d until %d", sum, end, requests, n)
	}
	if worst < 990 {
		t.Errorf("the worst second's %v ms are gone: the merged points show %v ms at most", 1000, worst)
	}
	if got := b.after(b.points[len(b.points)-3].id); len(got) != 2 {
		t.Errorf("%d points after the last but two", len(got))
	}
}

func TestTheLastAnswersBelongToTheSecondBefore(t *testing.T) {
	b := newBoard(aRun())
	if err := b.observe(second(0, 5, 100, 0, time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	tail := second(1, 0, 3, 0, 9*time.Millisecond)
	tail.Length = 7 * time.Millisecond
	if err := b.observe(tail); err != nil {
		t.Fatal(err)
	}
	if len(b.points) != 1 || b.points[0].Requests != 103 || len(b.after(0)) != 1 {
		t.Errorf("%+v", b.points)
	}
}

// post asks a server for something, changed by change.
func post(t *testing.T, s *Server, body string, change func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"control", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-LT-Token", s.csrf)
	if change != nil {
		change(req)
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestCommands(t *testing.T) {
	s, f := serve(t, "127.0.0.1:0", aRun())
	f.limit = 1000
	feed(t, s, 0, 1)
	v := watch(t, s, "")
	v.state()
	for _, c := range []struct {
		body string
		code int
		told string // empty: nothing
	}{
		{`{"do": "pause"}`, 204, "pause"},
		{`{"do": "resume"}`, 204, "resume"},
		{`{"do": "set", "to": 25}`, 204, "set 25"},
		{`{"do": "set", "to": 0}`, 204, "set 0"},
		{`{"do": "set"}`, 422, ""},
		{`{"do": "set", "to": -1}`, 422, ""},
		{`{"do": "set", "to": 2.5}`, 422, ""},
		{`{"do": "set", "to": 1001}`, 422, ""},
		{`{"do": "set", "to": 1e999}`, 400, ""},
		{`{"do": "explode"}`, 400, ""},
		{`{"do": "pause", "why": 1}`, 400, ""},
		{`{"do": "` + strings.Repeat("x", 2000) + `"}`, 400, ""},
		{`pause`, 400, ""},
		{`{"do": "stop"}`, 204, "stop"},
	} {
		before := len(f.heard())
		code, text := post(t, s, c.body, nil)
		told := strings.Join(f.heard()[before:], ", ")
		if code != c.code || told != c.told {
			t.Errorf("%.60s: %d %s, told %q; want %d, %q", c.body, code, text, told, c.code, c.told)
		}
		if code == 204 {
			switch st := v.state(); c.told {
			case "pause":
				if !st.Paused || !st.Edited {
					t.Errorf("paused: %+v", st)
				}
			case "resume":
				if st.Paused || !st.Edited {
					t.Errorf("resumed: %+v", st)
				}
			case "set 25":
				if st.Target != 25 {
					t.Errorf("set: %+v", st)
				}
			case "stop":
				if !st.Stopping {
					t.Errorf("stopped: %+v", st)
				}
			}
		}
	}
	s.Finish("pass", nil)
	if code, _ := post(t, s, `{"do": "pause"}`, nil); code != 409 {
		t.Errorf("a command after the end: %d", code)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s, f := serve(t, "127.0.0.1:0", aRun())
	port := s.listener.Addr().(*net.TCPAddr).Port
	for _, host := range []string{"evil.example", fmt.Sprintf("evil.example:%d", port), "127.0.0.1", "127.0.0.1:1", fmt.Sprintf("127.0.0.1.evil.example:%d", port), fmt.Sprintf("localhost.evil.example:%d", port)} {
		for _, path := range []string{"", "events", "report", "control"} {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL()+path, nil)
			req.Host = host
			if code, body := do(t, req); code != 403 || strings.Contains(body, s.csrf) {
				t.Errorf("Host %s, /%s: %d", host, path, code)
			}
		}
		if code, _ := post(t, s, `{"do": "stop"}`, func(r *http.Request) { r.Host = host }); code != 403 {
			t.Errorf("Host %s may stop the run: %d", host, code)
		}
	}
	for _, host := range []string{fmt.Sprintf("localhost:%d", port), fmt.Sprintf("LOCALHOST:%d", port), fmt.Sprintf("127.0.0.1:%d", port)} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL(), nil)
		req.Host = host
		if code, _ := do(t, req); code != 200 {
			t.Errorf("Host %s: %d", host, code)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"no token":       func(r *http.Request) { r.Header.Del("X-LT-Token") },
		"a wrong token":  func(r *http.Request) { r.Header.Set("X-LT-Token", "AAAA") },
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"no origin":      func(r *http.Request) { r.Header.Set("Origin", "null") },
	} {
		if code, _ := post(t, s, `{"do": "stop"}`, change); code != 403 {
			t.Errorf("%s: %d", name, code)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"control", nil)
	if code, _ := do(t, req); code != 405 {
		t.Errorf("GET control: %d", code)
	}
	if told := f.heard(); len(told) != 0 {
		t.Errorf("strangers were heard: %v", told)
	}
	if code, _ := post(t, s, `{"do": "stop"}`, func(r *http.Request) { r.Header.Set("Origin", strings.TrimSuffix(s.URL(), "/")) }); code != 204 {
		t.Errorf("the page's own origin: %d", code)
	}
}

func TestBeyondLoopbackTheTokenIsTheKey(t *testing.T) {
	s, _ := serve(t, "0.0.0.0:0", aRun())
	port := s.listener.Addr().(*net.TCPAddr).Port
	token := strings.Trim(s.base, "/")
	if len(token) < 26 || !strings.HasSuffix(s.URL(), fmt.Sprintf(":%d/%s/", port, token)) {
		t.Fatalf("URL %s", s.URL())
	}
	root := fmt.Sprintf("http://127.0.0.1:%d/", port)
	for _, path := range []string{"", "events", "report", "control", token[:25] + "/", token, strings.ToLower(token) + "/", "x/" + token + "/", strings.Repeat("A", 26) + "/", strings.Repeat("A", 26) + "/events"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", root+path, nil)
		if code, body := do(t, req); code != 404 || strings.Contains(body, token) {
			t.Errorf("/%s: %d", path, code)
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", root+token+"/", nil)
	code, page := do(t, req)
	if code != 200 || strings.Contains(page, token) {
		t.Errorf("with the token: %d, the page holds it: %v", code, strings.Contains(page, token))
	}
	s.Finish("pass", []byte("<p>report</p>"))
	req, _ = http.NewRequestWithContext(t.Context(), "GET", root+token+"/report", nil)
	if code, page := do(t, req); code != 200 || page != "<p>report</p>" {
		t.Errorf("report: %d %s", code, page)
	}
}

func TestThePageHasNothingOfAnotherSite(t *testing.T) {
	r := aRun()
	r.Scenario = `</script><script>alert(1)</script>`
	r.Endpoints = []metric.Endpoint{{Method: "GET", Path: `/"><img src=x onerror=alert(1)>`}}
	s, _ := serve(t, "127.0.0.1:0", r)
	res, err := http.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	page := string(b)
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") {
		t.Error("what a scenario is named is markup")
	}
	for _, bad := range []string{`src="http`, `href="http`, "url(http", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	csp := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %s: no %s", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("policy %s", csp)
	}
	for _, h := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy", "Cache-Control"} {
		if res.Header.Get(h) == "" {
			t.Errorf("no %s", h)
		}
	}
}

// TestAStuckViewerSlowsNobody has viewers that read nothing, while the run
// writes far more than their connections hold.
func TestAStuckViewerSlowsNobody(t *testing.T) {
	s, _ := serve(t, "127.0.0.1:0", aRun())
	for range 3 {
		c, err := net.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		fmt.Fprintf(c, "GET /events HTTP/1.1\r\nHost: %s\r\n\r\n", s.listener.Addr())
	}
	until(t, "three viewers", func() bool { return s.viewers.Load() == 3 })
	began := time.Now()
	wide := make([]Threshold, 200)
	for i := range wide {
		wide[i].Expression = strings.Repeat("x", 100)
	}
	s.Judged(wide) // 30 kB a state
	const n = 1000 // 30 MB for whoever read it all
	feed(t, s, 0, n)
	if took := time.Since(began); took > patience {
		t.Errorf("%d intervals took %v", n, took)
	}
	v := watch(t, s, "")
	if ps, _ := v.points(); len(ps) != n {
		t.Errorf("one who reads is sent %d points of %d", len(ps), n)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func TestSoManyViewersAndNoMore(t *testing.T) {
	s, _ := serve(t, "127.0.0.1:0", aRun())
	var vs []*viewer
	for range mostViewers {
		v := watch(t, s, "")
		v.next("run")
		vs = append(vs, v)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"events", nil)
	if code, text := do(t, req); code != 503 {
		t.Errorf("one more: %d %s", code, text)
	}
	vs[0].close()
	until(t, "a place", func() bool { return s.viewers.Load() < mostViewers })
	watch(t, s, "").next("run")
}

func TestTheEndBringsTheReport(t *testing.T) {
	s, _ := serve(t, "127.0.0.1:0", aRun())
	feed(t, s, 0, 2)
	v := watch(t, s, "")
	v.state()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"report", nil)
	if code, _ := do(t, req); code != 404 {
		t.Errorf("a report before the end: %d", code)
	}
	s.Finish("fail", []byte("<h1>FAIL</h1>"))
	if e := v.next("end"); e.data != `{"report":true,"verdict":"fail"}` {
		t.Errorf("end: %s", e.data)
	}
	waited := make(chan struct{})
	go func() { s.Farewell(t.Context()); close(waited) }()
	select {
	case <-waited:
		t.Error("lt went before the viewer had the report")
	default:
	}
	if code, body := do(t, req); code != 200 || body != "<h1>FAIL</h1>" {
		t.Errorf("report: %d %s", code, body)
	}
	select {
	case <-waited:
	case <-time.After(farewell):
		t.Error("lt stays though the viewer has the report")
	}
	page, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL(), nil)
	if code, _ := do(t, page); code != 303 {
		t.Errorf("the page after the end: %d", code)
	}
	late := watch(t, s, "")
	late.points()
	late.next("end")
}

func TestNobodyIsWaitedForInVain(t *testing.T) {
	s, _ := serve(t, "127.0.0.1:0", aRun())
	s.Finish("pass", []byte("x"))
	began := time.Now()
	s.Farewell(t.Context())
	if d := time.Since(began); d >= farewell {
		t.Errorf("waited %v for nobody", d)
	}
}

func TestAddresses(t *testing.T) {
	first, _ := serve(t, "", aRun())
	second, _ := serve(t, "", aRun()) // where another has the port, a free one
	if first.URL() == second.URL() || !strings.HasPrefix(second.URL(), "http://127.0.0.1:") {
		t.Errorf("%s and %s", first.URL(), second.URL())
	}
	loopback, _ := serve(t, ":0", aRun())
	if !strings.HasPrefix(loopback.URL(), "http://127.0.0.1:") || loopback.base != "/" {
		t.Errorf("without a host: %s", loopback.URL())
	}
	if s, err := Serve(second.listener.Addr().String(), aRun(), &fake{}); err == nil {
		s.Close()
		t.Error("two on one port")
	} else if op := (*net.OpError)(nil); !errors.As(err, &op) {
		t.Errorf("%v", err)
	}
	if s, err := Serve("nonsense", aRun(), &fake{}); err == nil {
		s.Close()
		t.Error("an address without a port")
	}
}

// TestViewersAndTheRunAtOnce is for the race detector.
func TestViewersAndTheRunAtOnce(t *testing.T) {
	s, _ := serve(t, "127.0.0.1:0", aRun())
	feed(t, s, 0, 1)
	var all sync.WaitGroup
	for range 4 {
		v := watch(t, s, "")
		all.Go(func() {
			seen := 0
			for seen < 300 {
				ps, _ := v.points()
				seen += len(ps)
			}
		})
	}
	all.Go(func() {
		for range 20 {
			post(t, s, `{"do": "pause"}`, nil)
			post(t, s, `{"do": "set", "to": 3}`, nil)
		}
	})
	for i := 1; i < 300; i++ {
		feed(t, s, i, i+1)
		s.Judged([]Threshold{{Expression: "p95 < 500ms", Value: "20 ms", Verdict: "pass"}})
	}
	all.Wait()
	if b := s.board; !bytes.Contains(b.encoded, []byte(`"target":3`)) {
		t.Errorf("%s", b.encoded)
	}
}
