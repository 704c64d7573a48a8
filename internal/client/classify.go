package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/seed-42693903/lt/internal/metric"
)

// classify is the outcome of an exchange that ended with err in the phase.
func classify(err error, phase metric.Phase) metric.Outcome {
	var (
		dns      *net.DNSError
		protocol protocolError
		alert    tls.AlertError
		record   tls.RecordHeaderError
		reset    resetError
		refusal  proxyError
	)
	switch {
	case errors.Is(err, errAborted), errors.Is(err, context.Canceled):
		return metric.Aborted
	case errors.Is(err, errTimeout):
		return metric.Timeout
	case isGenerator(err):
		return metric.Generator
	case errors.As(err, &dns), phase == metric.PhaseDNS:
		return metric.DNS
	case isErrno(err, refusedErrnos):
		return metric.Refused
	case isErrno(err, resetErrnos), errors.As(err, &reset):
		return metric.Reset
	case isErrno(err, unreachableErrnos):
		return metric.Unreachable
	case errors.As(err, &refusal):
		return metric.Unreachable
	case isDeadline(err):
		if phase == metric.PhaseDial {
			return metric.Unreachable
		}
		return metric.Timeout
	case errors.Is(err, errTooLarge):
		return metric.TooLarge
	case errors.As(err, &protocol):
		return metric.Protocol
	case errors.Is(err, errCut), errors.Is(err, io.ErrUnexpectedEOF) && phase == metric.PhaseBody:
		return metric.Truncated
	case phase == metric.PhaseTLS, errors.As(err, &alert), errors.As(err, &record):
		return metric.TLS
	case phase == metric.PhaseDial:
		return metric.Unreachable
	default: // errDropped, errStale, EPIPE
		return metric.ConnDropped
	}
}

// exhausted reports whether lt's own machine has run out of something that
// another address would need as well.
func exhausted(err error) bool { return isErrno(err, exhaustedErrnos) }

// A deniedError is Options.Allow's refusal of an address.
type deniedError struct{ error }

func (e deniedError) Unwrap() error { return e.error }

// isGenerator reports whether lt's own machine was at fault, or lt itself refused
// to connect.
func isGenerator(err error) bool {
	var (
		denied deniedError
		source sourceError
	)
	return errors.As(err, &denied) || errors.As(err, &source) || exhausted(err) || isErrno(err, portErrnos) || isErrno(err, forbiddenErrnos)
}

// isClosed reports whether a write failed because the peer had closed or reset
// the connection.
func isClosed(err error) bool {
	return isErrno(err, closedErrnos) || isErrno(err, resetErrnos)
}

// stale is err of a request no byte of which went out.
func stale(err error) error { return fmt.Errorf("%w: %w", errStale, err) }

func isErrno(err error, list []syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(list, errno)
}

// explain is err in words that say what to do, where lt's own machine is at
// fault.
func explain(err error) error {
	switch {
	case isErrno(err, portErrnos):
		return fmt.Errorf("%w: this machine has no local port left for the target (%s): fewer users, keep-alive, or a wider range", err, portRange())
	case isErrno(err, forbiddenErrnos):
		return fmt.Errorf("%w: this machine forbids the connection (a firewall rule?)", err)
	case exhausted(err):
		return fmt.Errorf("%w: this process ran into a limit (%s): raise it, or use fewer users", err, descriptorLimit())
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return plainError{op, err}
	}
	return err
}

// A plainError is a network error in the words of people: "connection refused
// (127.0.0.1:8009)" rather than the system call's.
type plainError struct {
	op *net.OpError
	error
}

func (e plainError) Error() string {
	var text string
	if call := (*os.SyscallError)(nil); errors.As(e.op.Err, &call) {
		text = call.Err.Error()
	} else {
		text = e.op.Err.Error()
	}
	if e.op.Op == "dial" && e.op.Addr != nil {
		text += " (" + e.op.Addr.String() + ")"
	}
	return text
}

func (e plainError) Unwrap() error { return e.error }
