package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
)

// defaultRefresh is how long a look-up of the target's name holds.
const defaultRefresh = 30 * time.Second

// A connection is how a run's users connect.
type connection struct {
	http2       bool
	connections int // shared ones of HTTP/2; 0: one for each user
	noKeepAlive bool
	noResume    bool
	tls         *tls.Config // nil: verified against the system's roots
	proxy       *url.URL
	detours     []client.Detour
	pins        []client.Pin
	sources     []netip.Addr
	refresh     time.Duration
}

func addConnectionFlags(s *settings) {
	f := s.flags
	s.text("http", "", "1.1|2", "version of HTTP (default 1.1); 2: over TLS by ALPN, else by prior knowledge")
	s.text("connections", "", "N", "HTTP/2: the users share N connections (default: each has its own)")
	f.Bool("no-keepalive", false, "HTTP/1.1: a new connection for each request")
	s.text("cacert", "", "FILE", "PEM certificates to trust instead of the system's")
	s.text("cert", "", "FILE", "PEM certificate to show to the target, with --key")
	s.text("key", "", "FILE", "PEM key of --cert")
	s.text("sni", "", "NAME", "server name to ask for and to verify instead of the URL's host")
	s.text("tls-min", "", "1.2|1.3", "least version of TLS (default 1.2)")
	f.Bool("no-tls-resume", false, "a full handshake for each connection")
	s.text("proxy", "", "URL", "http://[USER:PASSWORD@]HOST:PORT or socks5://...; HTTP_PROXY is never read")
	s.list("resolve", "", "HOST:PORT:ADDR", "connect to ADDR[,ADDR] for HOST:PORT, as curl (repeatable)")
	s.list("connect-to", "", "HOST1:PORT1:HOST2:PORT2", "connect to HOST2:PORT2 for HOST1:PORT1, as curl (repeatable)")
	s.text("dns-refresh", "", "DURATION", "how long a look-up of the name holds (default 30s; 0s: for the whole run)")
	s.text("source-ip", "", "ADDR[,ADDR]", "local addresses to connect from, in turn")
}

// parseConnection reads the flags of addConnectionFlags. The target is known.
func (o *runOptions) parseConnection(s *settings) {
	c := &o.conn
	c.noKeepAlive, c.noResume = s.boolean("no-keepalive"), s.boolean("no-tls-resume")
	c.refresh = s.duration("dns-refresh", defaultRefresh)
	switch v := s.str("http"); v {
	case "", "1", "1.1":
	case "2":
		c.http2 = true
		if o.reference {
			s.mistake("%s 2: the reference platform speaks HTTP/1.1", s.origin("http"))
		}
	default:
		s.mistake("%s %q: want 1.1 or 2", s.origin("http"), v)
	}
	if s.given("connections") {
		c.connections = s.count("connections", 0)
		if !c.http2 {
			s.mistakes = append(s.mistakes, hintf(usageErrorf("%s: with HTTP/1.1 each user has a connection of its own", s.origin("connections")), "add --http 2"))
		}
	}
	if c.noKeepAlive && c.http2 {
		s.mistake("%s is for HTTP/1.1: over HTTP/2 a connection is for many requests", s.origin("no-keepalive"))
	}
	if c.noKeepAlive {
		o.headers = append(o.headers, client.Header{Name: "Connection", Value: "close"})
	}
	o.scenario.HTTP2, o.scenario.Connections = c.http2, c.connections
	o.parseTLS(s)
	o.parseRoute(s)
}

func (o *runOptions) parseTLS(s *settings) {
	c := &o.conn
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.str("sni")}
	switch v := s.str("tls-min"); v {
	case "", "1.2":
	case "1.3":
		config.MinVersion = tls.VersionTLS13
	default:
		s.mistake("%s %q: want 1.2 or 1.3", s.origin("tls-min"), v)
	}
	if s.exclude("insecure", "cacert") {
		s.mistake("%s verifies the target's certificate, %s does not: give one of them", s.origin("cacert"), s.origin("insecure"))
	}
	config.InsecureSkipVerify = s.boolean("insecure")
	o.insecure = config.InsecureSkipVerify
	if file := s.str("cacert"); file != "" {
		config.RootCAs = x509.NewCertPool()
		if pem, err := os.ReadFile(file); err != nil {
			s.mistake("%s: %w", s.origin("cacert"), err)
		} else if !config.RootCAs.AppendCertsFromPEM(pem) {
			s.mistake("%s %s: there is no PEM certificate in it", s.origin("cacert"), file)
		}
	}
	cert, key := s.str("cert"), s.str("key")
	switch {
	case cert != "" && key != "":
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			s.mistake("%s %s, %s %s: %w", s.origin("cert"), cert, s.origin("key"), key, err)
		}
		config.Certificates = []tls.Certificate{pair}
	case cert != "":
		s.mistake("%s: its key is missing: --key FILE", s.origin("cert"))
	case key != "":
		s.mistake("%s: its certificate is missing: --cert FILE (the API key is --api-key)", s.origin("key"))
	}
	if name := s.str("sni"); name != "" && (strings.ContainsAny(name, ":/ ") || net.ParseIP(name) != nil) {
		s.mistake("%s %q: want a host name such as api.example.test", s.origin("sni"), name)
	}
	for _, name := range []string{"cacert", "cert", "sni", "tls-min", "no-tls-resume"} {
		if s.typed[name] && o.target != nil && o.target.Scheme == "http" && !o.reference {
			s.mistake("--%s: %s is without TLS", name, o.target.Redacted())
		}
	}
	c.tls = config
}

func (o *runOptions) parseRoute(s *settings) {
	c := &o.conn
	for _, v := range s.flag("resolve").values {
		p, err := client.ParsePin(v)
		if err != nil {
			s.mistake("%s %w", s.origin("resolve"), err)
		}
		c.pins = append(c.pins, p)
	}
	for _, v := range s.flag("connect-to").values {
		d, err := client.ParseDetour(v)
		if err != nil {
			s.mistake("%s %w", s.origin("connect-to"), err)
		}
		c.detours = append(c.detours, d)
	}
	for _, v := range strings.Split(s.str("source-ip"), ",") {
		if v == "" && !s.given("source-ip") {
			continue
		}
		a, err := netip.ParseAddr(v)
		if err != nil {
			s.mistake("%s %q: want an IP address of this machine", s.origin("source-ip"), v)
			continue
		}
		// A look at whether this machine has it: nothing is sent.
		if l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))); err != nil {
			s.mistake("%s %s: this machine has no such address (%w)", s.origin("source-ip"), v, err)
		} else {
			l.Close()
		}
		c.sources = append(c.sources, a.Unmap())
	}
	v := s.str("proxy")
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	switch {
	case err != nil: // which would quote it, with a password
		s.mistake("%s: not a URL; want http://HOST:PORT or socks5://HOST:PORT", s.origin("proxy"))
	case u.Scheme != "http" && u.Scheme != "socks5" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		s.mistake("%s %q: want http://HOST:PORT or socks5://HOST:PORT", s.origin("proxy"), u.Redacted())
	case o.reference:
		s.mistake("%s and --reference exclude each other: the platform runs on this machine", s.origin("proxy"))
	case len(c.detours) > 0:
		s.mistake("%s and %s exclude each other: the proxy connects to the target", s.origin("proxy"), s.origin("connect-to"))
	default:
		c.proxy = u
	}
}

// secrets are what must stand in no output.
func (c *connection) secrets() (out []string) {
	if c.proxy != nil && c.proxy.User != nil {
		if password, ok := c.proxy.User.Password(); ok {
			both := c.proxy.User.Username() + ":" + password
			out = append(out, password, url.QueryEscape(password), base64.StdEncoding.EncodeToString([]byte(both)))
		}
	}
	return out
}

// describe is the connection in words for the plan; empty: as usual.
func (c *connection) describe() string {
	var parts []string
	if c.http2 {
		parts = append(parts, "HTTP/2")
	}
	if c.connections > 0 {
		parts = append(parts, fmt.Sprintf("shared connections: %d", c.connections))
	}
	if c.noKeepAlive {
		parts = append(parts, "a new connection for each request")
	}
	if c.proxy != nil {
		parts = append(parts, "through the proxy "+c.proxy.Scheme+"://"+c.proxy.Host)
	}
	return strings.Join(parts, ", ")
}
