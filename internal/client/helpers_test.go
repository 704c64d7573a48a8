package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestMain(m *testing.M) {
	if child := os.Getenv("LT_CLIENT_TEST_CHILD"); child != "" {
		children[child]()
		return
	}
	goleak.VerifyTestMain(m)
}

// children are what a test runs in a process of its own.
var children = map[string]func(){}

// A peer is a raw TCP server that does to each connection what a test says.
type peer struct {
	t        testing.TB
	ln       net.Listener
	accepted atomic.Int64
	requests atomic.Int64 // seen whole
	ended    atomic.Int64 // connections that a test has ended, as it counts them

	mu     sync.Mutex
	conns  []net.Conn
	wg     sync.WaitGroup
	closed bool
}

// newPeer serves every connection with handle, which may return with the
// connection open: it is closed when the test ends.
func newPeer(t testing.TB, handle func(p *peer, c *peerConn)) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, ln: ln}
	p.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			if p.closed {
				nc.Close()
				p.mu.Unlock()
				continue
			}
			p.conns = append(p.conns, nc)
			p.mu.Unlock()
			p.accepted.Add(1)
			p.wg.Go(func() {
				handle(p, &peerConn{TCPConn: nc.(*net.TCPConn), peer: p, r: bufio.NewReader(nc)})
			})
		}
	})
	t.Cleanup(p.close)
	return p
}

func (p *peer) close() {
	p.ln.Close()
	p.mu.Lock()
	p.closed = true
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *peer) url() *url.URL { return &url.URL{Scheme: "http", Host: p.ln.Addr().String()} }

// A peerConn is one connection that a peer has accepted.
type peerConn struct {
	*net.TCPConn
	peer *peer
	r    *bufio.Reader
}

// request reads one request with its body; false when the connection ends.
func (c *peerConn) request() bool {
	req, err := http.ReadRequest(c.r)
	if err != nil {
		return false
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	c.peer.requests.Add(1)
	return true
}

func (c *peerConn) send(s string) bool {
	_, err := io.WriteString(c, s)
	return err == nil
}

// fin closes the connection; what the client has sent was read, so that no reset
// follows.
func (c *peerConn) fin() { c.Close() }

// rst resets the connection.
func (c *peerConn) rst() {
	_ = c.SetLinger(0)
	c.Close()
}

// forever sends s until the connection breaks.
func (c *peerConn) forever(s string) {
	for c.send(s) {
	}
}

// drip sends s byte by byte.
func (c *peerConn) drip(s string, every time.Duration) {
	for i := range len(s) {
		if !c.send(s[i : i+1]) {
			return
		}
		time.Sleep(every)
	}
}

// hang waits until the client gives up.
func (c *peerConn) hang() { _, _ = io.Copy(io.Discard, c.r) }

// swallow reads on beside whoever writes. It leaves the buffer alone, for the one
// who reads requests looks at that when the writing has failed.
func (c *peerConn) swallow() { _, _ = io.Copy(io.Discard, c.TCPConn) }

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// echo answers every request with a 200.
func echo(_ *peer, c *peerConn) {
	for c.request() {
		if !c.send(hello) {
			return
		}
	}
	c.Close()
}

// newClient is a client for u with test-sized limits, which change may change.
func newClient(t testing.TB, u *url.URL, change func(*Options)) *Client {
	t.Helper()
	opts := Options{
		Target: u, Clock: metric.NewClock(),
		Timeout: 10 * time.Second, ConnectTimeout: 5 * time.Second,
		MaxHeader: 64 << 10, MaxBody: 1 << 20,
	}
	if change != nil {
		change(&opts)
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newConn is a connection to u that the test closes at its end.
func newConn(t testing.TB, u *url.URL, change func(*Options)) *Conn {
	t.Helper()
	c := newClient(t, u, change).NewConn()
	t.Cleanup(c.Close)
	return c
}

// get is a GET of "/".
func get(t testing.TB, headers ...Header) *Request {
	t.Helper()
	return request(t, "GET", nil, headers...)
}

func request(t testing.TB, method string, body []byte, headers ...Header) *Request {
	t.Helper()
	wire, err := AppendRequest(nil, method, "/", "test.example", headers, body)
	if err != nil {
		t.Fatal(err)
	}
	return &Request{Wire: wire, Keep: true, NoBody: method == "HEAD"}
}

// do is one exchange, the response of which stays valid.
func do(ctx context.Context, c *Conn, req *Request) (*Response, metric.Sample) {
	var resp Response
	var s metric.Sample
	c.Exchange(ctx, req, &resp, &s)
	return &resp, s
}

// until waits for a condition, with far more patience than it should need.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// overrun starts measuring by how much this machine is late; what it returns
// stops that and says the sum of it. Tests of deadlines grant it.
func overrun() (stop func() time.Duration) {
	const beat = 2 * time.Millisecond
	end, sum := make(chan struct{}), make(chan time.Duration)
	go func() {
		var late time.Duration
		for {
			start := time.Now()
			select {
			case <-end:
				sum <- late
				return
			case <-time.After(beat):
				late += time.Since(start) - beat
			}
		}
	}()
	return func() time.Duration { close(end); return <-sum }
}

// checkSample checks what holds for every sample.
func checkSample(t testing.TB, s metric.Sample, resp *Response) {
	t.Helper()
	if s.Sent <= 0 || s.End < s.Sent {
		t.Errorf("sent %v, end %v", s.Sent, s.End)
	}
	at := s.Sent
	for _, stamp := range []time.Duration{s.Resolved, s.Connected, s.TLSDone, s.FirstByte, s.End} {
		if stamp != 0 && stamp < at {
			t.Errorf("stamps out of order: %+v", s)
		}
		at = max(at, stamp)
	}
	if (s.Outcome == metric.OK || s.Outcome == metric.Status) != (resp.Err == nil) {
		t.Errorf("outcome %v with error %v", s.Outcome, resp.Err)
	}
	if s.Reused && s.Connected != 0 {
		t.Errorf("reused, and connected at %v", s.Connected)
	}
}

var errNoDNS = errors.New("no name server here")
