package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// h2Server is net/http's server of HTTP/2, over TLS or in the clear.
func h2Server(t testing.TB, secure bool, config *http.HTTP2Config, h http.Handler) (u *url.URL, opened *atomic.Int64, change func(*Options)) {
	t.Helper()
	opened = &atomic.Int64{}
	s := httptest.NewUnstartedServer(h)
	s.Config.HTTP2 = config
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	change = func(o *Options) { o.HTTP2 = true }
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		change = func(o *Options) { o.HTTP2, o.TLS = true, &tls.Config{RootCAs: pool} }
	} else {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, opened, change
}

// mirror tells a client what it has asked.
var mirror = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Seen", fmt.Sprintf("%s %s %s %s %s %d %d", r.Proto, r.Method, r.Host, r.URL.RequestURI(), r.Header.Get("X-Mine"), r.ContentLength, len(body)))
	if r.Header.Get("Connection") != "" {
		w.WriteHeader(http.StatusBadRequest)
	}
	switch n, _ := strconv.Atoi(r.URL.Query().Get("size")); {
	case r.URL.Path == "/echo":
		_, _ = w.Write(body)
	case r.URL.Path == "/hints":
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "after")
	case r.URL.Path == "/trailer":
		w.Header().Set("Trailer", "X-End")
		_, _ = io.WriteString(w, "with")
		w.Header().Set("X-End", "1")
	case r.URL.Path == "/status":
		w.WriteHeader(n)
	case n > 0:
		_, _ = w.Write(bytes.Repeat([]byte("x"), n))
	}
})

func TestH2Conforms(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, shared := range []int{0, 1} {
			t.Run(fmt.Sprintf("tls=%v/shared=%d", secure, shared), func(t *testing.T) {
				t.Parallel()
				u, opened, change := h2Server(t, secure, nil, mirror)
				c := newConn(t, u, func(o *Options) { change(o); o.Connections, o.MaxBody = shared, 64<<20 })
				big := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
				for i, tt := range []struct {
					method, target string
					headers        []Header
					body           []byte
					status, size   int
				}{
					{method: "GET", target: "/?size=5", status: 200, size: 5},
					{method: "GET", target: "/?size=5", headers: []Header{{"X-Mine", "yes"}, {"Connection", "close"}}, status: 200, size: 5},
					{method: "GET", target: "/?size=20000000", status: 200, size: 20_000_000},
					{method: "HEAD", target: "/?size=5000", status: 200},
					{method: "POST", target: "/echo", body: []byte("hello"), status: 200, size: 5},
					{method: "POST", target: "/echo", body: big, status: 200, size: len(big)},
					{method: "POST", target: "/echo", headers: []Header{{"Transfer-Encoding", "chunked"}}, body: big, status: 200, size: len(big)},
					{method: "POST", target: "/echo", status: 200},
					{method: "GET", target: "/hints", status: 200, size: 5},
					{method: "GET", target: "/trailer", status: 200, size: 4},
					{method: "GET", target: "/status?size=204", status: 204},
					{method: "GET", target: "/status?size=304", status: 304},
					{method: "GET", target: "/status?size=503", status: 503},
					{method: "GET", target: "/" + strings.Repeat("long", 8000), status: 200},
				} {
					wire, err := AppendRequest(nil, tt.method, tt.target, "test.example", tt.headers, tt.body)
					if err != nil {
						t.Fatal(err)
					}
					for _, keep := range []bool{true, false, true} {
						resp, s := do(t.Context(), c, &Request{Wire: wire, Keep: keep, NoBody: tt.method == "HEAD", Expect: []int{tt.status}})
						checkSample(t, s, resp)
						if s.Outcome != metric.OK || s.Status != tt.status || s.Phase != metric.PhaseBody {
							t.Fatalf("%s %.40s: %+v: %v", tt.method, tt.target, s, resp.Err)
						}
						if !keep {
							continue
						}
						if len(resp.Body) != tt.size || resp.Truncated {
							t.Errorf("%s %.40s: %d bytes, want %d", tt.method, tt.target, len(resp.Body), tt.size)
						}
						if want := fmt.Sprintf("HTTP/2.0 %s test.example %s", tt.method, tt.target); !strings.HasPrefix(resp.HeaderValue("x-seen"), want) {
							t.Errorf("the server saw %.80q, want %.80q", resp.HeaderValue("x-seen"), want)
						}
						if !strings.HasPrefix(string(resp.Header), fmt.Sprintf("HTTP/2 %d\r\n", tt.status)) {
							t.Errorf("%.40q", resp.Header)
						}
						if first := i == 0 && s.Connected > 0; first == s.Reused {
							t.Errorf("%+v", s)
						}
						resp.Release()
						i++
					}
				}
				if n := opened.Load(); n != 1 {
					t.Errorf("%d connections", n)
				}
			})
		}
	}
}

// TestH2Shares: many users share few connections, none of which carries more than
// the server allows, and every answer reaches the one who asked.
func TestH2Shares(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			t.Parallel()
			var now, most atomic.Int64
			u, opened, change := h2Server(t, secure, &http.HTTP2Config{MaxConcurrentStreams: 10}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				body, _ := io.ReadAll(r.Body)
				_, _ = w.Write(body)
				now.Add(-1)
			}))
			cl := newClient(t, u, func(o *Options) { change(o); o.Connections = 3 })
			const users, rounds = 100, 30
			var conns [users]*Conn // all made before the first begins: the last to close ends its connection
			for id := range conns {
				conns[id] = cl.NewConn()
			}
			var wg sync.WaitGroup
			for id, c := range conns {
				wg.Go(func() {
					defer c.Close()
					var resp Response
					for i := range rounds {
						body := bytes.Repeat(fmt.Appendf(nil, "user %d round %d;", id, i), 1+i*id%97*10)
						var s metric.Sample
						c.Exchange(t.Context(), request(t, "POST", body), &resp, &s)
						checkSample(t, s, &resp)
						// Before its settings have come nobody knows what the server allows; what it
						// refuses then is the target's word.
						if s.Outcome != metric.OK && !strings.Contains(fmt.Sprint(resp.Err), "REFUSED_STREAM") {
							t.Errorf("%+v: %v", s, resp.Err)
						}
						if s.Outcome == metric.OK && !bytes.Equal(resp.Body, body) {
							t.Errorf("user %d got another's answer", id)
						}
					}
				})
			}
			wg.Wait()
			if n := opened.Load(); n != 3 {
				t.Errorf("%d connections", n)
			}
			if n := most.Load(); n > 30 {
				t.Errorf("%d requests at once on 3 connections of 10", n)
			}
		})
	}
}

func TestH2Aborted(t *testing.T) {
	block := make(chan struct{})
	u, _, change := h2Server(t, false, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			select {
			case <-block:
			case <-r.Context().Done():
			}
		}
	}))
	defer close(block)
	cl := newClient(t, u, func(o *Options) { change(o); o.Connections = 1 })
	idle := cl.NewConn()
	defer idle.Close()
	if _, s := do(t.Context(), idle, get(t)); s.Outcome != metric.OK {
		t.Fatalf("%+v", s)
	}
	hang, _ := AppendRequest(nil, "GET", "/hang", "test.example", nil, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			c := cl.NewConn()
			defer c.Close()
			go func() { time.Sleep(10 * time.Millisecond); cancel() }()
			if _, s := do(ctx, c, &Request{Wire: hang}); s.Outcome != metric.Aborted {
				t.Errorf("%+v", s)
			}
			if _, s := do(ctx, c, &Request{Wire: hang}); s.Outcome != metric.Aborted {
				t.Errorf("after the end: %+v", s)
			}
			// The connection is the others' too, and lives.
			if _, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK || !s.Reused {
				t.Errorf("afterwards: %+v", s)
			}
		})
	}
	wg.Wait()
}

// TestH2Refused: a target that is not there fails each of the users who waited
// for the one connection.
func TestH2Refused(t *testing.T) {
	cl := newClient(t, deadPort(t), func(o *Options) { o.HTTP2, o.Connections = true, 1 })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			c := cl.NewConn()
			defer c.Close()
			for range 5 {
				if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.Refused || s.Phase != metric.PhaseDial {
					t.Errorf("%+v: %v", s, resp.Err)
				}
			}
		})
	}
	wg.Wait()
}

// TestH2OverHTTP1: a server without HTTP/2 is named.
func TestH2OverHTTP1(t *testing.T) {
	plain := httptest.NewServer(mirror)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(mirror)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for _, tt := range []struct {
		url  string
		want metric.Outcome
	}{{plain.URL, metric.Protocol}, {secure.URL, metric.TLS}} {
		u, _ := url.Parse(tt.url)
		c := newConn(t, u, func(o *Options) { o.HTTP2, o.TLS = true, &tls.Config{InsecureSkipVerify: true} })
		if resp, s := do(t.Context(), c, get(t)); s.Outcome != tt.want {
			t.Errorf("%s: %+v: %v", tt.url, s, resp.Err)
		}
	}
}

// TestH2Allocations: of an exchange, only what HPACK makes of the answer's headers
// is left for the collector.
func TestH2Allocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newH2Peer(t, func(c *h2peerConn, id uint32) bool {
		c.answer(id, "200", "hello")
		return true
	})
	c := newConn(t, p.url(), func(o *Options) { o.HTTP2 = true })
	req := get(t)
	req.Keep = false
	var resp Response
	var s metric.Sample
	n := testing.AllocsPerRun(1000, func() {
		c.Exchange(t.Context(), req, &resp, &s)
		if s.Outcome != metric.OK {
			t.Fatalf("%+v: %v", s, resp.Err)
		}
	})
	if n > 30 { // the server of the test is counted too
		t.Errorf("%v allocations per exchange and answer", n)
	}
	t.Logf("%v allocations per exchange, the server's included", n)
}
