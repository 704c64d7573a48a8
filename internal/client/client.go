// Package client sends requests and stamps what it sees: one exchange is one
// [metric.Sample]. It retries nothing, follows nothing and hides nothing.
//
// A [Client] is what all virtual users of a run have in common; each has a
// [Conn] of its own:
//
//	c, err := client.New(client.Options{Target: u, Clock: clock})
//	wire, err := client.AppendRequest(nil, "GET", "/healthz", u.Host, nil, nil)
//	conn := c.NewConn()
//	defer conn.Close()
//	conn.Exchange(ctx, &client.Request{Wire: wire}, &resp, &sample)
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// The defaults of Options.
const (
	DefaultTimeout        = 30 * time.Second
	DefaultConnectTimeout = 5 * time.Second
	DefaultMaxHeader      = 1 << 20
	DefaultMaxBody        = 256 << 20
)

// Options are what the connections of all users have in common.
type Options struct {
	Target         *url.URL      // scheme (http, https), host and port; the path is ignored
	Clock          metric.Clock  // stamps every time of a Sample
	Timeout        time.Duration // of an exchange, from sent to the last byte; 0: 30 s
	ConnectTimeout time.Duration // of a connection, DNS and TLS handshake included; 0: 5 s
	MaxHeader      int           // bytes of an answer's status line and headers; 0: 1 MiB
	MaxBody        int64         // bytes of an answer's body; 0: 256 MiB
	TLS            *tls.Config   // nil: the system's roots, verified; never changed
	NoResume       bool          // a user's next connection does not resume its TLS session

	HTTP2       bool // over TLS by ALPN, else by prior knowledge
	Connections int  // of HTTP/2, shared by all users in turn; 0: one for each user
	NoKeepAlive bool // of HTTP/1.1: a connection for each request; Wire should say "Connection: close" too

	Proxy   *url.URL      // http or socks5, with credentials if it wants them; nil: none
	Detours []Detour      // the first that fits the target says where to connect instead
	Pins    []Pin         // the first that fits what is connected to says its addresses
	Sources []netip.Addr  // local addresses of connections, in turn; none: the system's choice
	Refresh time.Duration // how long a look-up holds for new connections; 0: for ever

	// Allow is asked before each connection whether it may be made to exactly this
	// address, which is never one of IPv4 in IPv6's clothes. Its error ends the
	// exchange with the outcome generator, and nothing is sent. nil allows all.
	Allow func(netip.AddrPort) error

	// Lookup finds the addresses of the target's host; nil: the system's resolver.
	// An address as the host is never looked up.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// A Client knows one target: its addresses, limits and TLS configuration. Its
// methods may be called from any goroutine. It owns no connection and need not
// be closed.
type Client struct {
	opts Options
	tls  *tls.Config // nil for plain HTTP
	host string      // of the target, without port and brackets
	port uint16
	peer hostPort // what is dialled: the target, its detour or the proxy

	absolute string // the target as the request lines of a proxy name it; empty: they do not
	proxyKey string // Proxy-Authorization, or empty
	muxes    []*mux // Options.Connections of them
	nextMux  atomic.Uint32
	vetted   atomic.Bool // the target behind the proxy may be connected to
	source   atomic.Uint32

	resolver  *net.Resolver
	portable  bool                       // tests: the wire of systems that have no plainWire
	addrs     atomic.Pointer[resolution] // nil until resolved
	turn      atomic.Uint32              // whose turn it is among addrs
	resolving chan struct{}              // holds a token while somebody resolves
}

// New is a client for the target of opts. It touches no network. The error
// lists every mistake in opts.
func New(opts Options) (*Client, error) {
	c := &Client{opts: opts, resolver: net.DefaultResolver, resolving: make(chan struct{}, 1)}
	if c.opts.Allow == nil {
		c.opts.Allow = func(netip.AddrPort) error { return nil }
	}
	var errs []error
	if u := opts.Target; u == nil {
		errs = append(errs, errors.New("no target"))
	} else {
		c.host = u.Hostname()
		if c.host == "" {
			errs = append(errs, fmt.Errorf("target %q has no host", u.Redacted()))
		}
		port := u.Port()
		switch u.Scheme {
		case "http":
			c.port = 80
		case "https":
			c.port = 443
			c.tls = tlsConfig(opts.TLS, c.host, opts.HTTP2)
		default:
			errs = append(errs, fmt.Errorf("target %q: the scheme must be http or https", u.Redacted()))
		}
		if port != "" {
			n, err := parsePort(port)
			if err != nil {
				errs = append(errs, fmt.Errorf("target %q: %w", u.Redacted(), err))
			}
			c.port = n
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"timeout", int64(opts.Timeout)},
		{"connect timeout", int64(opts.ConnectTimeout)},
		{"header limit", int64(opts.MaxHeader)},
		{"body limit", opts.MaxBody},
		{"number of connections", int64(opts.Connections)},
		{"time that a look-up holds", int64(opts.Refresh)},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("the %s is negative", n.name))
		}
	}
	if err := c.route(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for range opts.Connections {
		c.muxes = append(c.muxes, &mux{client: c, session: c.newSession()})
	}
	orDefault(&c.opts.Timeout, DefaultTimeout)
	orDefault(&c.opts.ConnectTimeout, DefaultConnectTimeout)
	orDefault(&c.opts.MaxHeader, DefaultMaxHeader)
	orDefault(&c.opts.MaxBody, DefaultMaxBody)
	return c, nil
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// tlsConfig is what users dial with: base, with the host's name to verify.
func tlsConfig(base *tls.Config, host string, http2 bool) *tls.Config {
	t := base.Clone()
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.ServerName == "" {
		t.ServerName = host
	}
	if len(t.NextProtos) == 0 {
		t.NextProtos = []string{"http/1.1"}
		if http2 {
			t.NextProtos = []string{"h2"}
		}
	}
	return t
}

// For is a client for another target with the same options, for redirects that
// lead to it. A client certificate and a name to ask for are the first target's
// alone, and so are shared connections.
func (c *Client) For(target *url.URL) (*Client, error) {
	opts := c.opts
	opts.Target = target
	opts.Connections = 0
	if opts.TLS != nil {
		opts.TLS = opts.TLS.Clone()
		opts.TLS.ServerName, opts.TLS.Certificates = "", nil
	}
	return New(opts)
}

// NewConn is a connection for one virtual user. It dials with its first
// Exchange; the caller closes it.
func (c *Client) NewConn() *Conn {
	if c.opts.HTTP2 {
		return &Conn{client: c, mux: c.mux(), stream: &stream{wake: make(chan struct{}, 1)}}
	}
	return &Conn{client: c, session: c.newSession()}
}

// now is the time of the run's clock.
func (c *Client) now() time.Duration { return c.opts.Clock.Now() }

// wall is a time of the run's clock as net wants it.
func (c *Client) wall(t time.Duration) time.Time { return c.opts.Clock.Origin().Add(t) }

// Resolve looks the target's host up, unless that has been done. The first
// Exchange does it too; calling it before the load keeps DNS out of the first
// samples. The error is a [*net.DNSError] or that of ctx.
func (c *Client) Resolve(ctx context.Context) error {
	_, err := c.addresses(ctx)
	return err
}

// Check looks up what connections will be made to, as Resolve does, and asks
// Options.Allow about each address; of a target behind a proxy about its own too,
// where it can be looked up here, and else about the zero [netip.AddrPort].
func (c *Client) Check(ctx context.Context) error {
	addrs, err := c.addresses(ctx)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if err := c.opts.Allow(a.AddrPort); err != nil {
			return deniedError{err}
		}
	}
	return c.vet(ctx)
}
