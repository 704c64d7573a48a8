package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// A Pin gives a host and port addresses instead of a look-up.
type Pin struct {
	Host  string
	Port  uint16
	Addrs []netip.Addr
}

// A Detour connects to another host and port instead. An empty FromHost or a zero
// FromPort fits any; an empty ToHost or a zero ToPort changes nothing. The Host
// header, SNI and the name that a certificate must have stay those of the URL.
type Detour struct {
	FromHost string
	FromPort uint16
	ToHost   string
	ToPort   uint16
}

// ParsePin reads HOST:PORT:ADDR[,ADDR]..., as curl's --resolve. IPv6 addresses may
// stand in brackets.
func ParsePin(s string) (Pin, error) {
	parts, err := splitColons(s, 3)
	if err != nil || parts[0] == "" {
		return Pin{}, fmt.Errorf("%q: want HOST:PORT:ADDRESS such as api.example.test:443:127.0.0.1", s)
	}
	p := Pin{Host: parts[0]}
	if p.Port, err = parsePort(parts[1]); err != nil {
		return Pin{}, fmt.Errorf("%q: %w", s, err)
	}
	for _, text := range strings.Split(parts[2], ",") {
		a, err := netip.ParseAddr(strings.Trim(text, "[]"))
		if err != nil {
			return Pin{}, fmt.Errorf("%q: %q is no IP address", s, text)
		}
		p.Addrs = append(p.Addrs, a.Unmap())
	}
	return p, nil
}

// ParseDetour reads HOST1:PORT1:HOST2:PORT2, as curl's --connect-to: each part may
// be empty.
func ParseDetour(s string) (Detour, error) {
	parts, err := splitColons(s, 4)
	if err != nil || strings.Contains(parts[3], ":") {
		return Detour{}, fmt.Errorf("%q: want HOST1:PORT1:HOST2:PORT2, of which any may be empty", s)
	}
	d := Detour{FromHost: parts[0], ToHost: parts[2]}
	for _, p := range []struct {
		to   *uint16
		text string
	}{{&d.FromPort, parts[1]}, {&d.ToPort, parts[3]}} {
		if p.text != "" {
			if *p.to, err = parsePort(p.text); err != nil {
				return Detour{}, fmt.Errorf("%q: %w", s, err)
			}
		}
	}
	if d.ToHost == "" && d.ToPort == 0 {
		return Detour{}, fmt.Errorf("%q: it leads to where it came from", s)
	}
	return d, nil
}

// splitColons splits s into n parts at the colons that stand outside of brackets,
// which it removes; the last part is what is left.
func splitColons(s string, n int) (parts []string, err error) {
	for len(parts) < n-1 {
		from := 0
		if strings.HasPrefix(s, "[") {
			from = strings.IndexByte(s, ']')
			if from < 0 {
				return nil, errors.New("a bracket is not closed")
			}
		}
		i := strings.IndexByte(s[from:], ':')
		if i < 0 {
			return nil, errors.New("too few parts")
		}
		parts = append(parts, strings.Trim(s[:from+i], "[]"))
		s = s[from+i+1:]
	}
	return append(parts, s), nil
}

// A hostPort is what is dialled.
type hostPort struct {
	host   string
	port   uint16
	pinned []netip.Addr
	named  bool // it has to be looked up
}

// route decides what is dialled, once for all connections.
func (c *Client) route() error {
	c.peer = hostPort{host: c.host, port: c.port}
	for _, d := range c.opts.Detours {
		if (d.FromHost == "" || strings.EqualFold(d.FromHost, c.host)) && (d.FromPort == 0 || d.FromPort == c.port) {
			if d.ToHost != "" {
				c.peer.host = d.ToHost
			}
			if d.ToPort != 0 {
				c.peer.port = d.ToPort
			}
			break
		}
	}
	var err error
	if p := c.opts.Proxy; p != nil {
		c.peer = hostPort{host: p.Hostname(), port: 1080}
		switch {
		case p.Scheme != "http" && p.Scheme != "socks5" || p.Hostname() == "" || p.Path != "" && p.Path != "/" || p.RawQuery != "":
			err = errors.New("the proxy must be http://HOST:PORT or socks5://HOST:PORT")
		case p.Scheme == "http":
			c.peer.port = 80
			if c.tls == nil && !c.opts.HTTP2 && c.opts.Target != nil {
				c.absolute = "http://" + c.opts.Target.Host
			}
			if p.User != nil {
				password, _ := p.User.Password()
				c.proxyKey = "Basic " + base64.StdEncoding.EncodeToString([]byte(p.User.Username()+":"+password))
			}
		}
		if port := p.Port(); port != "" {
			var bad error
			if c.peer.port, bad = parsePort(port); bad != nil {
				err = fmt.Errorf("the proxy: %w", bad)
			}
		}
	}
	for _, p := range c.opts.Pins {
		if strings.EqualFold(p.Host, c.peer.host) && p.Port == c.peer.port {
			c.peer.pinned = p.Addrs
			break
		}
	}
	_, notIP := netip.ParseAddr(c.peer.host)
	c.peer.named = notIP != nil && c.peer.pinned == nil
	return err
}

// target is what a proxy is asked for.
func (c *Client) target() string { return net.JoinHostPort(c.host, strconv.Itoa(int(c.port))) }

// vet asks Options.Allow about a target behind a proxy, once: the connections that
// are dialled show only the proxy.
func (c *Client) vet(ctx context.Context) error {
	if c.opts.Proxy == nil || c.vetted.Load() {
		return nil
	}
	var addrs []netip.AddrPort
	if ip, err := netip.ParseAddr(c.host); err == nil {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), c.port))
	} else if ips, err := c.lookup(ctx, c.host); err == nil {
		for _, ip := range ips {
			addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), c.port))
		}
	}
	if len(addrs) == 0 { // known to the proxy alone
		addrs = []netip.AddrPort{{}}
	}
	for _, a := range addrs {
		if err := c.opts.Allow(a); err != nil {
			return deniedError{err}
		}
	}
	c.vetted.Store(true)
	return nil
}

// forProxy is a request as an HTTP proxy wants it: with the whole URL, and the
// proxy's credentials.
func (c *Conn) forProxy(wire []byte) []byte {
	b := c.rewritten[:0]
	for i, ch := range wire {
		if ch != ' ' {
			continue
		}
		b = append(append(b, wire[:i+1]...), c.client.absolute...)
		wire = wire[i+1:]
		break
	}
	if len(wire) > 0 && wire[0] == '*' {
		wire = wire[1:] // OPTIONS * has no path
	}
	for i, ch := range wire {
		if ch != '\n' {
			continue
		}
		b = append(b, wire[:i+1]...)
		if key := c.client.proxyKey; key != "" {
			b = appendHeader(b, "Proxy-Authorization", key)
		}
		wire = wire[i+1:]
		break
	}
	c.rewritten = append(b, wire...)
	return c.rewritten
}

// A proxyError is a proxy's refusal.
type proxyError string

func (e proxyError) Error() string { return "the proxy " + string(e) }

// tunnel has the proxy connect nc to the target.
func (c *Client) tunnel(ctx context.Context, nc net.Conn) error {
	deadline, _ := ctx.Deadline()
	_ = nc.SetDeadline(deadline)
	defer func() { _ = nc.SetDeadline(time.Time{}) }()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(longAgo) })
	defer stop()
	if c.opts.Proxy.Scheme == "socks5" {
		return c.socks(ctx, nc)
	}
	b := []byte("CONNECT " + c.target() + " HTTP/1.1\r\nHost: " + c.target() + "\r\nUser-Agent: " + userAgent() + "\r\n")
	if c.proxyKey != "" {
		b = appendHeader(b, "Proxy-Authorization", c.proxyKey)
	}
	if _, err := nc.Write(append(b, "\r\n"...)); err != nil {
		return err
	}
	var (
		a    = answer{maxHeader: 64 << 10, maxBody: 1}
		resp Response
	)
	a.begin(&Request{NoBody: true}, getBuffer(1), 0)
	defer func() { a.hand(&resp); resp.Release() }()
	for {
		done, err := a.parse()
		if err != nil {
			return err
		}
		if done {
			break
		}
		a.room()
		n, err := nc.Read((*a.buf)[a.end:])
		if a.end += n; err != nil && n == 0 {
			return proxyError("closed the connection instead of an answer to CONNECT: " + err.Error())
		}
	}
	switch {
	case a.status < 200 || a.status > 299:
		hint := ""
		if a.status == 407 {
			hint = ", it wants credentials: --proxy http://USER:PASSWORD@HOST:PORT"
		}
		return proxyError(fmt.Sprintf("answered %d to CONNECT %s%s", a.status, c.target(), hint))
	case a.pos < a.end:
		return protocolError("bytes after the proxy's answer to CONNECT")
	}
	return nil
}

// socks does the handshake of SOCKS5 on nc; the proxy looks the target up.
func (c *Client) socks(ctx context.Context, nc net.Conn) error {
	var auth *proxy.Auth
	if u := c.opts.Proxy.User; u != nil {
		auth = &proxy.Auth{User: u.Username()}
		auth.Password, _ = u.Password()
	}
	d, err := proxy.SOCKS5("tcp", c.peer.host, auth, madeDialer{nc})
	if err != nil {
		return err
	}
	if _, err = d.(proxy.ContextDialer).DialContext(ctx, "tcp", c.target()); err != nil && !isDeadline(err) {
		return proxyError("did not connect: " + err.Error())
	}
	return err
}

// A madeDialer dials a connection that has been made.
type madeDialer struct{ nc net.Conn }

func (d madeDialer) Dial(string, string) (net.Conn, error) { return d.nc, nil }

func (d madeDialer) DialContext(context.Context, string, string) (net.Conn, error) { return d.nc, nil }

// sourceFor is the next of the local addresses that fit a remote one; nil: none
// does.
func (c *Client) sourceFor(remote netip.Addr) net.Addr {
	n := len(c.opts.Sources)
	first := int(c.source.Add(1) - 1)
	for i := range n {
		if a := c.opts.Sources[(first+i)%n]; a.Is4() == remote.Is4() {
			return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
		}
	}
	return nil
}

// A sourceError says that there is no local address for a remote one.
type sourceError struct{ remote netip.Addr }

func (e sourceError) Error() string {
	return fmt.Sprintf("none of the source addresses is of the kind of %s", e.remote)
}
