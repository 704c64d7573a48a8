package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-42693903/lt/internal/metric"
)

// An h2reader reads the frames of a connection and gives them to its streams.
type h2reader struct {
	c      *h2conn
	br     *bufio.Reader
	frames *http2.Framer
	dec    *hpack.Decoder
	last   atomic.Int64 // time of the run's clock after the last read

	// Of the goroutine that reads; idle under the lock of the connection.
	headers  *stream // whose headers are being read; nil: of one that has ended
	headEnd  bool    // they end the stream
	interim  bool
	block    int // bytes of them, frames included
	fields   int
	greeted  bool // the peer's settings have come
	idle     int  // frames since the last that carried something
	received int64
	tables   int // changes of the table of HPACK
	memo     headMemo
}

func (r *h2reader) init(c *h2conn, br *bufio.Reader) {
	r.c, r.br = c, br
	r.frames = http2.NewFramer(nil, br)
	r.frames.SetReuseFrames()
	r.frames.SetMaxReadFrameSize(maxFrame)
	r.dec = hpack.NewDecoder(defaultTable, r.field)
}

// Read reads for the buffer of the frames.
func (r *h2reader) Read(p []byte) (int, error) {
	n, err := r.c.nc.Read(p)
	r.last.Store(int64(r.c.client.now()))
	return n, err
}

// run reads to the connection's end.
func (r *h2reader) run() {
	err := r.read()
	c := r.c
	c.mu.Lock()
	if len(c.streams) == 0 && c.err == nil {
		c.endedIdle.Store(true)
	}
	c.fail(err)
	c.mu.Unlock()
}

func (r *h2reader) read() error {
	if b, _ := r.br.Peek(5); string(b) == "HTTP/" {
		return protocolError("the server speaks HTTP/1, not HTTP/2")
	}
	for {
		f, err := r.frames.ReadFrame()
		if err == nil {
			if err = r.frame(f); err == nil {
				continue
			}
		}
		var (
			inStream http2.StreamError
			inConn   http2.ConnectionError
			protocol protocolError
			large    = errors.Is(err, errTooLarge)
		)
		switch {
		case errors.As(err, &inStream):
			r.endStream(inStream)
			continue
		case errors.As(err, &inConn):
			detail := ""
			if d := r.frames.ErrorDetail(); d != nil {
				detail = ": " + d.Error()
			}
			return r.goAway(http2.ErrCode(inConn), protocolError("HTTP/2 "+http2.ErrCode(inConn).String()+detail))
		case errors.Is(err, http2.ErrFrameTooLarge):
			return r.goAway(http2.ErrCodeFrameSize, protocolError("a frame is larger than allowed"))
		case errors.As(err, &protocol), large:
			return r.goAway(http2.ErrCodeProtocol, err)
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
			return errDropped
		default:
			return err
		}
	}
}

// goAway tells the peer why the connection ends, if that can be done at once.
func (r *h2reader) goAway(code http2.ErrCode, err error) error {
	c := r.c
	c.mu.Lock()
	c.fatal = err
	_ = c.frames.WriteGoAway(0, code, nil)
	claimed := c.claim()
	c.mu.Unlock()
	if claimed {
		_ = c.nc.SetWriteDeadline(time.Now().Add(idleProbe))
		c.flush(nil)
	}
	return err
}

// endStream ends a stream of which a frame was bad.
func (r *h2reader) endStream(e http2.StreamError) {
	c := r.c
	c.mu.Lock()
	if st := c.streams[e.StreamID]; st != nil {
		c.abandon(st, e.Code, protocolError("HTTP/2 "+e.Error()))
	}
	c.flushLater()
}

// frame takes one frame. An error ends the connection, but for an
// http2.StreamError.
func (r *h2reader) frame(f http2.Frame) error {
	h := f.Header()
	c := r.c
	if !r.greeted {
		s, ok := f.(*http2.SettingsFrame)
		if !ok || s.IsAck() {
			return protocolError("the server's first frame is no SETTINGS")
		}
		r.greeted = true
	}
	c.mu.Lock()
	defer c.flushLater()
	switch h.Type {
	case http2.FrameHeaders, http2.FrameContinuation:
	default:
		r.idle++
		if r.idle > maxIdleFrame || len(c.out) > maxControl {
			return protocolError("a flood of frames that carry nothing")
		}
	}
	if h.StreamID != 0 && (h.StreamID%2 == 0 || h.StreamID >= c.nextID) && h.Type != http2.FramePriority {
		return protocolError(fmt.Sprintf("a %v frame of stream %d, which nobody opened", h.Type, h.StreamID))
	}
	switch f := f.(type) {
	case *http2.DataFrame:
		return r.data(f, c.streams[h.StreamID])
	case *http2.HeadersFrame:
		return r.beginHeaders(f, c.streams[h.StreamID])
	case *http2.ContinuationFrame:
		return r.readHeaders(f.HeaderBlockFragment(), f.HeadersEnded())
	case *http2.SettingsFrame:
		return r.settings(f)
	case *http2.WindowUpdateFrame:
		return r.windowUpdate(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = c.frames.WritePing(true, f.Data)
		}
	case *http2.RSTStreamFrame:
		if st := c.streams[h.StreamID]; st != nil {
			st.in += int64(h.Length) + 9
			c.finish(st, resetError{h2error{"the server reset the stream", f.ErrCode}})
		}
	case *http2.GoAwayFrame:
		c.endedIdle.Store(true) // for those to come
		c.stop()
		for id, st := range c.streams {
			if id > f.LastStreamID {
				// The peer says that it has done nothing for these.
				c.finish(st, stale(h2error{"the server goes away", f.ErrCode}))
			}
		}
		if len(c.streams) == 0 {
			c.fail(errDropped)
		}
	case *http2.PushPromiseFrame:
		return protocolError("PUSH_PROMISE, which lt's settings forbid")
	}
	return nil
}

func (r *h2reader) settings(f *http2.SettingsFrame) error {
	c := r.c
	if f.IsAck() {
		return nil
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID {
		case http2.SettingMaxConcurrentStreams:
			c.most = s.Val
		case http2.SettingInitialWindowSize:
			delta := int64(s.Val) - c.initial
			c.initial = int64(s.Val)
			for _, st := range c.streams {
				if st.window += delta; st.window > 1<<31-1 {
					return http2.ConnectionError(http2.ErrCodeFlowControl)
				}
			}
		case http2.SettingMaxFrameSize:
			c.frameMax = int(min(s.Val, 64<<10))
		case http2.SettingHeaderTableSize:
			c.enc.SetMaxDynamicTableSizeLimit(min(s.Val, defaultTable))
			c.enc.SetMaxDynamicTableSize(min(s.Val, defaultTable))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_ = c.frames.WriteSettingsAck()
	for len(c.queue) > 0 && len(c.streams) < int(c.most) {
		next := c.queue[0]
		c.queue = c.queue[:copy(c.queue, c.queue[1:])]
		next.queued = false
		c.begin(next)
	}
	c.pumpAll()
	return nil
}

func (r *h2reader) windowUpdate(f *http2.WindowUpdateFrame) error {
	c := r.c
	if f.StreamID == 0 {
		if c.window += int64(f.Increment); c.window > 1<<31-1 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	} else if st := c.streams[f.StreamID]; st != nil {
		if st.window += int64(f.Increment); st.window > 1<<31-1 {
			c.abandon(st, http2.ErrCodeFlowControl, protocolError("HTTP/2 flow control window too large"))
		}
	}
	c.pumpAll()
	return nil
}

// data takes a part of a body.
func (r *h2reader) data(f *http2.DataFrame, st *stream) error {
	c := r.c
	n := int64(f.Header().Length)
	r.received += n
	if r.received > connWindow {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	if r.received >= connWindow/2 {
		_ = c.frames.WriteWindowUpdate(0, uint32(r.received))
		r.received = 0
	}
	b := f.Data()
	if len(b) > 0 || f.StreamEnded() {
		r.idle = 0
	}
	if st == nil {
		return nil // it has ended here
	}
	st.in += n + 9
	st.received += n
	st.allowed -= n
	switch {
	case st.allowed < 0:
		c.abandon(st, http2.ErrCodeFlowControl, protocolError("more than the flow control window"))
		return nil
	case !st.final:
		c.abandon(st, http2.ErrCodeProtocol, protocolError("DATA before the headers"))
		return nil
	}
	st.body += int64(len(b))
	if st.body > st.maxBody {
		c.abandon(st, http2.ErrCodeCancel, fmt.Errorf("%w: more than %d bytes of body", errTooLarge, st.maxBody))
		return nil
	}
	if st.length >= 0 && st.body > st.length || len(b) > 0 && st.req.NoBody {
		c.abandon(st, http2.ErrCodeProtocol, protocolError("a body longer than its Content-Length"))
		return nil
	}
	st.take(b)
	if f.StreamEnded() {
		r.end(st)
	} else if st.received >= streamWindow/2 {
		_ = c.frames.WriteWindowUpdate(st.id, uint32(st.received))
		st.allowed += st.received
		st.received = 0
	}
	return nil
}

// take keeps of a body what the request asks for.
func (st *stream) take(b []byte) {
	n := min(int64(len(b)), st.keepBody-int64(st.tail-st.headEnd))
	if n < int64(len(b)) {
		st.cut = true
	}
	if n > 0 {
		copy(st.grow(int(n)), b)
	}
}

// grow makes room for n more bytes of what is kept.
func (st *stream) grow(n int) []byte {
	if st.buf == nil {
		st.buf = getBuffer(1)
	}
	if need := st.tail + n; need > len(*st.buf) {
		grown := getBuffer(max(2*len(*st.buf), need))
		copy(*grown, (*st.buf)[:st.tail])
		putBuffer(st.buf)
		st.buf = grown
	}
	st.tail += n
	return (*st.buf)[st.tail-n : st.tail]
}

// end ends a stream that the peer has ended.
func (r *h2reader) end(st *stream) {
	c := r.c
	if st.length >= 0 && st.body < st.length && !st.req.NoBody && st.status != 304 {
		c.finish(st, errCut)
		return
	}
	st.end = time.Duration(r.last.Load())
	st.complete = true
	if !st.sentEnd { // it needs no more of the request
		_ = c.frames.WriteRSTStream(st.id, http2.ErrCodeCancel)
	}
	c.finish(st, nil)
}

// beginHeaders takes the beginning of headers or trailers.
func (r *h2reader) beginHeaders(f *http2.HeadersFrame, st *stream) error {
	r.headers, r.headEnd, r.block, r.fields, r.interim = st, f.StreamEnded(), 0, 0, false
	if st != nil {
		if st.firstByte == 0 {
			st.firstByte = time.Duration(r.last.Load())
			st.phase = metric.PhaseHeaders
		}
		st.problem = nil
		if !st.final {
			st.status, st.listSize, st.tail = 0, 0, 0
		}
	}
	block, whole := f.HeaderBlockFragment(), f.HeadersEnded()
	if st != nil && whole && r.recall(st, block) {
		r.idle = 0
		st.in += int64(len(block)) + 9
		if r.headEnd {
			r.end(st)
		}
		return nil
	}
	return r.readHeaders(block, whole)
}

// readHeaders takes a part of a header block.
func (r *h2reader) readHeaders(fragment []byte, ended bool) error {
	r.idle = 0
	r.block += len(fragment) + 9
	if r.block > r.c.client.opts.MaxHeader {
		return fmt.Errorf("%w: more than %d bytes of headers", errTooLarge, r.c.client.opts.MaxHeader)
	}
	st := r.headers
	if st != nil {
		st.in += int64(len(fragment)) + 9
	}
	r.dec.SetEmitEnabled(st != nil && st.problem == nil)
	if _, err := r.dec.Write(fragment); err != nil {
		return protocolError("HPACK: " + err.Error())
	}
	if !ended {
		return nil
	}
	if err := r.dec.Close(); err != nil {
		return protocolError("HPACK: " + err.Error())
	}
	if r.block > len(fragment)+9 || changesTable(fragment) {
		r.tables++
	} else if st != nil {
		r.remember(st, fragment)
	}
	if st == nil {
		return nil
	}
	if err := r.endHeaders(st); err != nil {
		r.c.abandon(st, http2.ErrCodeProtocol, err)
	} else if r.headEnd {
		r.end(st)
	}
	return nil
}

// field takes one field of the headers that are being read.
func (r *h2reader) field(f hpack.HeaderField) {
	st := r.headers
	if st == nil || st.problem != nil {
		return
	}
	st.listSize += int(f.Size())
	r.fields++
	if st.listSize > r.c.client.opts.MaxHeader {
		st.problem = fmt.Errorf("%w: more than %d bytes of headers", errTooLarge, r.c.client.opts.MaxHeader)
	} else {
		st.problem = r.takeField(st, f.Name, f.Value)
	}
	if st.problem != nil {
		r.dec.SetEmitEnabled(false)
	}
}

func (r *h2reader) takeField(st *stream, name, value string) error {
	if name == ":status" {
		n, err := strconv.Atoi(value)
		if r.fields != 1 || st.final || err != nil || len(value) != 3 || n < 100 {
			return protocolError(fmt.Sprintf("HTTP/2 status %.40q", value))
		}
		st.status = n
		r.interim = n < 200
		if !r.interim {
			st.begin()
		}
		return nil
	}
	if r.fields == 1 && !st.final {
		return protocolError("HTTP/2 headers without a status first")
	}
	if !fieldName(name) {
		return protocolError(fmt.Sprintf("HTTP/2 header name %.40q", name))
	}
	if indexNot(value, valueByte) >= 0 {
		return protocolError(fmt.Sprintf("a control character in header %.40q", name))
	}
	if r.interim || st.final {
		return nil // of an interim answer, or a trailer
	}
	switch name {
	case "content-length":
		n, ok := parseLength([]byte(value))
		if !ok || st.length >= 0 && st.length != n {
			return protocolError(fmt.Sprintf("Content-Length %.40q", value))
		}
		if st.length = n; n > st.maxBody && !st.req.NoBody {
			return fmt.Errorf("%w: Content-Length %d, the limit is %d", errTooLarge, n, st.maxBody)
		}
	case "connection", "transfer-encoding", "keep-alive", "proxy-connection", "upgrade":
		return protocolError(fmt.Sprintf("header %s in HTTP/2", name))
	case "content-encoding":
		if st.req.Decode {
			st.encoding = strings.ToLower(value)
		}
	case "set-cookie":
		if st.req.Cookies && len(st.cookies) < maxCookies {
			st.cookies = append(st.cookies, value)
		}
	case headerTiming:
		if d := timingOf(value); d > 0 {
			st.upstream = d
		}
	case headerKong, headerEnvoy:
		st.upstream = millis(value)
	}
	if st.keep {
		st.line(name, ": ", value)
	}
	return nil
}

// begin begins to keep what the request asks for, now that the status is known.
func (st *stream) begin() {
	switch {
	case st.req.Keep:
		st.keep, st.keepBody = true, st.maxBody
	case !st.req.expects(st.status):
		st.keep, st.keepBody = true, keptOfFailure
	default:
		return
	}
	var digits [4]byte
	st.line("HTTP/2 ", string(strconv.AppendInt(digits[:0], int64(st.status), 10)), "")
}

// line appends a line to the headers that are kept.
func (st *stream) line(a, b, c string) {
	if !st.req.Keep && st.tail+len(a)+len(b)+len(c)+2 > keptOfFailure {
		return
	}
	if st.tail > 0 {
		copy(st.grow(2), "\r\n")
	}
	for _, s := range [...]string{a, b, c} {
		copy(st.grow(len(s)), s)
	}
	st.headEnd = st.tail
}

// fieldName reports whether a name is a token in lower case.
func fieldName(s string) bool {
	for i := range len(s) {
		if byteClass[s[i]]&tokenByte == 0 || s[i] >= 'A' && s[i] <= 'Z' {
			return false
		}
	}
	return len(s) > 0
}

// endHeaders is called at the end of a header block.
func (r *h2reader) endHeaders(st *stream) error {
	switch {
	case st.problem != nil:
		return st.problem
	case st.final:
		if !r.headEnd {
			return protocolError("HTTP/2 headers inside the body")
		}
		return nil
	case st.status == 0:
		return protocolError("HTTP/2 headers without a status")
	case r.interim:
		if st.interim++; r.headEnd || st.status == 101 || st.interim > maxInterim {
			return protocolError(fmt.Sprintf("status %d without end or request", st.status))
		}
		return nil
	}
	st.final, st.phase = true, metric.PhaseBody
	if r.headEnd && st.req.NoBody {
		st.length = -1
	}
	return nil
}
