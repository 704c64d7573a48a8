package client

import (
	"context"
	"crypto/tls"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"

	"github.com/seed-42693903/lt/internal/metric"
)

// A mux is the place of one HTTP/2 connection, which one user has alone or several
// share: it dials when one of them needs it, and again when the peer has ended it.
type mux struct {
	client *Client

	mu      sync.Mutex
	users   int
	conn    *h2conn  // nil until dialled
	dialing *h2dial  // nil while nobody dials
	session *session // of TLS, for the next connection; nil: not to be resumed
}

// An h2dial is a connection being made: all who need it wait for it, and fail
// with it.
type h2dial struct {
	done chan struct{}
	dialled
	conn *h2conn
}

// mux is where a new user's requests go.
func (c *Client) mux() *mux {
	if c.opts.Connections == 0 {
		return &mux{client: c, users: 1, session: c.newSession()}
	}
	m := c.muxes[int(c.nextMux.Add(1)-1)%len(c.muxes)]
	m.mu.Lock()
	m.users++
	m.mu.Unlock()
	return m
}

// release takes a user from m. The last one closes the connection.
func (m *mux) release() {
	m.mu.Lock()
	m.users--
	var last *h2conn
	if m.users == 0 {
		last, m.conn = m.conn, nil
	}
	m.mu.Unlock()
	if last != nil {
		last.close()
	}
}

// get is a connection for an exchange, made now if there is none. s is stamped with
// what the exchange waited for. replaced says that the peer had ended the one before
// while nobody used it.
func (m *mux) get(ctx context.Context, limit time.Duration, s *metric.Sample) (conn *h2conn, replaced bool, err error) {
	for {
		m.mu.Lock()
		if m.conn != nil && m.conn.usable() {
			conn = m.conn
			m.mu.Unlock()
			// What was made while it waited, it waited for.
			s.Reused = conn.made.connected <= s.Sent
			if !s.Reused {
				m.stamp(s, conn.made)
			}
			return conn, replaced, nil
		}
		if m.conn != nil {
			replaced = replaced || m.conn.endedIdle.Load()
			m.conn = nil
		}
		d := m.dialing
		mine := d == nil
		if mine {
			d = &h2dial{done: make(chan struct{})}
			m.dialing = d
		}
		m.mu.Unlock()
		if mine {
			go m.dial(ctx, d, limit)
		}
		if err := m.wait(ctx, d, limit); err != nil {
			s.Phase = metric.PhaseDial
			return nil, replaced, err
		}
		if mine || d.err != nil || d.conn.usable() {
			s.Phase, s.Reused = d.phase, false
			m.stamp(s, d.dialled)
			return d.conn, replaced, d.err
		}
	}
}

// stamp gives an exchange the times of the connection that it waited for, as far
// as they are later than its beginning.
func (m *mux) stamp(s *metric.Sample, d dialled) {
	s.Resolved, s.Connected, s.TLSDone = 0, 0, 0
	for _, t := range []struct{ to, from *time.Duration }{{&s.Resolved, &d.resolved}, {&s.Connected, &d.connected}, {&s.TLSDone, &d.tlsDone}} {
		if *t.from >= s.Sent {
			*t.to = *t.from
		}
	}
}

// wait waits for a dial.
func (m *mux) wait(ctx context.Context, d *h2dial, limit time.Duration) error {
	timer := time.NewTimer(limit - m.client.now())
	defer timer.Stop()
	select {
	case <-d.done:
		if d.err != nil && over(ctx) {
			return errAborted
		}
		return nil
	case <-ctx.Done():
		return errAborted
	case <-timer.C:
		select { // its own limit may have struck just now, and says more
		case <-d.done:
			return nil
		case <-time.After(time.Millisecond):
			return errTimeout
		}
	}
}

// dial makes m's connection.
func (m *mux) dial(ctx context.Context, d *h2dial, limit time.Duration) {
	d.dialled = m.client.dial(ctx, m.session, limit)
	if d.err == nil {
		d.conn = newH2Conn(m.client, d.dialled, m.client.opts.Connections > 0)
	}
	m.mu.Lock()
	m.dialing = nil
	left := m.users == 0
	if !left {
		m.conn = d.conn
	}
	m.mu.Unlock()
	close(d.done)
	if left && d.conn != nil {
		d.conn.close()
	}
}

// drop makes the next exchange dial anew.
func (m *mux) drop(conn *h2conn) {
	m.mu.Lock()
	if m.conn == conn {
		m.conn = nil
	}
	m.mu.Unlock()
}

// A stream is one user's exchange over HTTP/2, used again for the next one. While
// it is open its fields belong to the lock of its connection.
type stream struct {
	wake chan struct{} // told when the stream has ended
	conn atomic.Pointer[h2conn]
	head h2head // of the request

	// Of the exchange under way.
	req      *Request
	limit    time.Duration
	id       uint32 // 0: it waits for the peer to allow another stream
	open     bool
	queued   bool // in the connection's queue
	rest     []byte
	resting  bool // in the connection's list of streams with a rest to send
	window   int64
	err      error
	phase    metric.Phase
	by       *watch
	sentEnd  bool   // the whole request has been put into the buffer
	from, to uint64 // where in all that is put there
	out, in  int64  // bytes of its frames

	firstByte, end time.Duration
	final          bool // the final headers have begun
	complete       bool
	status         int
	interim        int
	length         int64 // Content-Length, or -1
	body           int64
	maxBody        int64
	received       int64 // towards the next WINDOW_UPDATE
	allowed        int64 // what the peer may send
	listSize       int
	encoding       string
	cookies        []string
	buf            *[]byte // what is kept: headers as text, then the body
	headEnd, tail  int
	keep           bool
	keepBody       int64
	cut            bool
	problem        error // with the headers that are being read
	upstream       time.Duration
}

// exchangeH2 is Exchange over HTTP/2.
func (c *Conn) exchangeH2(ctx context.Context, req *Request, resp *Response, s *metric.Sample) {
	st := c.stream
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = c.client.opts.Timeout
	}
	c.limit = s.Sent + timeout
	err := c.roundTripH2(ctx, req, s)
	if err != nil && errors.Is(err, errStale) && s.Reconnects == 0 {
		s.Reconnects++
		err = c.roundTripH2(ctx, req, s)
	}
	s.Status = st.status
	if err == nil {
		s.FirstByte, s.End, s.Phase, s.Upstream = st.firstByte, st.end, metric.PhaseBody, st.upstream
		st.hand(resp)
		var undecoded error
		if st.encoding != "" {
			undecoded = resp.decode(st.encoding)
		}
		switch {
		case s.End > c.limit:
			s.Outcome, resp.Err = metric.Timeout, errTimeout
		case !req.expects(s.Status):
			s.Outcome = metric.Status
		case undecoded != nil:
			s.Outcome, resp.Err = classify(undecoded, metric.PhaseBody), undecoded
		}
	} else {
		s.FirstByte, s.End = st.firstByte, c.client.now()
		s.Outcome = classify(err, s.Phase)
		st.hand(resp)
		resp.Err = explain(err)
	}
	st.status = 0
	c.ended = s.End
}

// roundTripH2 sends req on the user's connection and waits for the end of its
// stream.
func (c *Conn) roundTripH2(ctx context.Context, req *Request, s *metric.Sample) error {
	st := c.stream
	st.reset()
	if !c.follow(ctx) {
		return errAborted
	}
	s.Phase = metric.PhaseWrite
	body, err := st.head.parse(req.Wire, c.client.tls != nil)
	if err != nil {
		return err
	}
	conn, replaced, err := c.mux.get(ctx, c.limit, s)
	if replaced && s.Reconnects == 0 {
		s.Reconnects = 1
	}
	if err != nil {
		return err
	}
	s.Phase = metric.PhaseWrite
	st.req, st.limit, st.rest, st.by = req, c.limit, body, c.watch
	st.maxBody = c.client.opts.MaxBody
	if req.Decode {
		st.maxBody = min(st.maxBody, maxEncoded)
	}
	flush, err := conn.add(st)
	if err != nil {
		return err
	}
	if c.watch != nil && c.watch.fired.Load() {
		conn.cancel(st, c.watch, errAborted)
	}
	if flush {
		if conn.shared {
			// The others whose answers have come too put their requests in first: one
			// write, and one record of TLS, for all.
			runtime.Gosched()
		}
		conn.flush(st)
	}
	<-st.wake
	s.BytesOut, s.BytesIn, s.Phase = st.out, st.in, st.phase
	if st.err != nil && errors.Is(st.err, errTimeout) && conn.silentSince(s.Sent) {
		c.mux.drop(conn) // it may be dead: the next one gets another
		conn.drain()
	}
	return st.err
}

// reset makes st ready for another exchange.
func (st *stream) reset() {
	select {
	case <-st.wake:
	default:
	}
	if st.buf != nil {
		putBuffer(st.buf)
	}
	st.req, st.limit, st.id, st.open, st.queued, st.rest, st.resting, st.window = nil, 0, 0, false, false, nil, false, 0
	st.err, st.phase, st.by, st.sentEnd, st.from, st.to, st.out, st.in = nil, metric.PhaseWrite, nil, false, 0, 0, 0, 0
	st.firstByte, st.end, st.final, st.complete, st.status, st.interim, st.length = 0, 0, false, false, 0, 0, -1
	st.body, st.received, st.allowed, st.listSize, st.encoding, st.cookies, st.upstream = 0, 0, streamWindow, 0, "", nil, 0
	st.buf, st.headEnd, st.tail, st.keep, st.keepBody, st.cut, st.problem = nil, 0, 0, false, 0, false, nil
}

// hand gives what was kept to resp, and the buffer with it.
func (st *stream) hand(resp *Response) {
	resp.Status, resp.Cookies = st.status, st.cookies
	if st.buf == nil {
		return
	}
	resp.Header = (*st.buf)[:st.headEnd]
	resp.Body = (*st.buf)[st.headEnd:st.tail]
	resp.Truncated = st.cut || !st.complete
	resp.buf, st.buf = st.buf, nil
}

// An h2error is what the peer said of a stream or the connection.
type h2error struct {
	what string
	code http2.ErrCode
}

func (e h2error) Error() string { return e.what + ": " + e.code.String() }

// A resetError is a stream that the peer has reset.
type resetError struct{ h2error }

// rawClose closes a connection without a word to the peer, which could wait.
func rawClose(nc interface{ Close() error }) {
	if t, ok := nc.(*tls.Conn); ok {
		t.NetConn().Close()
		return
	}
	nc.Close()
}
