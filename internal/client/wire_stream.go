package client

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// A streamWire is a wire over any net.Conn: TLS everywhere, and plain TCP on
// systems without plainWire.
type streamWire struct {
	c  *Conn
	nc net.Conn

	writeArmed time.Duration // when the write deadline fires; 0: not armed
	first      [1]byte
}

func (w *streamWire) start(p []byte, probe bool) (buf *[]byte, n, sent int, err error) {
	// A write deadline must not come early, since a TLS connection does not
	// survive it. So it is armed beyond the limit, by at most a twentieth.
	limit := w.c.limit
	latest := limit + (limit-w.c.client.now())/20
	if w.writeArmed < limit || w.writeArmed > latest {
		w.writeArmed = latest
		_ = w.nc.SetWriteDeadline(w.c.client.wall(w.writeArmed))
		if w.c.watch != nil && w.c.watch.fired.Load() {
			return nil, 0, 0, errAborted
		}
	}
	if probe {
		if err := w.probe(); err != nil {
			return nil, 0, 0, err
		}
	}
	sent, failure := w.nc.Write(p)
	if failure != nil {
		if sent == 0 && isClosed(failure) {
			return nil, 0, 0, stale(failure)
		}
		if !isClosed(failure) {
			return nil, 0, sent, w.c.why(failure)
		}
		// The peer may have answered before it closed: a refusal of a large body.
	}
	// One byte is waited for, so that nobody holds a buffer while waiting.
	if _, err := w.read(w.first[:]); err != nil {
		if failure != nil {
			err = failure
		}
		return nil, 0, sent, err
	}
	buf = getBuffer(1)
	(*buf)[0] = w.first[0]
	return buf, 1, sent, nil
}

// probe is an error that wraps errStale if the peer has closed the connection.
// Bytes that wait may belong to TLS, which alone can tell.
func (w *streamWire) probe() error {
	tcp := w.nc
	t, secure := tcp.(*tls.Conn)
	if secure {
		tcp = t.NetConn()
	}
	switch peek(tcp) {
	case peerQuiet:
		return nil
	case peerSpoke:
		if !secure {
			break
		}
		w.c.armed = 0
		_ = w.nc.SetReadDeadline(time.Now().Add(idleProbe))
		if _, err := w.nc.Read(w.first[:]); errors.Is(err, os.ErrDeadlineExceeded) {
			return w.c.arm(w.c.client.now())
		}
	}
	return errStale
}

func (w *streamWire) read(p []byte) (n int, err error) {
	for {
		n, err = w.nc.Read(p)
		if err == nil || n > 0 {
			return n, nil
		}
		if err = w.c.extend(err); err != nil {
			return 0, err
		}
	}
}

// What peek finds on a connection that should be idle.
type peekResult int

const (
	peerQuiet  peekResult = iota // or nobody can tell
	peerSpoke                    // bytes that no request asked for
	peerClosed                   // or reset
)
