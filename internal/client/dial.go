package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// An address is one of the target's, with what dialling it has shown.
type address struct {
	netip.AddrPort
	shunned atomic.Int64 // until this time of the run's clock others go first
}

// shunFor is how long an address that could not be dialled stands behind the
// others.
const shunFor = 10 * time.Second

// A resolution is what a look-up gave.
type resolution struct {
	addrs []*address
	until time.Duration // of the run's clock; 0: for ever
}

func (r *resolution) holds(now time.Duration) bool {
	return r != nil && (r.until == 0 || now < r.until)
}

// addresses are those of what is dialled. The first caller looks them up while the
// others wait. When they no longer hold, one caller looks them up again, and the
// others go on with those of before.
func (c *Client) addresses(ctx context.Context) ([]*address, error) {
	known := c.addrs.Load()
	if known.holds(c.now()) {
		return known.addrs, nil
	}
	if known != nil {
		select {
		case c.resolving <- struct{}{}:
		default:
			return known.addrs, nil
		}
	} else {
		select {
		case c.resolving <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("look up %s: %w", c.peer.host, ctx.Err())
		}
	}
	defer func() { <-c.resolving }()
	if known = c.addrs.Load(); known.holds(c.now()) {
		return known.addrs, nil
	}
	ips, refresh := c.peer.pinned, time.Duration(0)
	if ips == nil {
		if ip, err := netip.ParseAddr(c.peer.host); err == nil {
			ips = []netip.Addr{ip}
		} else if ips, err = c.lookup(ctx, c.peer.host); err != nil {
			return nil, err
		} else if len(ips) == 0 {
			return nil, &net.DNSError{Err: "no addresses", Name: c.peer.host, IsNotFound: true}
		}
		refresh = c.opts.Refresh
	}
	next := &resolution{addrs: make([]*address, 0, len(ips))}
	if refresh > 0 {
		next.until = c.now() + refresh
	}
	for _, ip := range ips {
		a := &address{AddrPort: netip.AddrPortFrom(ip.Unmap(), c.peer.port)}
		if known != nil {
			for _, old := range known.addrs {
				if old.AddrPort == a.AddrPort {
					a = old // with what dialling it has shown
				}
			}
		}
		next.addrs = append(next.addrs, a)
	}
	c.addrs.Store(next)
	return next.addrs, nil
}

func (c *Client) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if c.opts.Lookup != nil {
		return c.opts.Lookup(ctx, host)
	}
	return c.resolver.LookupNetIP(ctx, "ip", host)
}

// inTurn are the addresses in the order in which a new connection should try
// them: each connection begins one further, shunned ones come last.
func (c *Client) inTurn(addrs []*address) []*address {
	if len(addrs) == 1 {
		return addrs
	}
	now := int64(c.now())
	first := int(c.turn.Add(1)-1) % len(addrs)
	order := make([]*address, 0, len(addrs))
	var shunned []*address
	for i := range addrs {
		a := addrs[(first+i)%len(addrs)]
		if a.shunned.Load() > now {
			shunned = append(shunned, a)
		} else {
			order = append(order, a)
		}
	}
	return append(order, shunned...)
}

// A dialled is a new connection, or where and why there is none.
type dialled struct {
	nc        net.Conn
	resolved  time.Duration // 0: the addresses were known
	connected time.Duration
	tlsDone   time.Duration // 0 for plain HTTP
	phase     metric.Phase  // of err
	err       error
}

// dial makes a connection until the connect timeout or the exchange's limit, a
// time of the run's clock, whichever comes first. It resumes the TLS session and
// leaves the next one there, if it is not nil.
func (c *Client) dial(ctx context.Context, session *session, limit time.Duration) dialled {
	until := min(c.now()+c.opts.ConnectTimeout, limit)
	ctx, cancel := context.WithDeadline(ctx, c.wall(until))
	defer cancel()

	d := dialled{phase: metric.PhaseDNS}
	known := c.addrs.Load().holds(c.now())
	addrs, err := c.addresses(ctx)
	if err == nil {
		if !known && c.peer.named {
			d.resolved = c.now()
		}
		err = c.vet(ctx)
	}
	if err == nil {
		d.phase = metric.PhaseDial
		d.nc, err = c.dialAny(ctx, c.inTurn(addrs), until)
	}
	if err == nil && c.opts.Proxy != nil && c.absolute == "" {
		if err = c.tunnel(ctx, d.nc); err != nil {
			d.nc.Close()
		}
	}
	if err == nil {
		d.connected = c.now()
		if c.tls != nil {
			d.phase = metric.PhaseTLS
			d.nc, err = c.handshake(ctx, d.nc, session)
			d.tlsDone = c.now()
		}
	}
	if err != nil && isDeadline(err) && c.now() >= limit {
		err = fmt.Errorf("%w: %w", errTimeout, err)
	}
	d.err = err
	return d
}

// dialAny connects to the first address that lets it, giving each an equal
// share of the time that is left.
func (c *Client) dialAny(ctx context.Context, addrs []*address, until time.Duration) (net.Conn, error) {
	// The timeouts of an exchange find a dead peer; TCP's keep-alive would cost
	// four system calls a connection.
	dialer := net.Dialer{KeepAlive: -1}
	var unsourced error
	var failure error
	for i, a := range addrs {
		if err := c.opts.Allow(a.AddrPort); err != nil {
			return nil, deniedError{err}
		}
		share := (until - c.now()) / time.Duration(len(addrs)-i)
		if len(c.opts.Sources) > 0 {
			from := c.sourceFor(a.Addr())
			if from == nil {
				unsourced = sourceError{a.Addr()}
				continue
			}
			dialer.LocalAddr, dialer.Control = from, lateBind
		}
		attempt, cancel := context.WithTimeout(ctx, share)
		nc, err := dialer.DialContext(attempt, "tcp", a.String())
		cancel()
		if err == nil {
			return nc, nil
		}
		if exhausted(err) {
			return nil, err
		}
		a.shunned.Store(int64(c.now() + shunFor))
		// The target's refusal says more than a local one: ::1 of "localhost"
		// cannot even be tried on a machine without IPv6.
		if failure == nil || isGenerator(failure) {
			failure = err
		}
		if over(ctx) {
			break
		}
	}
	if failure == nil {
		failure = unsourced
	}
	return nil, failure
}

// over reports whether ctx has ended. A socket's deadline, which net takes from
// the context, can strike before the context knows.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// isDeadline reports whether err is that of a context's or a socket's deadline.
func isDeadline(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// handshake makes nc a TLS connection; it closes nc when that fails.
func (c *Client) handshake(ctx context.Context, nc net.Conn, session *session) (net.Conn, error) {
	config := c.tls
	if session != nil {
		config = config.Clone()
		config.ClientSessionCache = session
	}
	t := tls.Client(nc, config)
	err := t.HandshakeContext(ctx)
	if err == nil {
		switch p := t.ConnectionState().NegotiatedProtocol; {
		case c.opts.HTTP2 && p != "h2":
			err = errors.New("the server does not speak HTTP/2 (ALPN gave no h2)")
		case !c.opts.HTTP2 && p != "" && p != "http/1.1":
			err = fmt.Errorf("the server chose the protocol %q", p)
		}
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return t, nil
}

// A session is the TLS session of one user, which its next connection resumes.
type session struct {
	state atomic.Pointer[tls.ClientSessionState]
}

func (s *session) Get(string) (*tls.ClientSessionState, bool) {
	state := s.state.Load()
	return state, state != nil
}

func (s *session) Put(_ string, state *tls.ClientSessionState) { s.state.Store(state) }

// newSession is a place for a user's TLS session; nil where none is resumed.
func (c *Client) newSession() *session {
	if c.tls == nil || c.opts.NoResume {
		return nil
	}
	return &session{}
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("port %q is not between 1 and 65535", s)
	}
	return uint16(n), nil
}
