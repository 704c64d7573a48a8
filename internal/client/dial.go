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

// addresses are the target's, looked up by the first caller while the others
// wait.
func (c *Client) addresses(ctx context.Context) ([]*address, error) {
	if known := c.addrs.Load(); known != nil {
		return *known, nil
	}
	select {
	case c.resolving <- struct{}{}:
		defer func() { <-c.resolving }()
	case <-ctx.Done():
		return nil, fmt.Errorf("look up %s: %w", c.host, ctx.Err())
	}
	if known := c.addrs.Load(); known != nil {
		return *known, nil
	}
	var ips []netip.Addr
	if ip, err := netip.ParseAddr(c.host); err == nil {
		ips = []netip.Addr{ip}
	} else if ips, err = c.lookup(ctx); err != nil {
		return nil, err
	} else if len(ips) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: c.host, IsNotFound: true}
	}
	addrs := make([]*address, len(ips))
	for i, ip := range ips {
		addrs[i] = &address{AddrPort: netip.AddrPortFrom(ip.Unmap(), c.port)}
	}
	c.addrs.Store(&addrs)
	return addrs, nil
}

func (c *Client) lookup(ctx context.Context) ([]netip.Addr, error) {
	if c.opts.Lookup != nil {
		return c.opts.Lookup(ctx, c.host)
	}
	return c.resolver.LookupNetIP(ctx, "ip", c.host)
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
	connected time.Duration
	tlsDone   time.Duration // 0 for plain HTTP
	phase     metric.Phase  // of err
	err       error
}

// dial makes a connection until the connect timeout or the exchange's limit, a
// time of the run's clock, whichever comes first.
func (c *Client) dial(ctx context.Context, limit time.Duration) dialled {
	until := min(c.now()+c.opts.ConnectTimeout, limit)
	ctx, cancel := context.WithDeadline(ctx, c.wall(until))
	defer cancel()

	d := dialled{phase: metric.PhaseDNS}
	addrs, err := c.addresses(ctx)
	if err == nil {
		d.phase = metric.PhaseDial
		d.nc, err = c.dialAny(ctx, c.inTurn(addrs), until)
	}
	if err == nil {
		d.connected = c.now()
		if c.tls != nil {
			d.phase = metric.PhaseTLS
			d.nc, err = handshake(ctx, d.nc, c.tls)
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
	var failure error
	for i, a := range addrs {
		if err := c.opts.Allow(a.AddrPort); err != nil {
			return nil, deniedError{err}
		}
		share := (until - c.now()) / time.Duration(len(addrs)-i)
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
func handshake(ctx context.Context, nc net.Conn, config *tls.Config) (net.Conn, error) {
	t := tls.Client(nc, config)
	if err := t.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	if p := t.ConnectionState().NegotiatedProtocol; p != "" && p != "http/1.1" {
		nc.Close()
		return nil, fmt.Errorf("the server chose the protocol %q", p)
	}
	return t, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("port %q is not between 1 and 65535", s)
	}
	return uint16(n), nil
}
