package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestNewSaysEveryMistake(t *testing.T) {
	for target, want := range map[string][]string{
		"":                       {"no target"},
		"ftp://":                 {"no host", "http or https"},
		"http://h:70000":         {"port"},
		"http://user:pw@h:0":     {"port"},
		"http://127.0.0.1":       nil,
		"https://[::1]:8443/x?y": nil,
	} {
		var u *url.URL
		if target != "" {
			var err error
			if u, err = url.Parse(target); err != nil {
				t.Fatal(err)
			}
		}
		_, err := New(Options{Target: u})
		if (err == nil) != (want == nil) {
			t.Errorf("%s: %v", target, err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "pw") {
				t.Errorf("%s: %v, want %q", target, err, w)
			}
		}
	}
	_, err := New(Options{Timeout: -1, MaxBody: -1})
	for _, w := range []string{"no target", "timeout", "body limit"} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%v, want %q", err, w)
		}
	}
}

// deadPort is an address where nothing listens.
func deadPort(t testing.TB) *url.URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}
}

func TestRefused(t *testing.T) {
	c := newConn(t, deadPort(t), nil)
	for range 100 {
		resp, s := do(t.Context(), c, get(t))
		checkSample(t, s, resp)
		if s.Outcome != metric.Refused || s.Phase != metric.PhaseDial || s.BytesOut != 0 {
			t.Fatalf("%+v: %v", s, resp.Err)
		}
	}
}

func TestBlackhole(t *testing.T) {
	hole := blackhole(t)
	for name, tt := range map[string]struct {
		timeout, connect time.Duration
		want             metric.Outcome
	}{
		"connect timeout": {10 * time.Second, patience, metric.Unreachable},
		"timeout":         {patience, 10 * time.Second, metric.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConn(t, hole, func(o *Options) { o.Timeout, o.ConnectTimeout = tt.timeout, tt.connect })
			resp, s := do(t.Context(), c, get(t))
			checkSample(t, s, resp)
			if s.Outcome != tt.want || s.Phase != metric.PhaseDial {
				t.Errorf("%+v: %v", s, resp.Err)
			}
			if took := s.ServiceTime(); took < patience || took > 10*patience {
				t.Errorf("gave up after %v", took)
			}
		})
	}
}

func TestDNS(t *testing.T) {
	broken := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errNoDNS }}
	cl := newClient(t, &url.URL{Scheme: "http", Host: "gateway.invalid"}, nil)
	cl.resolver = broken
	c := cl.NewConn()
	defer c.Close()
	resp, s := do(t.Context(), c, get(t))
	checkSample(t, s, resp)
	if s.Outcome != metric.DNS || s.Phase != metric.PhaseDNS {
		t.Errorf("%+v: %v", s, resp.Err)
	}
	if err := cl.Resolve(t.Context()); err == nil {
		t.Error("Resolve found something")
	}

	silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	cl = newClient(t, &url.URL{Scheme: "http", Host: "gateway.invalid"}, func(o *Options) { o.ConnectTimeout = patience })
	cl.resolver = silent
	var wg sync.WaitGroup
	for range 3 { // one looks up, the others wait for it, each no longer than it may
		wg.Go(func() {
			c := cl.NewConn()
			defer c.Close()
			resp, s := do(t.Context(), c, get(t))
			if s.Outcome != metric.DNS || s.Phase != metric.PhaseDNS || s.ServiceTime() > 10*patience {
				t.Errorf("%+v: %v", s, resp.Err)
			}
		})
	}
	wg.Wait()
}

// TestAddresses: a target of several addresses gets connections on each in turn,
// and one that is dead costs no request.
func TestAddresses(t *testing.T) {
	a, b := newPeer(t, echo), newPeer(t, echo)
	addr := func(u *url.URL) *address { return &address{AddrPort: netip.MustParseAddrPort(u.Host)} }

	dial := func(cl *Client, n int) {
		for range n {
			c := cl.NewConn()
			if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.OK {
				t.Errorf("%+v: %v", s, resp.Err)
			}
			c.Close()
		}
	}
	cl := newClient(t, a.url(), nil)
	cl.addrs.Store(&resolution{addrs: []*address{addr(a.url()), addr(b.url())}})
	dial(cl, 10)
	if x, y := a.accepted.Load(), b.accepted.Load(); x != 5 || y != 5 {
		t.Errorf("%d and %d connections", x, y)
	}
	cl.addrs.Store(&resolution{addrs: []*address{addr(a.url()), addr(deadPort(t)), addr(b.url())}})
	dial(cl, 10)
	if x, y := a.accepted.Load(), b.accepted.Load(); x+y != 20 || x < 8 || y < 8 {
		t.Errorf("%d and %d connections", x, y)
	}
	cl.addrs.Store(&resolution{addrs: []*address{addr(deadPort(t)), addr(deadPort(t))}})
	c := cl.NewConn()
	defer c.Close()
	if resp, s := do(t.Context(), c, get(t)); s.Outcome != metric.Refused {
		t.Errorf("%+v: %v", s, resp.Err)
	}
}

// certificate makes a self-signed certificate.
func certificate(t testing.TB, host string, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	good, goodPool := certificate(t, "127.0.0.1", time.Now().Add(time.Hour))
	expired, expiredPool := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour))
	other, otherPool := certificate(t, "other.example", time.Now().Add(time.Hour))

	serve := func(cert tls.Certificate, maxVersion uint16, answer func(c *tls.Conn)) func(*peer, *peerConn) {
		return func(p *peer, c *peerConn) {
			t := tls.Server(c.TCPConn, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: maxVersion})
			if t.Handshake() != nil {
				c.Close()
				return
			}
			answer(t)
		}
	}
	answers := func(c *tls.Conn) {
		for buf := make([]byte, 4096); ; {
			if _, err := c.Read(buf); err != nil {
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	}
	for _, tt := range []struct {
		name    string
		serve   func(*peer, *peerConn)
		config  *tls.Config
		outcome metric.Outcome
		phase   metric.Phase
	}{
		{"good", serve(good, 0, answers), &tls.Config{RootCAs: goodPool}, metric.OK, metric.PhaseBody},
		{"TLS 1.2", serve(good, tls.VersionTLS12, answers), &tls.Config{RootCAs: goodPool}, metric.OK, metric.PhaseBody},
		{"insecure", serve(expired, 0, answers), &tls.Config{InsecureSkipVerify: true}, metric.OK, metric.PhaseBody},
		{"server name", serve(other, 0, answers), &tls.Config{RootCAs: otherPool, ServerName: "other.example"}, metric.OK, metric.PhaseBody},
		{"unknown CA", serve(good, 0, answers), nil, metric.TLS, metric.PhaseTLS},
		{"expired", serve(expired, 0, answers), &tls.Config{RootCAs: expiredPool}, metric.TLS, metric.PhaseTLS},
		{"wrong host", serve(other, 0, answers), &tls.Config{RootCAs: otherPool}, metric.TLS, metric.PhaseTLS},
		{"old version", serve(good, tls.VersionTLS12, answers), &tls.Config{RootCAs: goodPool, MinVersion: tls.VersionTLS13}, metric.TLS, metric.PhaseTLS},
		{"plain port", func(p *peer, c *peerConn) {
			_, _ = c.r.Peek(1)
			c.send("HTTP/1.1 400 Bad Request\r\n\r\n")
			c.hang()
		}, nil, metric.TLS, metric.PhaseTLS},
		{"closed in the handshake", func(p *peer, c *peerConn) {
			_, _ = c.r.ReadBytes(0x01)
			_, _ = io.CopyN(io.Discard, c.r, int64(c.r.Buffered()))
			c.fin()
		}, nil, metric.TLS, metric.PhaseTLS},
		{"reset in the handshake", func(p *peer, c *peerConn) { _, _ = c.r.Peek(1); c.rst() }, nil, metric.Reset, metric.PhaseTLS},
		{"silent in the handshake", func(p *peer, c *peerConn) { c.hang() }, nil, metric.Timeout, metric.PhaseTLS},
		{"closed without answer", serve(good, 0, func(c *tls.Conn) { _, _ = c.Read(make([]byte, 4096)); c.Close() }), &tls.Config{RootCAs: goodPool}, metric.ConnDropped, metric.PhaseHeaders},
		{"cut", serve(good, 0, func(c *tls.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, longHead)
			c.Close()
		}), &tls.Config{RootCAs: goodPool}, metric.Truncated, metric.PhaseBody},
		{"cut without goodbye", serve(good, 0, func(c *tls.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, okHead+"\r\nhello")
			c.NetConn().Close() // no close_notify, which many servers leave out
		}), &tls.Config{RootCAs: goodPool}, metric.OK, metric.PhaseBody},
		{"garbage after the handshake", serve(good, 0, func(c *tls.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c.NetConn(), "no record at all")
			answers(c)
		}), &tls.Config{RootCAs: goodPool}, metric.TLS, metric.PhaseHeaders},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, tt.serve)
			u := p.url()
			u.Scheme = "https"
			c := newConn(t, u, func(o *Options) {
				o.TLS = tt.config
				if tt.outcome == metric.Timeout {
					o.ConnectTimeout = patience
				}
			})
			for i := range 4 {
				resp, s := do(t.Context(), c, get(t))
				checkSample(t, s, resp)
				if s.Outcome != tt.outcome || s.Phase != tt.phase {
					t.Fatalf("%+v: %v", s, resp.Err)
				}
				if s.Outcome == metric.OK && (s.TLSDone == 0) != s.Reused {
					t.Errorf("exchange %d: %+v", i, s)
				}
				idle() // so that the next one probes
			}
		})
	}
}

// TestTLSClosedWhileIdle: as over plain TCP, though what waits may be TLS's own.
func TestTLSClosedWhileIdle(t *testing.T) {
	cert, pool := certificate(t, "127.0.0.1", time.Now().Add(time.Hour))
	p := newPeer(t, func(p *peer, c *peerConn) {
		s := tls.Server(c.TCPConn, &tls.Config{Certificates: []tls.Certificate{cert}})
		defer func() { s.Close(); p.ended.Add(1) }()
		if n, err := s.Read(make([]byte, 4096)); err == nil && n > 0 {
			p.requests.Add(1)
			_, _ = io.WriteString(s, hello)
		}
	})
	u := p.url()
	u.Scheme = "https"
	c := newConn(t, u, func(o *Options) { o.TLS = &tls.Config{RootCAs: pool} })
	for i := range 10 {
		resp, s := do(t.Context(), c, get(t))
		checkSample(t, s, resp)
		if s.Outcome != metric.OK || s.Reused || (s.Reconnects == 1) != (i > 0) {
			t.Fatalf("exchange %d: %+v: %v", i, s, resp.Err)
		}
		until(t, "the end of the connection", func() bool { return p.ended.Load() == int64(i+1) })
		idle()
	}
	if got := p.requests.Load(); got != 10 {
		t.Errorf("10 requests made, %d seen", got)
	}
}

func TestClassify(t *testing.T) {
	at := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)}
	}
	for _, tt := range []struct {
		err   error
		phase metric.Phase
		want  metric.Outcome
	}{
		{at(refusedErrnos[0]), metric.PhaseDial, metric.Refused},
		{at(resetErrnos[0]), metric.PhaseBody, metric.Reset},
		{at(unreachableErrnos[0]), metric.PhaseDial, metric.Unreachable},
		{at(unreachableErrnos[1]), metric.PhaseHeaders, metric.Unreachable},
		{at(portErrnos[0]), metric.PhaseDial, metric.Generator},
		{at(exhaustedErrnos[0]), metric.PhaseDial, metric.Generator},
		{at(exhaustedErrnos[1]), metric.PhaseDial, metric.Generator},
		{at(forbiddenErrnos[0]), metric.PhaseDial, metric.Generator},
		{at(closedErrnos[0]), metric.PhaseWrite, metric.ConnDropped},
		{stale(at(resetErrnos[0])), metric.PhaseWrite, metric.Reset},
		{fmt.Errorf("x: %w", context.Canceled), metric.PhaseDial, metric.Aborted},
		{io.ErrUnexpectedEOF, metric.PhaseBody, metric.Truncated},
		{x509.HostnameError{Certificate: &x509.Certificate{}}, metric.PhaseTLS, metric.TLS},
		{&net.DNSError{IsNotFound: true}, metric.PhaseDNS, metric.DNS},
	} {
		if got := classify(tt.err, tt.phase); got != tt.want {
			t.Errorf("%v in %v: %v, want %v", tt.err, tt.phase, got, tt.want)
		}
	}
	if got := explain(at(portErrnos[0])).Error(); !strings.Contains(got, "no local port left") {
		t.Error(got)
	}
	if l := slices.Concat(refusedErrnos, resetErrnos, closedErrnos, unreachableErrnos, exhaustedErrnos, forbiddenErrnos, portErrnos); len(slices.Compact(slices.Sorted(slices.Values(l)))) != len(l) {
		t.Error("an errno stands in two lists")
	}
}
