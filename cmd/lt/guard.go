package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// publicRate is the rate in requests per second above which load on a public
// address has to be confirmed.
const publicRate = 50

// A guard keeps an accident from becoming an attack: it refuses connections to
// public addresses that nobody has confirmed, unless the load is light. It judges
// the address that is dialled, never the text of the URL.
type guard struct {
	host   string
	public func(netip.Addr) bool
	open   atomic.Bool // any address will do: confirmed, or a light load

	confirmed bool
}

func newGuard(env *environ, o *runOptions) *guard {
	g := &guard{host: o.target.Hostname(), public: env.Public}
	if g.public == nil {
		g.public = func(a netip.Addr) bool { return !private(a) }
	}
	for _, allowed := range append(slices.Clone(o.scenario.AllowTargets), o.confirmed) {
		if allowed != "" && strings.EqualFold(allowed, g.host) {
			g.confirmed = true
			g.open.Store(true)
		}
	}
	return g
}

// A publicError is the guard's refusal.
type publicError struct {
	host string // of the target; empty for a connection of the load, perhaps to another
	addr netip.Addr
}

func (e publicError) Error() string {
	if !e.addr.IsValid() {
		return fmt.Sprintf("%s can be looked up by the proxy only, so that it may be public, and this run asks for more than %d requests/s of it", cmp.Or(e.host, "a target"), publicRate)
	}
	what := "a public address"
	if e.addr.IsLinkLocalUnicast() || e.addr == metadataV6 {
		what = "where clouds keep a machine's credentials"
	}
	if e.host == "" {
		return fmt.Sprintf("%s is %s, and this run may ask for more than %d requests/s of it", e.addr, what, publicRate)
	}
	return fmt.Sprintf("%s is %s (%s), and this run asks for more than %d requests/s of it", e.host, what, e.addr, publicRate)
}

// allow is asked by the client before each connection; the zero address is that of
// a target that only its proxy knows.
func (g *guard) allow(a netip.AddrPort) error {
	if addr := a.Addr().Unmap(); !g.open.Load() && (!addr.IsValid() || g.public(addr)) {
		return publicError{addr: addr}
	}
	return nil
}

// safety refuses the run before its first request where the guard would refuse
// its connections.
func (r *runner) safety(ctx context.Context) error {
	if rate := r.peakRate(); rate > 0 && rate <= publicRate {
		r.guard.open.Store(true)
	}
	var public publicError
	if err := r.client.Check(ctx); errors.As(err, &public) {
		public.host = r.guard.host
		return hintf(usageErrorf("%w", public), "if it is yours: --confirm-target %s, or allow_targets in the scenario", public.host)
	}
	return nil // a host that is not found: preflight says it better
}

// metadataV6 is where AWS answers with a machine's credentials in a net of IPv6.
var metadataV6 = netip.MustParseAddr("fd00:ec2::254")

// private reports whether an address belongs to this machine or a private net.
// 169.254.0.0/16 does not: there clouds answer with a machine's credentials.
func private(a netip.Addr) bool {
	a = a.Unmap()
	if a == metadataV6 || a.Is4() && a.IsLinkLocalUnicast() {
		return false
	}
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}
