package client

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// idle lets a connection become idle enough for the next request to probe it.
func idle() { time.Sleep(5 * idleProbe) }

// TestClosedWhileIdle: a connection that the peer has done away with between two
// requests is replaced, and counted, and no request is lost or sent twice.
func TestClosedWhileIdle(t *testing.T) {
	for name, end := range map[string]func(c *peerConn){
		"closed":      (*peerConn).fin,
		"half-closed": func(c *peerConn) { _ = c.CloseWrite() },
		"reset":       (*peerConn).rst,
		"spoken to":   func(c *peerConn) { c.send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"); c.fin() },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(p *peer, c *peerConn) {
				if c.request() && c.send(hello) {
					end(c)
					p.ended.Add(1)
					c.hang()
				}
			})
			c := newConn(t, p.url(), nil)
			const n = 20
			for i := range n {
				resp, s := do(t.Context(), c, get(t))
				checkSample(t, s, resp)
				want := 1
				if i == 0 {
					want = 0
				}
				if name == "spoken to" { // which may have come together with the answer
					want = s.Reconnects
				}
				if s.Outcome != metric.OK || s.Reconnects != want || s.Reused {
					t.Fatalf("exchange %d: %+v, %v", i, s, resp.Err)
				}
				until(t, "the end of the connection", func() bool { return p.ended.Load() == int64(i+1) })
				idle()
			}
			if got := p.requests.Load(); got != n {
				t.Errorf("%d requests made, %d seen", n, got)
			}
		})
	}
}

// TestDroppedReused: the peer takes every second request of a connection and
// closes instead of answering. Each is one failure and one request seen.
func TestDroppedReused(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(c *peerConn)
		want metric.Outcome
	}{
		"closed":      {(*peerConn).fin, metric.ConnDropped},
		"half-closed": {func(c *peerConn) { _ = c.CloseWrite(); c.hang() }, metric.ConnDropped},
		"reset":       {(*peerConn).rst, metric.Reset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(_ *peer, c *peerConn) {
				if c.request() && c.send(hello) && c.request() {
					tt.end(c)
				}
			})
			c := newConn(t, p.url(), nil)
			const n = 200
			for i := range n {
				resp, s := do(t.Context(), c, get(t))
				checkSample(t, s, resp)
				want := metric.OK
				if i%2 == 1 {
					want = tt.want
				}
				if s.Outcome != want || s.Reused != (i%2 == 1) || s.Reconnects != 0 {
					t.Fatalf("exchange %d: %+v, want %v; %v", i, s, want, resp.Err)
				}
			}
			if got := p.requests.Load(); got != n {
				t.Errorf("%d requests made, %d seen", n, got)
			}
		})
	}
}

// TestHalfClosedAtOnce: a half-close right behind an answer, too early for the
// probe of the next request, is found at the next look, long before the timeout.
func TestHalfClosedAtOnce(t *testing.T) {
	p := newPeer(t, func(_ *peer, c *peerConn) {
		if c.request() && c.send(hello) {
			_ = c.CloseWrite()
			c.hang()
		}
	})
	c := newConn(t, p.url(), nil)
	for range 2 {
		if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK {
			t.Fatalf("%+v: %v", s, resp.Err)
		}
		_, s := do(t.Context(), c, get(t))
		if s.Outcome != metric.ConnDropped && s.Reconnects == 0 || s.ServiceTime() > 5*time.Second {
			t.Fatalf("%+v after %v", s, s.ServiceTime())
		}
	}
}

func TestReconnectRefused(t *testing.T) {
	p := newPeer(t, func(p *peer, c *peerConn) {
		if c.request() && c.send(hello) {
			p.ln.Close()
			c.fin()
			p.ended.Add(1)
		}
	})
	c := newConn(t, p.url(), nil)
	if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK {
		t.Fatal(resp.Err)
	}
	until(t, "the end of the connection", func() bool { return p.ended.Load() == 1 })
	idle()
	resp, s := do(t.Context(), c, get(t))
	if s.Outcome != metric.Refused || s.Phase != metric.PhaseDial || s.Reconnects != 1 || s.Reused || resp.Err == nil {
		t.Errorf("%+v: %v", s, resp.Err)
	}
}

// TestEarlyAnswer: a server that refuses a large body without reading it is heard.
func TestEarlyAnswer(t *testing.T) {
	p := newPeer(t, func(_ *peer, c *peerConn) {
		_, _ = c.r.Peek(1)
		c.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		time.Sleep(50 * time.Millisecond)
		c.fin() // with much unread: a reset
	})
	c := newConn(t, p.url(), nil)
	_, s := do(t.Context(), c, request(t, "POST", make([]byte, 16<<20)))
	// The reset may overtake the answer in the client's kernel.
	if s.Outcome != metric.Reset && (s.Outcome != metric.Status || s.Status != 413) {
		t.Errorf("%+v", s)
	}
}

func TestLargeRequest(t *testing.T) {
	p := newPeer(t, echo)
	c := newConn(t, p.url(), nil)
	for _, size := range []int{1, 1 << 10, 1 << 20, 8 << 20} {
		req := request(t, "POST", make([]byte, size))
		resp, s := do(t.Context(), c, req)
		checkSample(t, s, resp)
		if s.Outcome != metric.OK || s.BytesOut != int64(len(req.Wire)) {
			t.Errorf("%d bytes: %+v, %v", size, s, resp.Err)
		}
	}
}

func TestStatus(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	p := newPeer(t, func(_ *peer, c *peerConn) {
		for c.request() {
			c.send(fmt.Sprintf("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX-Long: %s\r\nContent-Length: %d\r\n\r\n%s", long, len(long), long))
		}
	})
	c := newConn(t, p.url(), nil)
	req := get(t)
	req.Keep = false
	for range 3 {
		resp, s := do(t.Context(), c, req)
		checkSample(t, s, resp)
		if s.Outcome != metric.Status || s.Status != 503 || resp.Status != 503 || s.Class().Key() != "status_503" {
			t.Errorf("%+v", s)
		}
		if len(resp.Header) != keptOfFailure || len(resp.Body) != keptOfFailure || !resp.Truncated {
			t.Errorf("kept %d and %d bytes, truncated %v", len(resp.Header), len(resp.Body), resp.Truncated)
		}
		if v := resp.HeaderValue("retry-AFTER"); v != "7" {
			t.Errorf("Retry-After %q", v)
		}
		resp.Release()
	}
	req.Expect = []int{404, 503}
	if resp, s := do(t.Context(), c, req); s.Outcome != metric.OK || resp.Body != nil || !s.Reused {
		t.Errorf("%+v", s)
	}
}

func TestCloseRequest(t *testing.T) {
	p := newPeer(t, echo)
	c := newConn(t, p.url(), nil)
	req := get(t, Header{"Connection", "close"})
	req.Close = true
	for range 5 {
		if _, s := do(t.Context(), c, req); s.Outcome != metric.OK || s.Reused || s.Reconnects != 0 {
			t.Errorf("%+v", s)
		}
	}
	if got := p.accepted.Load(); got != 5 {
		t.Errorf("%d connections", got)
	}
}

// TestLate: a whole answer that comes after the timeout is no success, even if
// the client was too busy to look in time.
func TestLate(t *testing.T) {
	p := newPeer(t, func(_ *peer, c *peerConn) {
		for c.request() {
			time.Sleep(20 * time.Millisecond)
			c.send(hello)
		}
	})
	c := newConn(t, p.url(), nil)
	req := get(t)
	for i, timeout := range []time.Duration{0, 10 * time.Second, 5 * time.Millisecond, 10 * time.Second, 2 * time.Second, time.Nanosecond} {
		req.Timeout = timeout
		_, s := do(t.Context(), c, req)
		want := metric.OK
		if timeout == 5*time.Millisecond || timeout == time.Nanosecond {
			want = metric.Timeout
		}
		if s.Outcome != want {
			t.Errorf("exchange %d, timeout %v: %+v", i, timeout, s)
		}
	}
}

// TestLongWait: an answer slower than lookEvery arrives all the same.
func TestLongWait(t *testing.T) {
	p := newPeer(t, func(_ *peer, c *peerConn) {
		for c.request() {
			time.Sleep(lookEvery + lookEvery/4)
			c.send(okHead)
			time.Sleep(lookEvery + lookEvery/4)
			c.send("Content-Length: 5\r\n\r\nhello")
		}
	})
	c := newConn(t, p.url(), nil)
	if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK || string(resp.Body) != "hello" || s.FirstByte-s.Sent < lookEvery || s.End-s.FirstByte < lookEvery {
		t.Errorf("%+v: %v", s, resp.Err)
	}
}

func TestAborted(t *testing.T) {
	hung := newPeer(t, func(_ *peer, c *peerConn) { c.request(); c.hang() })
	slow := newPeer(t, func(_ *peer, c *peerConn) { c.request(); c.send(longHead); c.hang() })
	deaf := newPeer(t, func(*peer, *peerConn) {})
	answering := newPeer(t, echo)
	for name, tt := range map[string]struct {
		target *url.URL
		req    *Request
		phase  metric.Phase
	}{
		"headers": {hung.url(), get(t), metric.PhaseHeaders},
		"body":    {slow.url(), get(t), metric.PhaseBody},
		"write":   {deaf.url(), request(t, "POST", make([]byte, 16<<20)), metric.PhaseWrite},
		"dial":    {blackhole(t), get(t), metric.PhaseDial},
		"before":  {answering.url(), get(t), metric.PhaseNone},
	} {
		t.Run(name, func(t *testing.T) {
			for _, deadline := range []bool{false, true} {
				c := newConn(t, tt.target, nil)
				ctx, cancel := context.WithCancel(t.Context())
				if deadline {
					ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				}
				defer cancel()
				if name == "before" {
					cancel()
				} else if !deadline {
					time.AfterFunc(50*time.Millisecond, cancel)
				}
				start := time.Now()
				resp, s := do(ctx, c, tt.req)
				if s.Outcome != metric.Aborted || s.Phase != tt.phase || resp.Err == nil {
					t.Errorf("%+v: %v", s, resp.Err)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("aborted after %v", took)
				}
				// A Conn outlives the context.
				if tt.phase == metric.PhaseNone {
					if _, s := do(t.Context(), c, tt.req); s.Outcome != metric.OK {
						t.Errorf("%+v", s)
					}
				}
			}
		})
	}
}

// TestAbortRaces ends contexts at random moments of a busy loop: each exchange is
// either whole or aborted, and none hangs.
func TestAbortRaces(t *testing.T) {
	p := newPeer(t, echo)
	cl := newClient(t, p.url(), nil)
	req := get(t)
	for round := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				c := cl.NewConn()
				defer c.Close()
				var resp Response
				var s metric.Sample
				for {
					c.Exchange(ctx, req, &resp, &s)
					if s.Outcome == metric.Aborted {
						return
					}
					if s.Outcome != metric.OK {
						t.Errorf("%+v: %v", s, resp.Err)
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(round%10) * 300 * time.Microsecond)
		cancel()
		wg.Wait()
	}
}

// TestNoLostWakeup: answers that come at once, and peers that close at random
// moments, never leave a user waiting. A lost wake-up would last until the next
// look, and so is told from a slow machine by the share of such waits.
func TestNoLostWakeup(t *testing.T) {
	const users = 64
	requests := int64(200_000)
	if testing.Short() || raceEnabled {
		requests = 20_000
	}
	for name, closing := range map[string]bool{"answering": false, "closing": true} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, func(_ *peer, c *peerConn) { answerFast(c, closing) })
			cl := newClient(t, p.url(), nil)
			req := get(t)
			req.Keep = false
			var left, sent, looks, odd atomic.Int64
			left.Store(requests)
			var wg sync.WaitGroup
			for range users {
				wg.Go(func() {
					c := cl.NewConn()
					defer c.Close()
					var resp Response
					var s metric.Sample
					for left.Add(-1) >= 0 {
						c.Exchange(t.Context(), req, &resp, &s)
						if s.BytesOut > 0 {
							sent.Add(1)
						}
						if s.ServiceTime() > lookEvery/2 {
							looks.Add(1)
						}
						switch s.Outcome {
						case metric.OK:
						case metric.ConnDropped, metric.Reset:
							if !closing {
								odd.Add(1)
							}
						default:
							odd.Add(1)
						}
					}
				})
			}
			wg.Wait()
			if n := odd.Load(); n > 0 {
				t.Errorf("%d exchanges failed in another way than they had to", n)
			}
			t.Logf("%d of %d exchanges took more than %v", looks.Load(), requests, lookEvery/2)
			if n := looks.Load(); n > users {
				t.Errorf("%d of %d exchanges took more than %v", n, requests, lookEvery/2)
			}
			if seen := p.requests.Load(); seen > sent.Load() || !closing && seen != requests {
				t.Errorf("%d requests sent, %d seen", sent.Load(), seen)
			}
		})
	}
}

// answerFast answers whatever comes; when closing, it ends the connection before
// or after about one answer in 50.
func answerFast(c *peerConn, closing bool) {
	buf := make([]byte, 4096)
	for i := int(c.RemoteAddr().(*net.TCPAddr).Port); ; i++ {
		n, err := c.Read(buf)
		if err != nil || n == 0 {
			c.Close()
			return
		}
		c.peer.requests.Add(1)
		if closing && i%50 == 0 {
			switch i % 3 {
			case 0:
				c.rst()
			case 1:
				c.fin()
			case 2:
				c.send(hello)
				c.fin()
			}
			return
		}
		if _, err := c.Write([]byte(hello)); err != nil {
			c.Close()
			return
		}
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newPeer(t, func(_ *peer, c *peerConn) {
		buf := make([]byte, 4096)
		answer := []byte(hello)
		for {
			if n, err := c.Read(buf); err != nil || n == 0 {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	c := newConn(t, p.url(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, keep := range []bool{false, true} {
		req := get(t)
		req.Keep = keep
		var resp Response
		var s metric.Sample
		n := testing.AllocsPerRun(2000, func() {
			c.Exchange(ctx, req, &resp, &s)
			if s.Outcome != metric.OK {
				t.Fatalf("%+v: %v", s, resp.Err)
			}
		})
		if n != 0 {
			t.Errorf("keep %v: %v allocations per exchange", keep, n)
		}
		resp.Release()
	}
}

func BenchmarkExchange(b *testing.B) {
	p := newPeer(b, func(_ *peer, c *peerConn) { answerFast(c, false) })
	c := newConn(b, p.url(), nil)
	req := get(b)
	req.Keep = false
	var resp Response
	var s metric.Sample
	b.ReportAllocs()
	for b.Loop() {
		c.Exchange(b.Context(), req, &resp, &s)
		if s.Outcome != metric.OK {
			b.Fatalf("%+v: %v", s, resp.Err)
		}
	}
}
