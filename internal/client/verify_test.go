package client

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// verify skips a counted suite unless it is asked for, and says how many times
// longer than usual it should be.
func verify(t *testing.T) (times int) {
	t.Helper()
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("a counted suite: make verify")
	}
	if os.Getenv("LT_SOAK") != "" {
		return 10
	}
	return 1
}

// wrong says how an exchange is not as the fault should make it.
func (f *fault) wrong(resp *Response, s metric.Sample) string {
	switch {
	case s.Outcome != f.outcome && (f.or == metric.OK || s.Outcome != f.or):
		return fmt.Sprintf("outcome %v, want %v", s.Outcome, f.outcome)
	case !slices.Contains(f.phases, s.Phase):
		return fmt.Sprintf("phase %v, want %v", s.Phase, f.phases)
	case f.status >= 0 && s.Status != f.status:
		return fmt.Sprintf("status %d, want %d", s.Status, f.status)
	case f.timeout > 0 && s.ServiceTime() < f.timeout:
		return fmt.Sprintf("timed out after %v, want %v", s.ServiceTime(), f.timeout)
	}
	return ""
}

// TestVerifyFaults does every kind of fault many times: 20,000 requests, none of
// which may be taken for anything else, and all of which the servers have seen.
func TestVerifyFaults(t *testing.T) {
	total := 20_000 * verify(t)
	type kind struct {
		name    string
		slow    bool
		heavy   bool
		timeout time.Duration
		peer    func() *peer
		options func(*Options)
		request func() *Request
		wrong   func(*Response, metric.Sample) string
		counted bool // each attempt is seen whole
	}
	var kinds []kind
	for _, f := range faults() {
		kinds = append(kinds, kind{
			name: f.name, slow: f.timeout > 0 || strings.HasPrefix(f.name, "reset inside"), heavy: f.req != nil, timeout: f.timeout,
			peer: func() *peer {
				return newPeer(t, func(_ *peer, c *peerConn) {
					if f.early || c.request() {
						f.serve(c)
					}
				})
			},
			options: func(o *Options) {
				if f.timeout > 0 {
					o.Timeout = f.timeout
				}
			},
			request: func() *Request {
				if f.req != nil {
					return f.req(t)
				}
				return get(t)
			},
			wrong: f.wrong, counted: !f.early,
		})
	}
	for _, f := range h2faults() {
		kinds = append(kinds, kind{
			name: "h2 " + f.name, slow: f.timeout > 0, timeout: f.timeout, peer: func() *peer { return f.peer(t) },
			options: f.options, request: func() *Request { return get(t) }, wrong: f.wrong, counted: f.greet == nil,
		})
	}
	rare, often := 0, 0
	for _, k := range kinds {
		if k.slow || k.heavy {
			rare++
		} else {
			often++
		}
	}
	const few = 20
	each := (total - rare*few + often - 1) / often
	var (
		made, wrong atomic.Int64
		work        = make(chan kind)
		wg          sync.WaitGroup
	)
	for range 8 {
		wg.Go(func() {
			for k := range work {
				n := each
				if k.slow || k.heavy {
					n = few
				}
				p := k.peer()
				cl := newClient(t, p.url(), k.options)
				req := k.request()
				again := int64(0)
				for i := range n {
					c := cl.NewConn()
					req.Keep = i%2 == 0
					resp, s, _ := doInTime(t, p, c, req, k.timeout)
					again += int64(s.Reconnects)
					if why := k.wrong(resp, s); why != "" && wrong.Add(1) <= 20 {
						t.Errorf("%s: %s (%+v: %v)", k.name, why, s, resp.Err)
					}
					if s.Outcome == metric.OK && wrong.Add(1) <= 20 {
						t.Errorf("%s: a success", k.name)
					}
					resp.Release()
					c.Close()
				}
				made.Add(int64(n))
				if seen := p.requests.Load(); k.counted && seen != int64(n)+again {
					t.Errorf("%s: %d attempts, %d of them again; the server saw %d", k.name, n, again, seen)
				}
				p.close()
			}
		})
	}
	for _, k := range kinds {
		work <- k
	}
	close(work)
	wg.Wait()
	t.Logf("%d kinds of faults, %d faulty requests, %d wrong", len(kinds), made.Load(), wrong.Load())
	if made.Load() < int64(total) {
		t.Errorf("%d requests, want %d", made.Load(), total)
	}
}

// TestVerifyDeadlines compares how late lt's timeouts are with how late those of
// bare sockets are in the same seconds.
func TestVerifyDeadlines(t *testing.T) {
	n := 40 * verify(t)
	const timeout, each = 200 * time.Millisecond, 16
	hang := newPeer(t, func(_ *peer, c *peerConn) { c.hang() })
	drip := newPeer(t, func(_ *peer, c *peerConn) {
		if c.request() {
			c.send(longHead)
			c.drip(strings.Repeat("x", 100), 10*time.Millisecond)
		}
	})
	h2 := newH2Peer(t, func(*h2peerConn, uint32) bool { return true })
	bare := func() time.Duration {
		nc, err := net.Dial("tcp", hang.ln.Addr().String())
		if err != nil {
			t.Error(err)
			return 0
		}
		defer nc.Close()
		start := time.Now()
		_ = nc.SetReadDeadline(start.Add(timeout))
		_, _ = nc.Read(make([]byte, 1))
		return time.Since(start)
	}
	through := func(cl *Client) func() time.Duration {
		return func() time.Duration {
			c := cl.NewConn()
			defer c.Close()
			resp, s := do(t.Context(), c, get(t))
			if s.Outcome != metric.Timeout {
				t.Errorf("%+v: %v", s, resp.Err)
			}
			return s.ServiceTime()
		}
	}
	limited := func(o *Options) { o.Timeout = timeout }
	ways := []struct {
		name string
		wait func() time.Duration
	}{
		{"bare", bare},
		{"HTTP/1.1, silent", through(newClient(t, hang.url(), limited))},
		{"HTTP/1.1, dripping", through(newClient(t, drip.url(), limited))},
		{"HTTP/2", through(newClient(t, h2.url(), func(o *Options) { limited(o); o.HTTP2, o.Connections = true, 4 }))},
	}
	late := make([][]time.Duration, len(ways))
	for range n / 2 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i, w := range ways {
			for range each / 2 {
				wg.Go(func() {
					d := w.wait() - timeout
					mu.Lock()
					late[i] = append(late[i], d)
					mu.Unlock()
				})
			}
		}
		wg.Wait()
	}
	p95 := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)*95/100] }
	control := p95(late[0])
	for i, w := range ways {
		over := p95(late[i])
		t.Logf("%s: %d timeouts, late by %v (P50), %v (P95), %v at most", w.name, len(late[i]), late[i][len(late[i])/2], over, late[i][len(late[i])-1])
		if over > control+timeout/20+10*time.Millisecond {
			t.Errorf("%s: late by %v, bare sockets by %v", w.name, over, control)
		}
	}
}

// TestVerifyMemory: what a target sends without end takes no memory.
func TestVerifyMemory(t *testing.T) {
	verify(t)
	flood := func(head, part string) func(*peer, *peerConn) {
		return func(_ *peer, c *peerConn) {
			if c.request() {
				c.send(head)
				c.forever(part)
			}
		}
	}
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	_, _ = io.CopyN(z, zeros{}, 200<<20)
	z.Close()
	for _, tt := range []struct {
		name  string
		serve func(*peer, *peerConn)
		want  metric.Outcome
		users int
		limit uint64
		keep  bool
	}{
		{"endless bodies", flood(okHead+"\r\n", strings.Repeat("y", 50_000)), metric.TooLarge, 50, 32 << 20, false},
		{"floods of headers", flood(okHead, strings.Repeat("X-Flood: yes\r\n", 500)), metric.TooLarge, 100, 32 << 20, false},
		{"endless header lines", flood(okHead+"X: ", strings.Repeat("y", 5000)), metric.TooLarge, 100, 32 << 20, false},
		{"endless bodies that are kept", flood(okHead+"\r\n", strings.Repeat("y", 50_000)), metric.TooLarge, 1, 256 << 20, true},
		{"gzip bombs", func(_ *peer, c *peerConn) {
			for c.request() {
				c.send(fmt.Sprintf(okHead+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", bomb.Len()))
				c.send(bomb.String())
			}
		}, metric.TooLarge, 1, 160 << 20, true},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			p := newPeer(t, tt.serve)
			cl := newClient(t, p.url(), func(o *Options) { o.MaxBody, o.MaxHeader, o.Timeout = 48<<20, 0, time.Minute })
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			end, most := make(chan struct{}), make(chan uint64)
			go func() {
				peak := uint64(0)
				for {
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapAlloc)
					select {
					case <-end:
						most <- peak
						return
					case <-time.After(2 * time.Millisecond):
					}
				}
			}()
			var wg sync.WaitGroup
			for range tt.users {
				wg.Go(func() {
					c := cl.NewConn()
					defer c.Close()
					for range 3 {
						req := get(t, Header{"Accept-Encoding", AcceptEncoding})
						req.Keep, req.Decode = tt.keep, tt.keep
						resp, s := do(t.Context(), c, req)
						if s.Outcome != tt.want {
							t.Errorf("%+v: %v", s, resp.Err)
						}
						resp.Release()
					}
				})
			}
			wg.Wait()
			close(end)
			peak := <-most
			t.Logf("%d MiB more at the peak", (int64(peak)-int64(before.HeapAlloc))>>20)
			if peak > before.HeapAlloc+tt.limit {
				t.Errorf("the heap grew by %d MiB, want %d at most", (peak-before.HeapAlloc)>>20, tt.limit>>20)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
