package client

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-42693903/lt/internal/metric"
)

const (
	// What lt allows the peer to send before it says more: nothing waits here for
	// somebody to read it, so that the windows bound no memory.
	streamWindow = 4 << 20
	connWindow   = 16 << 20

	maxFrame     = 16 << 10  // of a frame that lt sends or takes
	defaultTable = 4 << 10   // of HPACK, both ways
	firstStreams = 100       // at once, until the peer has said how many
	lastStreamID = 1<<31 - 1 // then another connection is needed
	maxIdleFrame = 10_000    // frames in a row that carry nothing: a flood
	maxPending   = 256 << 10 // bytes that wait to be written, before request bodies wait too
	maxControl   = 1 << 20   // likewise before a peer that takes nothing is given up
)

// An h2conn is a connection of HTTP/2. Its users put frames into one buffer, which
// the first of them writes; one goroutine reads and ends streams. Nobody waits for
// the network with the lock held.
type h2conn struct {
	client *Client
	nc     net.Conn
	made   dialled
	shared bool // by several users

	endedIdle atomic.Bool // the peer ended it while no stream was open
	ended     atomic.Bool // no further stream can be opened

	mu       sync.Mutex
	out      []byte // frames to be written
	spare    []byte
	flushing bool    // somebody writes
	flusher  *stream // whose user does; nil: a goroutine of its own
	put      uint64  // bytes ever put into out,
	handed   uint64  // those given to a write, which may be under way,
	written  uint64  // and those that one has taken
	enc      *hpack.Encoder
	block    []byte // what enc has written
	frames   *http2.Framer
	streams  map[uint32]*stream // open, with an id
	queue    []*stream          // open, without one
	resting  []*stream          // with a body to send as windows allow
	nextID   uint32
	most     uint32 // streams at once
	window   int64  // of the connection, to send
	initial  int64  // of a new stream
	frameMax int
	draining bool // no further stream; closed with the last
	err      error
	fatal    error // what will be err, whatever else happens on the way
	timer    *time.Timer
	armed    time.Duration // when timer fires; 0: not armed

	reader h2reader
}

// newH2Conn starts HTTP/2 on a connection: its reader, and the settings, which go
// out with the first request.
func newH2Conn(client *Client, d dialled, shared bool) *h2conn {
	c := &h2conn{
		client: client, nc: d.nc, made: d, shared: shared,
		streams: map[uint32]*stream{}, nextID: 1, most: firstStreams, window: 65535, initial: 65535, frameMax: maxFrame,
	}
	c.made.nc = nil
	size := 4 << 10
	if shared {
		size = 32 << 10
	}
	c.reader.init(c, bufio.NewReaderSize(&c.reader, size))
	c.enc = hpack.NewEncoder((*blockWriter)(c))
	c.frames = http2.NewFramer((*outWriter)(c), nil)
	c.timer = time.AfterFunc(time.Hour, c.sweep)
	c.timer.Stop()
	c.out = append(c.out, http2.ClientPreface...)
	_ = c.frames.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: uint32(min(client.opts.MaxHeader, 1<<30))},
	)
	_ = c.frames.WriteWindowUpdate(0, connWindow-65535)
	c.put = uint64(len(c.out))
	go c.reader.run()
	return c
}

type (
	outWriter   h2conn
	blockWriter h2conn
)

// Write takes a frame from the Framer.
func (w *outWriter) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	w.put += uint64(len(p))
	return len(p), nil
}

// Write takes a part of a header block from the encoder.
func (w *blockWriter) Write(p []byte) (int, error) {
	w.block = append(w.block, p...)
	return len(p), nil
}

func (c *h2conn) usable() bool { return !c.ended.Load() }

// add opens st. With flush the caller must call flush. The error wraps errStale: the
// connection takes no more streams.
func (c *h2conn) add(st *stream) (flush bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended.Load() {
		return false, errStale
	}
	st.open = true
	st.conn.Store(c)
	if c.armed == 0 || c.armed > st.limit {
		c.arm(st.limit)
	}
	if len(c.streams) >= int(c.most) {
		st.queued = true
		c.queue = append(c.queue, st)
		return false, nil
	}
	c.begin(st)
	return c.claim(), nil
}

// claim makes the caller the one who flushes, if there is something to flush and
// nobody does.
func (c *h2conn) claim() bool {
	if c.flushing || len(c.out) == 0 || c.err != nil {
		return false
	}
	c.flushing = true
	return true
}

// begin gives st an id and puts its request into the buffer.
func (c *h2conn) begin(st *stream) {
	st.id = c.nextID
	c.nextID += 2
	if c.nextID > lastStreamID-2 {
		c.stop()
	}
	st.window = c.initial
	c.streams[st.id] = st
	c.block = c.block[:0]
	for _, f := range st.head.fields {
		_ = c.enc.WriteField(f)
	}
	st.from = c.put
	for rest, first := c.block, true; first || len(rest) > 0; first = false {
		n := min(len(rest), c.frameMax)
		if end := n == len(rest); first {
			_ = c.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: st.id, BlockFragment: rest[:n], EndHeaders: end, EndStream: len(st.rest) == 0})
		} else {
			_ = c.frames.WriteContinuation(st.id, end, rest[:n])
		}
		rest = rest[n:]
	}
	st.out = int64(c.put - st.from)
	if len(st.rest) == 0 {
		c.sentWhole(st)
	} else {
		c.pump(st)
	}
}

// sentWhole notes that all of st's request is in the buffer.
func (c *h2conn) sentWhole(st *stream) { st.sentEnd, st.phase = true, metric.PhaseHeaders }

// pump puts as much of st's body into the buffer as the windows allow.
func (c *h2conn) pump(st *stream) {
	for len(st.rest) > 0 && len(c.out) < maxPending {
		n := min(int64(len(st.rest)), int64(c.frameMax), st.window, c.window)
		if n <= 0 {
			break
		}
		st.window -= n
		c.window -= n
		end := int(n) == len(st.rest)
		_ = c.frames.WriteData(st.id, end, st.rest[:n])
		st.rest = st.rest[n:]
		st.out += n + 9
		st.to = c.put
		c.reader.idle = 0
		if end {
			c.sentWhole(st)
			return
		}
	}
	if len(st.rest) > 0 && !st.resting {
		st.resting = true
		c.resting = append(c.resting, st)
	}
}

// pumpAll goes on with the bodies that wait.
func (c *h2conn) pumpAll() {
	for _, st := range c.resting {
		st.resting = false
	}
	waiting := c.resting
	c.resting = c.resting[:0]
	for _, st := range waiting {
		c.pump(st)
	}
}

// flush writes what is in the buffer; the caller has claimed it. A user writes once
// and leaves the rest to a goroutine, for it has its own answer to wait for; nil
// writes until the buffer is empty.
func (c *h2conn) flush(by *stream) {
	c.mu.Lock()
	c.flusher = by
	for len(c.out) > 0 && c.err == nil {
		p := c.out
		c.out, c.spare = c.spare[:0], nil
		c.handed += uint64(len(p))
		c.mu.Unlock()
		n, err := c.nc.Write(p)
		c.mu.Lock()
		if cap(p) <= maxPending {
			c.spare = p
		}
		if err != nil {
			if n == 0 && isClosed(err) {
				c.handed -= uint64(len(p))
			}
			c.fail(err)
			break
		}
		c.written += uint64(n)
		if len(c.resting) > 0 {
			c.pumpAll()
		}
		if by != nil && len(c.out) > 0 {
			c.flusher = nil
			c.mu.Unlock()
			go c.flush(nil)
			return
		}
	}
	c.flushing, c.flusher = false, nil
	c.mu.Unlock()
}

// flushLater has the buffer written by somebody else than the caller, who must not
// wait, and releases the lock.
func (c *h2conn) flushLater() {
	claimed := c.claim()
	c.mu.Unlock()
	if claimed {
		go c.flush(nil)
	}
}

// finish ends st, and lets the next in the queue begin. It holds the lock, and the
// caller flushes.
func (c *h2conn) finish(st *stream, err error) {
	if !st.open {
		return
	}
	st.open, st.err, st.rest = false, err, nil
	if st.resting {
		c.resting = slices.DeleteFunc(c.resting, func(r *stream) bool { return r == st })
	}
	if c.reader.headers == st {
		c.reader.headers = nil // they are read to their end, for HPACK's sake
	}
	if st.queued {
		st.queued = false
		c.queue = slices.DeleteFunc(c.queue, func(q *stream) bool { return q == st })
	} else {
		delete(c.streams, st.id)
		for len(c.queue) > 0 && len(c.streams) < int(c.most) && !c.draining && c.err == nil {
			next := c.queue[0]
			c.queue = c.queue[:copy(c.queue, c.queue[1:])]
			next.queued = false
			c.begin(next)
		}
	}
	st.conn.Store(nil)
	st.wake <- struct{}{}
	if c.draining && len(c.streams) == 0 && c.err == nil {
		c.fail(errDropped)
	}
}

// cancel ends st early, if w still watches it, and tells the peer. A user who is
// writing can be called off only by the end of the connection: no later sweep would
// find a stream that has ended.
func (c *h2conn) cancel(st *stream, w *watch, err error) {
	c.mu.Lock()
	if st.conn.Load() == c && st.open && st.by == w {
		c.abandon(st, http2.ErrCodeCancel, err)
		if st == c.flusher && c.handed > c.written {
			c.fail(err)
		}
	}
	c.flushLater()
}

// abandon ends st with the lock held, and tells the peer if it knows of it.
func (c *h2conn) abandon(st *stream, code http2.ErrCode, err error) {
	if !st.queued && c.err == nil {
		_ = c.frames.WriteRSTStream(st.id, code)
	}
	c.finish(st, err)
}

// stop takes no further stream: those under way end, those in the queue need
// another connection.
func (c *h2conn) stop() {
	c.draining = true
	c.ended.Store(true)
	for len(c.queue) > 0 {
		c.finish(c.queue[0], errStale)
	}
}

// drain is stop, and closes the connection with its last stream.
func (c *h2conn) drain() {
	c.mu.Lock()
	c.stop()
	if len(c.streams) == 0 {
		c.fail(errDropped)
	}
	c.mu.Unlock()
}

// fail ends the connection with the lock held: streams of which nothing went out
// are stale, the others end with err.
func (c *h2conn) fail(err error) {
	if c.err != nil {
		return
	}
	if c.fatal != nil {
		err = c.fatal
	}
	c.err = err
	c.ended.Store(true)
	c.timer.Stop()
	for len(c.queue) > 0 {
		c.finish(c.queue[0], errStale)
	}
	dropped := errors.Is(err, errDropped)
	for _, st := range c.streams {
		switch {
		case st.from >= c.handed && (dropped || isClosed(err)):
			c.finish(st, stale(err))
		case dropped && st.status > 0:
			c.finish(st, errCut)
		default:
			c.finish(st, err)
		}
	}
	rawClose(c.nc)
}

// close closes the connection politely.
func (c *h2conn) close() {
	c.mu.Lock()
	idle := c.err == nil && len(c.streams) == 0
	if idle {
		c.err = errAborted
		c.ended.Store(true)
		c.timer.Stop()
	} else {
		c.fail(errAborted)
	}
	c.mu.Unlock()
	if idle {
		c.nc.Close()
	}
}

// silentSince reports whether the peer has sent nothing since a time of the run's
// clock.
func (c *h2conn) silentSince(t time.Duration) bool { return time.Duration(c.reader.last.Load()) < t }

// arm sets the timer to a time of the run's clock.
func (c *h2conn) arm(at time.Duration) {
	c.armed = at
	c.timer.Reset(at - c.client.now())
}

// sweep ends the streams whose time is over. The timer is set once for many of
// them.
func (c *h2conn) sweep() {
	now := c.client.now()
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.armed = 0
	next := time.Duration(0)
	var late []*stream
	look := func(st *stream) {
		if st.limit <= now {
			late = append(late, st)
		} else if next == 0 || st.limit < next {
			next = st.limit
		}
	}
	for _, st := range c.streams {
		look(st)
	}
	for _, st := range c.queue {
		look(st)
	}
	stuck := false
	for _, st := range late {
		// The peer takes nothing, and who writes cannot be called off.
		stuck = stuck || c.handed > c.written && (st == c.flusher || !st.queued && st.to > c.written && st.to <= c.handed)
		c.abandon(st, http2.ErrCodeCancel, errTimeout)
	}
	if stuck {
		c.fail(errDropped)
	} else if next > 0 && c.err == nil {
		c.arm(next)
	}
	c.flushLater()
}
