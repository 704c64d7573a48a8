package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/seed-42693903/lt/internal/smoke"
)

// certificateWarning is how long before its end a certificate is warned of.
const certificateWarning = 14 * 24 * time.Hour

// certificate looks at the certificate of the target. It dials through the guard.
func (k *smoker) certificate(ctx context.Context) smoke.Check {
	c := smoke.Check{Name: "tls", State: "failed"}
	host, port := k.o.target.Hostname(), k.o.target.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, k.o.connectTimeout)
	defer cancel()
	dialer := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return k.guard.allow(a)
	}}
	nc, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		c.Text = printable(err.Error())
		return c
	}
	defer nc.Close()
	// Verified below, so that a certificate which has ended can be told from a name that is wrong.
	t := tls.Client(nc, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err := t.HandshakeContext(ctx); err != nil {
		c.Text = printable(err.Error())
		return c
	}
	chain := t.ConnectionState().PeerCertificates
	leaf, now := chain[0], time.Now()
	left := leaf.NotAfter.Sub(now)
	c.State, c.Text = "ok", fmt.Sprintf("the certificate is good until %s", leaf.NotAfter.UTC().Format("2006-01-02"))
	switch {
	case left < 0:
		c.State, c.Text = "failed", fmt.Sprintf("the certificate ended on %s", leaf.NotAfter.UTC().Format("2006-01-02"))
	case left < certificateWarning:
		c.State, c.Text = "warning", fmt.Sprintf("the certificate ends in %d days, on %s", int(left.Hours()/24), leaf.NotAfter.UTC().Format("2006-01-02"))
	}
	opts := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, cert := range chain[1:] {
		opts.Intermediates.AddCert(cert)
	}
	if _, err := leaf.Verify(opts); err != nil && left >= 0 {
		state := "failed"
		if k.o.insecure {
			state = "warning"
		}
		var unknown x509.UnknownAuthorityError
		what := printable(err.Error())
		if errors.As(err, &unknown) {
			what = "signed by an authority that this machine does not know"
		}
		c.State, c.Text = state, "the certificate is not trusted: "+what
	}
	return c
}
