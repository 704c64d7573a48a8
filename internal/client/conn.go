package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

const (
	// idleProbe is how long a connection must have been idle for its next request
	// to look first whether the peer has closed it: a system call that requests in
	// close succession do without.
	idleProbe = time.Millisecond

	// lookEvery bounds how far ahead a read deadline is armed. A deadline that
	// comes too early costs one look at the socket and is armed again, one that
	// comes too late would break the timeout; so it is armed once for many
	// exchanges, and never beyond the limit of the one under way.
	lookEvery = time.Second
)

// A Conn is one virtual user's connection to the target: one request at a time,
// dialled when a request needs it. Its methods must be called from one goroutine
// at a time; the caller closes it.
type Conn struct {
	client *Client
	wire   wire          // nil while there is no connection
	answer answer        // of the exchange under way
	limit  time.Duration // when the exchange under way times out
	armed  time.Duration // when the read deadline fires; 0: not armed
	whole  bool          // all of the request went out
	ended  time.Duration // when the exchange before ended
	watch  *watch        // on the context of the exchanges; nil for one that never ends

	mux       *mux // nil for HTTP/1.1; the next field is for HTTP/2 alone,
	stream    *stream
	session   *session // and these are for HTTP/1.1: of TLS,
	rewritten []byte   // and the request as a proxy wants it

	mu sync.Mutex
	nc net.Conn // guarded by mu, for watch; the other fields belong to the user's goroutine
}

// A wire carries requests and answers over a connection; see newWire.
type wire interface {
	// start sends p, waits for the answer and reads its first bytes into a buffer
	// that it borrows only then. With probe it looks first whether the peer has
	// closed the connection. sent is how much of p went out. An error that wraps
	// errStale says that nothing did.
	start(p []byte, probe bool) (buf *[]byte, n, sent int, err error)

	// read reads on.
	read(p []byte) (int, error)
}

// Why an exchange failed, where the system does not say it.
var (
	errTimeout = errors.New("timeout")
	errAborted = errors.New("aborted: the run was stopped")
	errStale   = errors.New("the peer had closed the connection")
	errDropped = errors.New("the peer closed the connection without an answer")
	errCut     = errors.New("the peer closed the connection inside the answer")
)

// Exchange sends req, reads its answer and stamps s, of which only Due is kept,
// and Sent where the request has been Begun. It fills resp, whose former buffers it
// releases. What went wrong stands in s.Outcome and s.Phase, in words in resp.Err.
//
// A connection that the peer has closed before the request's first byte is
// replaced, once, and counted in s.Reconnects. Nothing else is tried again. The
// connection is kept for the next exchange only after a complete answer that
// allows it and was not followed by further bytes; such an answer is a success
// all the same.
//
// The timeout counts from s.Sent to the last byte. When ctx ends, so does the
// exchange, as metric.Aborted. Exchanges that share a context should be given the
// same one: the Conn watches it once.
func (c *Conn) Exchange(ctx context.Context, req *Request, resp *Response, s *metric.Sample) {
	resp.Release()
	if *s = (metric.Sample{Due: s.Due, Sent: s.Sent, Begun: s.Begun}); !s.Begun {
		s.Sent = c.client.now()
	}
	if c.mux != nil {
		c.exchangeH2(ctx, req, resp, s)
		return
	}
	err := c.exchange(ctx, req, s)
	if err == nil {
		// What came whole at once ended when it began.
		if s.End = s.FirstByte; c.answer.more {
			s.End = c.client.now()
		}
		s.Status, s.Upstream = c.answer.status, c.answer.upstream
		keep := c.answer.reusable() && c.whole && !c.client.opts.NoKeepAlive
		c.answer.hand(resp)
		var undecoded error
		if c.answer.encoding != "" {
			undecoded = resp.decode(c.answer.encoding)
		}
		switch {
		case s.End > c.limit:
			s.Outcome, resp.Err = metric.Timeout, errTimeout
		case !req.expects(s.Status):
			s.Outcome = metric.Status
		case undecoded != nil:
			s.Outcome, resp.Err = classify(undecoded, metric.PhaseBody), undecoded
		}
		if !keep {
			c.drop(false)
		}
	} else {
		s.End = c.client.now()
		s.Outcome = classify(err, s.Phase)
		s.Status = c.answer.status
		if c.answer.buf != nil {
			c.answer.hand(resp)
		}
		resp.Err = explain(err)
		c.drop(true)
	}
	c.answer.status = 0
	c.ended = s.End
}

// exchange does all of Exchange but its end. On failure s.Phase says where.
func (c *Conn) exchange(ctx context.Context, req *Request, s *metric.Sample) error {
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = c.client.opts.Timeout
	}
	c.limit = s.Sent + timeout
	if !c.follow(ctx) {
		return errAborted
	}
	s.Reused = c.wire != nil
	if !s.Reused {
		if err := c.dial(ctx, s); err != nil {
			return err
		}
	}
	buf, n, err := c.start(req, s)
	if err != nil && s.Reused && errors.Is(err, errStale) {
		c.drop(true)
		s.Reconnects, s.Reused = 1, false
		if err := c.dial(ctx, s); err != nil {
			return err
		}
		buf, n, err = c.start(req, s)
	}
	if err != nil {
		return err
	}
	s.FirstByte = c.client.now()
	return c.readAnswer(req, buf, n, s)
}

// start sends the request and reads the first bytes of the answer.
func (c *Conn) start(req *Request, s *metric.Sample) (*[]byte, int, error) {
	s.Phase = metric.PhaseWrite
	now := max(s.Sent, s.Connected, s.TLSDone)
	horizon := min(c.limit-now, lookEvery)
	if c.armed > c.limit || c.armed-now < horizon/2 {
		if err := c.arm(now); err != nil {
			return nil, 0, err
		}
	}
	p := req.Wire
	if c.client.absolute != "" {
		p = c.forProxy(p)
	}
	buf, n, sent, err := c.wire.start(p, s.Reused && now-c.ended > idleProbe)
	s.BytesOut = int64(sent)
	if c.whole = sent == len(p); c.whole {
		s.Phase = metric.PhaseHeaders
	}
	if err == io.EOF {
		err = errDropped
	}
	return buf, n, err
}

// readAnswer reads the answer that begins with n bytes in buf to its end.
func (c *Conn) readAnswer(req *Request, buf *[]byte, n int, s *metric.Sample) error {
	a := &c.answer
	a.maxHeader, a.maxBody = c.client.opts.MaxHeader, c.client.opts.MaxBody
	if req.Decode {
		a.maxBody = min(a.maxBody, maxEncoded)
	}
	a.begin(req, buf, n)
	s.Phase = metric.PhaseHeaders
	s.BytesIn = int64(n)
	for {
		done, err := a.parse()
		if a.state > inHeader {
			s.Phase = metric.PhaseBody
		}
		if done || err != nil {
			return err
		}
		a.more = true
		a.room()
		n, err := c.wire.read((*a.buf)[a.end:])
		a.end += n
		s.BytesIn += int64(n)
		if err == io.EOF && n == 0 {
			if !a.eof() {
				return errCut
			}
			return nil
		}
		if err != nil && n == 0 {
			return err
		}
	}
}

// dial makes the connection and stamps s.
func (c *Conn) dial(ctx context.Context, s *metric.Sample) error {
	// On a goroutine of its own, because the stack that dialling and the TLS
	// handshake take would stay with the user.
	result := make(chan dialled, 1)
	go func() { result <- c.client.dial(ctx, c.session, c.limit) }()
	d := <-result
	s.Phase = d.phase
	s.Resolved, s.Connected, s.TLSDone = d.resolved, d.connected, d.tlsDone
	if d.err != nil {
		if over(ctx) {
			return errAborted
		}
		return d.err
	}
	c.mu.Lock()
	c.nc = d.nc
	c.mu.Unlock()
	c.armed = 0
	c.wire = newWire(c, d.nc)
	return nil
}

// drop closes the connection, politely unless it failed; the next exchange makes
// another.
func (c *Conn) drop(failed bool) {
	if c.wire == nil {
		return
	}
	c.wire = nil
	c.mu.Lock()
	nc := c.nc
	c.nc = nil
	c.mu.Unlock()
	if t, ok := nc.(*tls.Conn); ok && failed {
		nc = t.NetConn() // a polite close could wait for seconds
	}
	nc.Close()
}

// Close closes the connection. Exchange must not be called afterwards.
func (c *Conn) Close() {
	c.drop(false)
	if c.mux != nil {
		c.mux.release()
	}
	if c.watch != nil {
		c.watch.stop()
		c.watch = nil
	}
}

// A watch ends what a Conn is doing when a context is done.
type watch struct {
	done  <-chan struct{} // the context's
	fired atomic.Bool
	stop  func() bool
}

var longAgo = time.Unix(1, 0)

// follow makes the Conn watch ctx, and reports whether ctx is alive.
func (c *Conn) follow(ctx context.Context) bool {
	done := ctx.Done()
	if w := c.watch; w != nil {
		if w.done == done {
			return !w.fired.Load()
		}
		if !w.stop() {
			// Its deadline may yet strike the connection: no use for another context.
			c.drop(true)
		}
		c.watch = nil
	}
	if done == nil {
		return true
	}
	w := &watch{done: done}
	w.stop = context.AfterFunc(ctx, func() {
		// First the flag, then the deadline: whoever arms another deadline over
		// this one finds the flag, and whoever does not finds the deadline.
		w.fired.Store(true)
		c.mu.Lock()
		if c.nc != nil {
			_ = c.nc.SetDeadline(longAgo)
		}
		c.mu.Unlock()
		if c.stream != nil {
			if conn := c.stream.conn.Load(); conn != nil {
				conn.cancel(c.stream, w, errAborted)
			}
		}
	})
	c.watch = w
	return !over(ctx)
}

// arm sets the read deadline: at the limit, but at most lookEvery ahead.
func (c *Conn) arm(now time.Duration) error {
	c.armed = min(c.limit, now+lookEvery)
	if err := c.nc.SetReadDeadline(c.client.wall(c.armed)); err != nil {
		return err
	}
	if c.watch != nil && c.watch.fired.Load() {
		return errAborted
	}
	return nil
}

// extend says what to do after err, which a read returned: nil, if it only was
// a deadline that came too early and is armed anew, or else why the read failed.
func (c *Conn) extend(err error) error {
	err = c.why(err)
	if err == errTimeout {
		if now := c.client.now(); now < c.limit {
			return c.arm(now)
		}
	}
	return err
}

// why is err, or what a deadline that struck stands for.
func (c *Conn) why(err error) error {
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case c.watch != nil && c.watch.fired.Load():
		return errAborted
	default:
		return errTimeout
	}
}
