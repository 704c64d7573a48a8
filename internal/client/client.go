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
	host string      // without port and brackets
	port uint16

	resolver  *net.Resolver
	portable  bool                       // tests: the wire of systems that have no plainWire
	addrs     atomic.Pointer[[]*address] // nil until resolved
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
			c.tls = tlsConfig(opts.TLS, c.host)
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
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("the %s is negative", n.name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
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
func tlsConfig(base *tls.Config, host string) *tls.Config {
	t := base.Clone()
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.ServerName == "" {
		t.ServerName = host
	}
	if len(t.NextProtos) == 0 {
		t.NextProtos = []string{"http/1.1"}
	}
	return t
}

// For is a client for another target with the same options, for redirects that
// lead to it.
func (c *Client) For(target *url.URL) (*Client, error) {
	opts := c.opts
	opts.Target = target
	return New(opts)
}

// NewConn is a connection for one virtual user. It dials with its first
// Exchange; the caller closes it.
func (c *Client) NewConn() *Conn { return &Conn{client: c} }

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

// Check looks the target's host up, as Resolve does, and asks Options.Allow about
// each of its addresses: those that connections will be made to, for a name is
// looked up once.
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
	return nil
}
