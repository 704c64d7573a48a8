//go:build unix

package client

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A plainWire is a wire over plain TCP that costs one write and one read system
// call for a request: it does not try to read before there is something.
//
// It writes from inside RawConn.Read, which has reset the poller's readiness
// before it calls step for the first time. So whatever arrives after the write
// makes the socket ready, and step can wait without looking. A close that came
// before the reset is seen by the probe, or by the peer's reset; a half-close
// within idleProbe of the last answer at the next look (see lookEvery).
//
// After its first read an answer is read through the net.Conn, which reads until
// there is nothing before it waits: a short read must not be taken for the last,
// for a FIN may have come together with the data.
type plainWire struct {
	c    *Conn
	nc   net.Conn
	raw  syscall.RawConn
	step func(fd uintptr) bool // w.poll, made once

	p     []byte // the request under way
	sent  int
	probe bool
	stage wireStage
	buf   *[]byte
	n     int
	err   error
}

type wireStage uint8

const (
	toSend wireStage = iota
	sendingSlowly
	toReceive
	received
)

func newWire(c *Conn, nc net.Conn) wire {
	tcp, ok := nc.(*net.TCPConn)
	if !ok || c.client.portable {
		return &streamWire{c: c, nc: nc}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return &streamWire{c: c, nc: nc}
	}
	w := &plainWire{c: c, nc: nc, raw: raw}
	w.step = w.poll
	return w
}

func (w *plainWire) start(p []byte, probe bool) (buf *[]byte, n, sent int, err error) {
	w.p, w.probe, w.stage, w.sent = p, probe, toSend, 0
	var failure error // of a write in parts
	for w.stage != received {
		if err := w.raw.Read(w.step); err != nil {
			if err = w.c.extend(err); err != nil {
				w.p = nil
				return nil, 0, w.sent, err
			}
		}
		if w.stage == sendingSlowly {
			failure = w.sendSlowly()
			if failure != nil && !isClosed(failure) {
				w.p = nil
				return nil, 0, w.sent, failure
			}
			// The peer may have answered before it closed: a refusal of a large body.
			w.stage = toReceive
		}
	}
	buf, err = w.buf, w.err
	w.p, w.buf, w.err = nil, nil, nil
	if err != nil && failure != nil {
		err = failure
	}
	return buf, w.n, w.sent, err
}

// poll is called by RawConn.Read: at first, and whenever the socket may be
// readable. It returns whether it is done.
func (w *plainWire) poll(fd uintptr) bool {
	if w.stage == toSend {
		if w.probe && !w.alive(fd) {
			w.fail(errStale)
			return true
		}
		n, err := writeSocket(fd, w.p)
		switch {
		case err == syscall.EAGAIN:
			w.stage = sendingSlowly
			return true
		case err != nil && isClosed(err):
			w.fail(stale(err))
			return true
		case err != nil:
			w.fail(err)
			return true
		}
		w.sent = n
		if n < len(w.p) {
			w.stage = sendingSlowly
			return true
		}
		w.stage = toReceive
		return false
	}
	buf := getBuffer(1)
	n, err := readSocket(fd, *buf)
	if err == nil && n > 0 {
		w.buf, w.n, w.stage = buf, n, received
		return true
	}
	putBuffer(buf)
	if err == syscall.EAGAIN {
		return false
	}
	if err == nil {
		err = io.EOF
	}
	w.fail(err)
	return true
}

func (w *plainWire) fail(err error) { w.n, w.err, w.stage = 0, err, received }

// alive reports whether an idle connection is fit for a request: open, and with
// nothing to read that no request asked for. Either way what it reads is not
// missed.
func (w *plainWire) alive(fd uintptr) bool {
	var b [1]byte
	_, err := readSocket(fd, b[:])
	return err == syscall.EAGAIN
}

// sendSlowly sends the rest of a request that the socket's buffer did not hold.
func (w *plainWire) sendSlowly() error {
	if err := w.nc.SetWriteDeadline(w.c.client.wall(w.c.limit)); err != nil {
		return err
	}
	if w.c.watch != nil && w.c.watch.fired.Load() {
		return errAborted
	}
	n, err := w.nc.Write(w.p[w.sent:])
	w.sent += n
	return w.c.why(err)
}

func (w *plainWire) read(p []byte) (n int, err error) {
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

// peek looks at an idle connection and takes nothing from it.
func peek(nc net.Conn) (found peekResult) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return peerQuiet
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return peerQuiet
	}
	_ = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case n > 0:
			found = peerSpoke
		case err == unix.EAGAIN || err == unix.EINTR:
			found = peerQuiet
		default:
			found = peerClosed
		}
	})
	return found
}
