package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestParsePin(t *testing.T) {
	for text, want := range map[string]string{
		"a.test:443:127.0.0.1":               "{a.test 443 [127.0.0.1]}",
		"a.test:80:127.0.0.1,[::1],10.1.2.3": "{a.test 80 [127.0.0.1 ::1 10.1.2.3]}",
		"[::2]:80:::1":                       "{::2 80 [::1]}",
		"a.test:443":                         "",
		"a.test:443:":                        "",
		":443:127.0.0.1":                     "",
		"a.test:0:127.0.0.1":                 "",
		"a.test:65536:127.0.0.1":             "",
		"a.test:443:b.test":                  "",
		"[::2:443:127.0.0.1":                 "",
		"":                                   "",
	} {
		got, err := ParsePin(text)
		if (err != nil) != (want == "") || err == nil && fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseDetour(t *testing.T) {
	for text, want := range map[string]string{
		"a.test:443:b.test:8443": "{a.test 443 b.test 8443}",
		"::b.test:8443":          "{ 0 b.test 8443}",
		"a.test:443::8443":       "{a.test 443  8443}",
		"::[::1]:80":             "{ 0 ::1 80}",
		":::":                    "",
		"a.test:443:b.test":      "",
		"a.test:x:b.test:1":      "",
		"a:1:b:2:c":              "",
		"":                       "",
	} {
		got, err := ParseDetour(text)
		if (err != nil) != (want == "") || err == nil && fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
		}
	}
}

func FuzzRoutes(f *testing.F) {
	f.Add("a.test:443:127.0.0.1")
	f.Add("[::1]:443:[::2]:1")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePin(s); err == nil && (p.Host == "" || p.Port == 0 || len(p.Addrs) == 0) {
			t.Errorf("%q: %+v", s, p)
		}
		if d, err := ParseDetour(s); err == nil && d.ToHost == "" && d.ToPort == 0 {
			t.Errorf("%q: %+v", s, d)
		}
	})
}

// TestRoutes: pins and detours change where a request goes, and nothing in it.
func TestRoutes(t *testing.T) {
	p := newPeer(t, echo)
	host, port, _ := net.SplitHostPort(p.url().Host)
	n := netip.MustParseAddrPort(p.url().Host).Port()
	lookups := 0
	for name, change := range map[string]func(*Options){
		"pin": func(o *Options) {
			o.Target.Host = "Far.test:" + port
			o.Pins = []Pin{{"other.test", n, addrs("10.0.0.1")}, {"far.TEST", n, addrs(host)}}
		},
		"detour": func(o *Options) { o.Detours = []Detour{{"x.test", 0, "nowhere.test", 1}, {"", 80, host, n}} },
		"detour and pin": func(o *Options) {
			o.Detours = []Detour{{"far.test", 80, "near.test", n}}
			o.Pins = []Pin{{"near.test", n, addrs(host)}}
		},
		"look-up": func(o *Options) { o.Detours = []Detour{{ToPort: n}} },
		"source":  func(o *Options) { o.Detours = []Detour{{ToPort: n}}; o.Sources = addrs("::1", "127.0.0.1") },
	} {
		c := newConn(t, &url.URL{Scheme: "http", Host: "far.test"}, func(o *Options) {
			o.Lookup = func(context.Context, string) ([]netip.Addr, error) { lookups++; return addrs(host), nil }
			change(o)
		})
		resp, s := do(t.Context(), c, get(t))
		checkSample(t, s, resp)
		looked := name == "look-up" || name == "source"
		if s.Outcome != metric.OK || (s.Resolved > 0) != looked || looked && s.Resolved > s.Connected {
			t.Errorf("%s: %+v: %v", name, s, resp.Err)
		}
	}
	if lookups != 2 {
		t.Errorf("%d look-ups", lookups)
	}
}

// TestSources: connections come from the addresses in turn; without one that fits
// lt is at fault.
func TestSources(t *testing.T) {
	seen := map[string]int{}
	p := newPeer(t, func(_ *peer, c *peerConn) {
		if c.request() {
			c.send(strings.Replace(hello, "hello", "H"+c.RemoteAddr().String()[6:9]+"x", 1)) // 127.0.[0.1]
		}
	})
	cl := newClient(t, p.url(), func(o *Options) { o.Sources = addrs("127.0.0.1") })
	if !usableLoopback("127.0.0.2") {
		t.Skip("this system has one loopback address only")
	}
	cl.opts.Sources = addrs("127.0.0.1", "127.0.0.2", "::1")
	for range 6 {
		c := cl.NewConn()
		resp, s := do(t.Context(), c, get(t))
		if s.Outcome != metric.OK {
			t.Fatalf("%+v: %v", s, resp.Err)
		}
		seen[string(resp.Body)]++
		c.Close()
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
	cl.opts.Sources = addrs("::1")
	c := cl.NewConn()
	defer c.Close()
	if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.Generator || s.Phase != metric.PhaseDial {
		t.Errorf("%+v: %v", s, resp.Err)
	}
}

func usableLoopback(a string) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(a, "0"))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// TestRefresh: a look-up holds for its time, and the next one is seen; one that
// fails costs the exchange that asked, and the others go on.
func TestRefresh(t *testing.T) {
	a, b := newPeer(t, echo), newPeer(t, echo)
	if !usableLoopback("127.0.0.2") {
		t.Skip("this system has one loopback address only")
	}
	ln, err := net.Listen("tcp", "127.0.0.2:"+strings.Split(a.url().Host, ":")[1])
	if err != nil {
		t.Skip(err)
	}
	b.ln.Close()
	defer ln.Close()
	var second atomic.Int64
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			second.Add(1)
			go echo(a, &peerConn{TCPConn: nc.(*net.TCPConn), peer: a, r: bufio.NewReader(nc)})
		}
	}()
	var answer atomic.Value
	answer.Store("127.0.0.1")
	var looks atomic.Int64
	cl := newClient(t, &url.URL{Scheme: "http", Host: "far.test:" + strings.Split(a.url().Host, ":")[1]}, func(o *Options) {
		o.Refresh, o.NoKeepAlive = 30*time.Millisecond, true
		o.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			looks.Add(1)
			if s := answer.Load().(string); s != "" {
				return addrs(s), nil
			}
			return nil, errNoDNS
		}
	})
	c := cl.NewConn()
	defer c.Close()
	until(t, "three look-ups", func() bool { // of a connection each
		if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK {
			t.Fatalf("%+v: %v", s, resp.Err)
		}
		return looks.Load() >= 3
	})
	if second.Load() > 0 {
		t.Fatal("the second address was used too early")
	}
	answer.Store("127.0.0.2")
	until(t, "the second address", func() bool {
		if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK {
			t.Fatalf("%+v: %v", s, resp.Err)
		}
		return second.Load() > 0
	})
	answer.Store("")
	until(t, "a failure", func() bool {
		_, s := do(t.Context(), c, get(t))
		return s.Outcome == metric.DNS && s.Phase == metric.PhaseDNS
	})
	answer.Store("127.0.0.1")
	until(t, "a success", func() bool { _, s := do(t.Context(), c, get(t)); return s.Outcome == metric.OK })
}

func TestNoKeepAlive(t *testing.T) {
	p := newPeer(t, echo)
	c := newConn(t, p.url(), func(o *Options) { o.NoKeepAlive = true })
	for range 5 {
		if _, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK || s.Reused || s.Reconnects != 0 {
			t.Errorf("%+v", s)
		}
	}
	if n := p.accepted.Load(); n != 5 {
		t.Errorf("%d connections", n)
	}
}

// httpProxy is a proxy that wants u:secret, or answers with a status.
func httpProxy(t *testing.T, status int) (u *url.URL, seen *atomic.Int64) {
	t.Helper()
	seen = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.Header.Get("Proxy-Authorization") != "Basic dTpzZWNyZXQ=" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		if r.Method == http.MethodConnect {
			to, err := net.Dial("tcp", r.Host)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			from, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(from, "HTTP/1.1 200 Connected\r\n\r\n")
			go func() { _, _ = io.Copy(to, from); to.Close() }()
			_, _ = io.Copy(from, to)
			from.Close()
			return
		}
		if !r.URL.IsAbs() {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.RequestURI = ""
		r.Header.Del("Proxy-Authorization")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	u, _ = url.Parse(s.URL)
	u.User = url.UserPassword("u", "secret")
	return u, seen
}

func TestHTTPProxy(t *testing.T) {
	plain := newPeer(t, func(_ *peer, c *peerConn) {
		for {
			r, err := http.ReadRequest(c.r)
			if err != nil {
				return
			}
			if r.Header.Get("Proxy-Authorization") != "" || r.RequestURI != "/" {
				t.Errorf("the target got %s and the proxy's credentials: %v", r.RequestURI, r.Header)
			}
			c.send(hello)
		}
	})
	secure := httptest.NewUnstartedServer(mirror)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	tlsURL, _ := url.Parse(secure.URL)
	clear, _, _ := h2Server(t, false, nil, mirror)

	via, seen := httpProxy(t, 0)
	wrong := *via
	wrong.User = nil
	broken, _ := httpProxy(t, 502)
	for _, tt := range []struct {
		name    string
		target  *url.URL
		via     *url.URL
		h2      bool
		outcome metric.Outcome
		phase   metric.Phase
	}{
		{"plain", plain.url(), via, false, metric.OK, metric.PhaseBody},
		{"tls", tlsURL, via, false, metric.OK, metric.PhaseBody},
		{"h2", tlsURL, via, true, metric.OK, metric.PhaseBody},
		{"h2c", clear, via, true, metric.OK, metric.PhaseBody},
		{"plain, no credentials", plain.url(), &wrong, false, metric.Status, metric.PhaseBody},
		{"tls, no credentials", tlsURL, &wrong, false, metric.Unreachable, metric.PhaseDial},
		{"tls, broken", tlsURL, broken, false, metric.Unreachable, metric.PhaseDial},
		{"no proxy there", tlsURL, deadPort(t), false, metric.Refused, metric.PhaseDial},
	} {
		c := newConn(t, tt.target, func(o *Options) { o.Proxy, o.HTTP2, o.TLS = tt.via, tt.h2, &tls.Config{RootCAs: pool} })
		for i := range 3 {
			resp, s := do(t.Context(), c, get(t))
			checkSample(t, s, resp)
			if s.Outcome != tt.outcome || s.Phase != tt.phase || tt.outcome == metric.OK && (i > 0) != s.Reused {
				t.Errorf("%s: %+v: %v", tt.name, s, resp.Err)
			}
			if resp.Err != nil && strings.Contains(resp.Err.Error(), "secret") {
				t.Errorf("%s: the password stands in %v", tt.name, resp.Err)
			}
		}
	}
	if seen.Load() < 4 {
		t.Errorf("the proxy saw %d requests", seen.Load())
	}
}

// socksPeer is a SOCKS5 proxy that wants u:secret.
func socksPeer(t *testing.T, code byte) *peer {
	return newPeer(t, func(_ *peer, c *peerConn) {
		b := make([]byte, 512)
		read := func(n int) []byte { _, _ = io.ReadFull(c.r, b[:n]); return b[:n] }
		read(int(read(2)[1]))
		c.send("\x05\x02")
		user := string(read(int(read(2)[1])))
		if password := string(read(int(read(1)[0]))); user != "u" || password != "secret" {
			c.send("\x01\x01")
			return
		}
		c.send("\x01\x00")
		var host string
		switch kind := read(4)[3]; kind {
		case 1:
			host = net.IP(read(4)).String()
		case 3:
			host = string(read(int(read(1)[0])))
		}
		port := binary.BigEndian.Uint16(read(2))
		c.send("\x05" + string(code) + "\x00\x01\x00\x00\x00\x00\x00\x00")
		if code != 0 {
			return
		}
		to, err := net.Dial("tcp", net.JoinHostPort(strings.Replace(host, "far.test", "127.0.0.1", 1), fmt.Sprint(port)))
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(c, to); c.Close() }()
		_, _ = io.Copy(to, c.r)
		to.Close()
	})
}

func TestSOCKS(t *testing.T) {
	target := newPeer(t, echo)
	_, port, _ := net.SplitHostPort(target.url().Host)
	for _, tt := range []struct {
		name, user string
		code       byte
		outcome    metric.Outcome
	}{{"good", "secret", 0, metric.OK}, {"wrong password", "public", 0, metric.Unreachable}, {"refused", "secret", 5, metric.Unreachable}} {
		via := socksPeer(t, tt.code).url()
		via.Scheme, via.User = "socks5", url.UserPassword("u", tt.user)
		c := newConn(t, &url.URL{Scheme: "http", Host: "far.test:" + port}, func(o *Options) {
			o.Proxy = via
			o.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errNoDNS } // the proxy looks it up
		})
		resp, s := do(t.Context(), c, get(t))
		checkSample(t, s, resp)
		if s.Outcome != tt.outcome || tt.outcome != metric.OK && s.Phase != metric.PhaseDial {
			t.Errorf("%s: %+v: %v", tt.name, s, resp.Err)
		}
	}
}

// TestProxyIsNoWayAround: what may not be connected to directly may not through a
// proxy, nor what only the proxy can look up.
func TestProxyIsNoWayAround(t *testing.T) {
	errPublic := errors.New("public")
	via, seen := httpProxy(t, 0)
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		cl := newClient(t, &url.URL{Scheme: "https", Host: "far.test"}, func(o *Options) {
			o.Proxy = via
			o.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
				if !known || host != "far.test" {
					return nil, errNoDNS
				}
				return addrs("192.0.2.1"), nil
			}
			o.Allow = func(a netip.AddrPort) error {
				if a.Addr().IsLoopback() {
					return nil
				}
				return errPublic
			}
		})
		if err := cl.Check(t.Context()); !errors.Is(err, errPublic) {
			t.Errorf("%s: Check says %v", name, err)
		}
		c := cl.NewConn()
		if _, s := do(t.Context(), c, get(t)); s.Outcome != metric.Generator {
			t.Errorf("%s: %+v", name, s)
		}
		c.Close()
	}
	if seen.Load() > 0 {
		t.Error("the proxy was asked")
	}
}

// TestTLSOptions: client certificates, resumption or none of it, and what another
// origin does not get.
func TestTLSOptions(t *testing.T) {
	var resumed, full, named atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			resumed.Add(1)
		} else {
			full.Add(1)
		}
		if len(r.TLS.PeerCertificates) > 0 {
			named.Add(1)
		}
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	defer s.Close()
	u, _ := url.Parse(s.URL)
	mine, _ := certificate(t, "me.test", time.Now().Add(time.Hour))
	config := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{mine}}
	const n = 5
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, noResume := range []bool{false, true} {
			resumed.Store(0)
			full.Store(0)
			named.Store(0)
			config := config.Clone()
			config.MaxVersion = version
			cl := newClient(t, u, func(o *Options) { o.TLS, o.NoResume, o.NoKeepAlive = config, noResume, true })
			c := cl.NewConn()
			for range n {
				if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK {
					t.Fatalf("%+v: %v", s, resp.Err)
				}
			}
			c.Close()
			want := int64(n - 1)
			if noResume {
				want = 0
			}
			if resumed.Load() != want || full.Load() != n-want || named.Load() != n {
				t.Errorf("TLS %x, no resumption %v: %d resumed, %d not, %d with a certificate", version, noResume, resumed.Load(), full.Load(), named.Load())
			}
		}
	}
	named.Store(0)
	other, err := newClient(t, u, func(o *Options) { o.TLS = config }).For(u)
	if err != nil {
		t.Fatal(err)
	}
	c := other.NewConn()
	defer c.Close()
	if _, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK || named.Load() != 0 {
		t.Errorf("%+v: another origin was shown the certificate", s)
	}
}

func TestChunkedUpload(t *testing.T) {
	var got atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) != 1 || r.ContentLength != -1 {
			w.WriteHeader(http.StatusBadRequest)
		}
		n, _ := io.Copy(io.Discard, r.Body)
		got.Store(n)
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	c := newConn(t, u, nil)
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 5 << 20} {
		_, s := do(t.Context(), c, request(t, "PUT", make([]byte, size), Header{"Transfer-Encoding", "Chunked"}))
		if s.Outcome != metric.OK || got.Load() != int64(size) {
			t.Errorf("%d bytes: %+v, the server got %d", size, s, got.Load())
		}
	}
}
