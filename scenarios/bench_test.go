package scenarios

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"testing"
)

// stub answers every request at once with an object that has every id that the
// api workload looks for.
func stub(tb testing.TB) *url.URL {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	const body = `{"id":"5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab","goal_id":"5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab","task_id":"5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab"}`
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveStub(c, answer)
		}
	}()
	u, err := url.Parse("http://" + l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func serveStub(c net.Conn, answer []byte) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			if len(line) > 16 && line[0] == 'C' && line[8] == 'L' {
				for _, d := range line[16:] {
					if d >= '0' && d <= '9' {
						length = length*10 + int(d-'0')
					}
				}
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// apiScript is the api workload for the server at base.
func apiScript(tb testing.TB, base string) *Script {
	s, err := Load("api")
	if err != nil {
		tb.Fatal(err)
	}
	return compiled(tb, s, base, func(o *CompileOptions) { o.Key = "k-0123456789abcdef" })
}

// A static step allocates nothing, nor does any step of the api workload in
// building its request.
func TestAllocations(t *testing.T) {
	u := stub(t)
	for _, trace := range []bool{false, true} {
		static := compiled(t, parsed(t, "personas: {a: {tasks: [{post: /x, json: {a: 1}}]}}"), u.String(), func(o *CompileOptions) { o.Trace = trace })
		if r := static.personas[0].tasks[0].steps[0]; !r.fixed || trace != (r.traceAt > 0) {
			t.Error("a step without values is not serialised before the run")
		}
		_, rec := recorder(static)
		user := static.NewUser(0, 1)
		defer user.Close()
		iterate := func() { user.Iterate(context.Background(), static.clock.Now(), rec) }
		for range 600 {
			iterate() // past the recorder's own first allocations
		}
		if n := testing.AllocsPerRun(500, iterate); n > 0 {
			t.Errorf("an iteration of one static step allocates %v times (traced: %v)", n, trace)
		}
	}

	script := apiScript(t, u.String())
	for _, p := range script.personas {
		session := script.newSession(p, 0, 1)
		for i := range session.slots {
			session.slots[i] = slot{slotText, []byte("5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab")}
		}
		for _, task := range p.tasks {
			r := &task.steps[0]
			session.prepare(r)
			if n := testing.AllocsPerRun(200, func() { session.prepare(r) }); n > 1.5 {
				t.Errorf("building %q allocates %v times", task.name, n)
			} else {
				t.Logf("%-6s %-14s %v allocations, %d bytes", p.name, task.name, n, len(session.prepare(r).Wire))
			}
		}
	}
}

// What one request of the api workload costs in building alone, the mean over
// tasks by weight.
func BenchmarkBuildAPI(b *testing.B) {
	script := apiScript(b, "http://127.0.0.1:1")
	session := script.newSession(script.turns[0], 0, 1)
	for range 20 {
		session.pools[0].push(member{"5f3a1c9e-1a2b-4c3d-8e4f-0123456789ab", slotText})
	}
	b.ReportAllocs()
	for b.Loop() {
		r := &session.next().steps[0]
		if r.method != "DELETE" {
			session.fill(r)
		}
		session.prepare(r)
	}
}

// What a static request costs before it is sent: nothing, or new ids in a copy.
func BenchmarkPrepare(b *testing.B) {
	for name, trace := range map[string]bool{"static": false, "static-traced": true} {
		b.Run(name, func(b *testing.B) {
			script := compiled(b, parsed(b, "personas: {a: {tasks: [{post: /api/v1/orders, json: {sku: a1, quantity: 3}}]}}"), "http://127.0.0.1:1", func(o *CompileOptions) { o.Trace = trace })
			u := script.newSession(script.personas[0], 0, 1)
			r := &script.personas[0].tasks[0].steps[0]
			b.ReportAllocs()
			for b.Loop() {
				u.prepare(r)
			}
		})
	}
}

// The same step sent, answered and recorded: static, and the api workload.
func BenchmarkIterate(b *testing.B) {
	u := stub(b)
	run := func(name string, script *Script) {
		b.Run(name, func(b *testing.B) {
			_, rec := recorder(script)
			users := make([]*session, 10)
			for i := range users {
				users[i] = script.NewUser(i, 1).(*session)
				defer users[i].Close()
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				users[i%10].Iterate(context.Background(), script.clock.Now(), rec)
				i++
			}
		})
	}
	s, err := FromURL(u.String()+"/x", "GET", nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	run("static", compiled(b, s, s.Target, nil))
	run("static-traced", compiled(b, s, s.Target, func(o *CompileOptions) { o.Trace = true }))
	run("api", apiScript(b, u.String()))
	traced, err := Load("api")
	if err != nil {
		b.Fatal(err)
	}
	run("api-traced", compiled(b, traced, u.String(), func(o *CompileOptions) { o.Key, o.Trace = "k-0123456789abcdef", true }))
	run("check", compiled(b, parsed(b, `personas: {a: {tasks: [{get: /x, check: ["$.id == $.goal_id", "status == 200"]}]}}`), u.String(), nil))
}

func BenchmarkFake(b *testing.B) {
	session := (&Script{}).newSession(&persona{}, 0, 1)
	for _, kind := range fakeKinds() {
		f := fakes[kind]
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f(session.fakes())
			}
		})
	}
}
