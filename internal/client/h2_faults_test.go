package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-42693903/lt/internal/metric"
)

// An h2peerConn is a connection of a server that speaks HTTP/2 in raw frames.
type h2peerConn struct {
	*peerConn
	*http2.Framer
	block bytes.Buffer // written by enc
	enc   *hpack.Encoder
}

// newH2Peer is a server that greets, and calls serve for each request until that
// says false.
func newH2Peer(t testing.TB, serve func(c *h2peerConn, id uint32) bool) *peer {
	return newPeer(t, func(p *peer, c *peerConn) {
		h := newH2PeerConn(c)
		if h == nil || h.WriteSettings() != nil {
			return
		}
		for {
			id, ok := h.request()
			if !ok {
				return
			}
			p.requests.Add(1)
			if !serve(h, id) {
				return
			}
		}
	})
}

func newH2PeerConn(c *peerConn) *h2peerConn {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.r, preface); err != nil || string(preface) != http2.ClientPreface {
		return nil
	}
	h := &h2peerConn{peerConn: c, Framer: http2.NewFramer(c, c.r)}
	h.enc = hpack.NewEncoder(&h.block)
	return h
}

// request reads to the end of a request.
func (c *h2peerConn) request() (id uint32, ok bool) {
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return 0, false
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				return f.StreamID, true
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				return f.StreamID, true
			}
		}
	}
}

// headers is a block of names and values.
func (c *h2peerConn) headers(nv ...string) []byte {
	c.block.Reset()
	for i := 0; i < len(nv); i += 2 {
		_ = c.enc.WriteField(hpack.HeaderField{Name: nv[i], Value: nv[i+1]})
	}
	return c.block.Bytes()
}

func (c *h2peerConn) head(id uint32, end bool, nv ...string) {
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.headers(nv...), EndHeaders: true, EndStream: end})
}

func (c *h2peerConn) answer(id uint32, status, body string) {
	c.head(id, false, ":status", status, "content-length", fmt.Sprint(len(body)))
	_ = c.WriteData(id, true, []byte(body))
}

// An h2fault is what a server does with a request, and what a client must make of
// it.
type h2fault struct {
	name    string
	serve   func(c *h2peerConn, id uint32)
	greet   func(c *h2peerConn) // instead of SETTINGS, before any request
	outcome metric.Outcome
	or      metric.Outcome
	phases  []metric.Phase
	timeout time.Duration
}

// h2faults lists them. After serve the connection stays open, so that only the
// frames can tell the client that something is wrong.
func h2faults() []h2fault {
	ok := []string{":status", "200", "content-length", "100"}
	raw := func(kind http2.FrameType, flags http2.Flags, payload string) func(*h2peerConn, uint32) {
		return func(c *h2peerConn, id uint32) { _ = c.WriteRawFrame(kind, flags, id, []byte(payload)) }
	}
	heads := func(nv ...string) func(*h2peerConn, uint32) {
		return func(c *h2peerConn, id uint32) { c.head(id, true, nv...) }
	}
	const endHeaders, endStream = http2.FlagHeadersEndHeaders, http2.FlagHeadersEndStream
	list := []h2fault{
		{name: "closed without an answer", serve: func(c *h2peerConn, _ uint32) { _ = c.CloseWrite() }, outcome: metric.ConnDropped, phases: inHeaders},
		{name: "reset without an answer", serve: func(c *h2peerConn, _ uint32) { c.rst() }, outcome: metric.Reset, phases: inHeaders},
		{name: "closed after the headers", serve: func(c *h2peerConn, id uint32) { c.head(id, false, ok...); _ = c.CloseWrite() }, outcome: metric.Truncated, phases: inBodyPhase},
		{name: "closed inside the body", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ok...)
			_ = c.WriteData(id, false, []byte("hello"))
			_ = c.CloseWrite()
		}, outcome: metric.Truncated, phases: inBodyPhase},
		{name: "closed inside a body of no length", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ":status", "200")
			_ = c.WriteData(id, false, []byte("hello"))
			_ = c.CloseWrite()
		}, outcome: metric.Truncated, phases: inBodyPhase},
		{name: "closed inside a frame", serve: func(c *h2peerConn, id uint32) { c.send("\x00\x00\x10\x01"); _ = c.CloseWrite() }, outcome: metric.ConnDropped, phases: inHeaders},
		{name: "a body that ends early", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ok...)
			_ = c.WriteData(id, true, []byte("hello"))
		}, outcome: metric.Truncated, phases: inBodyPhase},
		{name: "no body where a length is said", serve: heads(ok...), outcome: metric.Truncated, phases: inBodyPhase},
		{name: "a body that is too long", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ":status", "200", "content-length", "3")
			_ = c.WriteData(id, true, []byte("hello"))
		}, outcome: metric.Protocol, phases: inBodyPhase},
		{name: "stream reset", serve: func(c *h2peerConn, id uint32) { _ = c.WriteRSTStream(id, http2.ErrCodeInternal) }, outcome: metric.Reset, phases: inHeaders},
		{name: "stream refused", serve: func(c *h2peerConn, id uint32) { _ = c.WriteRSTStream(id, http2.ErrCodeRefusedStream) }, outcome: metric.Reset, phases: inHeaders},
		{name: "stream reset without error", serve: func(c *h2peerConn, id uint32) { _ = c.WriteRSTStream(id, http2.ErrCodeNo) }, outcome: metric.Reset, phases: inHeaders},
		{name: "stream reset inside the body", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ok...)
			_ = c.WriteRSTStream(id, http2.ErrCodeInternal)
		}, outcome: metric.Reset, phases: inBodyPhase},
		{name: "goes away in the middle", serve: func(c *h2peerConn, id uint32) {
			_ = c.WriteGoAway(id, http2.ErrCodeEnhanceYourCalm, nil)
			_ = c.CloseWrite()
		}, outcome: metric.ConnDropped, phases: inHeaders},
		{name: "goes away having done nothing", serve: func(c *h2peerConn, id uint32) { _ = c.WriteGoAway(0, http2.ErrCodeNo, nil) }, outcome: metric.ConnDropped, phases: inHeaders},
		{name: "silence", serve: func(*h2peerConn, uint32) {}, timeout: patience, outcome: metric.Timeout, phases: inHeaders},
		{name: "silence after the headers", serve: func(c *h2peerConn, id uint32) { c.head(id, false, ok...) }, timeout: patience, outcome: metric.Timeout, phases: inBodyPhase},
		{name: "slow body", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ok...)
			go func() {
				for w := http2.NewFramer(c.peerConn, nil); w.WriteData(id, false, []byte("x")) == nil; {
					time.Sleep(20 * time.Millisecond)
				}
			}()
		}, timeout: patience, outcome: metric.Timeout, phases: inBodyPhase},
		{name: "endless headers", serve: func(c *h2peerConn, id uint32) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.headers(":status", "200")})
			part := bytes.Repeat([]byte("\x00\x01a\x01b"), 1000)
			for c.WriteContinuation(id, false, part) == nil {
			}
		}, outcome: metric.TooLarge, phases: inHeaders},
		{name: "endless empty continuations", serve: func(c *h2peerConn, id uint32) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.headers(":status", "200")})
			for c.WriteContinuation(id, false, nil) == nil {
			}
		}, outcome: metric.TooLarge, phases: inHeaders},
		{name: "headers that unfold", serve: func(c *h2peerConn, id uint32) {
			// One entry of the table, named again and again by one byte each.
			b := slices.Clone(c.headers(":status", "200", "x-bomb", strings.Repeat("y", 3000)))
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: append(b, bytes.Repeat([]byte{0xbe}, 10_000)...), EndHeaders: true})
		}, outcome: metric.TooLarge, phases: inHeaders},
		{name: "endless body", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ":status", "200")
			go c.swallow()
			for part := make([]byte, 16<<10); c.WriteData(id, false, part) == nil; {
			}
		}, outcome: metric.TooLarge, phases: inBodyPhase},
		{name: "a length over the limit", serve: heads(":status", "200", "content-length", "1048577"), outcome: metric.TooLarge, phases: inHeaders},
		{name: "flood of pings", serve: func(c *h2peerConn, id uint32) {
			go c.swallow()
			for c.WritePing(false, [8]byte{}) == nil {
			}
		}, outcome: metric.Protocol, phases: inHeaders},
		{name: "flood of settings", serve: func(c *h2peerConn, id uint32) {
			go c.swallow()
			for c.WriteSettings() == nil {
			}
		}, outcome: metric.Protocol, phases: inHeaders},
		{name: "flood of empty data", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ":status", "200")
			for c.WriteData(id, false, nil) == nil {
			}
		}, outcome: metric.Protocol, phases: inBodyPhase},
		{name: "flood of interim answers", serve: func(c *h2peerConn, id uint32) {
			for range maxInterim + 1 {
				c.head(id, false, ":status", "103")
			}
		}, outcome: metric.Protocol, phases: inHeaders},

		{name: "HTTP/1 instead", greet: func(c *h2peerConn) { c.send("HTTP/1.1 400 Bad Request\r\n\r\n") }, outcome: metric.Protocol, phases: []metric.Phase{metric.PhaseHeaders, metric.PhaseWrite}},
		{name: "no settings", greet: func(c *h2peerConn) { _ = c.WritePing(false, [8]byte{}) }, outcome: metric.Protocol, phases: []metric.Phase{metric.PhaseHeaders, metric.PhaseWrite}},
		{name: "garbage", greet: func(c *h2peerConn) { c.send(strings.Repeat("garbage!", 100)) }, outcome: metric.Protocol, phases: []metric.Phase{metric.PhaseHeaders, metric.PhaseWrite}},
		{name: "a frame that is too large", serve: func(c *h2peerConn, id uint32) { c.send("\x00\x40\x01\x00\x00\x00\x00\x00\x01") }, outcome: metric.Protocol, phases: inHeaders},
		{name: "data first", serve: func(c *h2peerConn, id uint32) { _ = c.WriteData(id, true, []byte("hello")) }, outcome: metric.Protocol, phases: inHeaders},
		{name: "data of a stream that nobody opened", serve: func(c *h2peerConn, id uint32) { _ = c.WriteData(id+100, true, nil) }, outcome: metric.Protocol, phases: inHeaders},
		{name: "headers of an even stream", serve: func(c *h2peerConn, id uint32) { c.head(id+1, true, ok...) }, outcome: metric.Protocol, phases: inHeaders},
		{name: "data of stream 0", serve: func(c *h2peerConn, _ uint32) { c.send("\x00\x00\x00\x00\x00\x00\x00\x00\x00") }, outcome: metric.Protocol, phases: inHeaders},
		{name: "push promise", serve: func(c *h2peerConn, id uint32) {
			_ = c.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, BlockFragment: c.headers(":method", "GET"), EndHeaders: true})
		}, outcome: metric.Protocol, phases: inHeaders},
		{name: "a lone continuation", serve: raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, ""), outcome: metric.Protocol, phases: inHeaders},
		{name: "headers broken off by another frame", serve: func(c *h2peerConn, id uint32) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.headers(":status", "200")})
			_ = c.WritePing(false, [8]byte{})
		}, outcome: metric.Protocol, phases: inHeaders},
		{name: "broken HPACK", serve: raw(http2.FrameHeaders, endHeaders|endStream, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), outcome: metric.Protocol, phases: inHeaders},
		{name: "HPACK cut short", serve: raw(http2.FrameHeaders, endHeaders|endStream, "\x00\x05ab"), outcome: metric.Protocol, phases: inHeaders},
		{name: "an entry that is not there", serve: raw(http2.FrameHeaders, endHeaders|endStream, "\xfe"), outcome: metric.Protocol, phases: inHeaders},
		{name: "padding longer than the frame", serve: raw(http2.FrameHeaders, endHeaders|endStream|http2.FlagHeadersPadded, "\x20\x88"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a window update of zero", serve: func(c *h2peerConn, id uint32) {
			_ = c.WriteRawFrame(http2.FrameWindowUpdate, 0, id, make([]byte, 4))
		}, outcome: metric.Protocol, phases: inHeaders},
		{name: "a window too large", serve: func(c *h2peerConn, _ uint32) { _ = c.WriteWindowUpdate(0, 1<<31-1) }, outcome: metric.Protocol, phases: inHeaders},
		{name: "a bad setting", serve: func(c *h2peerConn, _ uint32) {
			_ = c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}, outcome: metric.Protocol, phases: inHeaders},
		{name: "settings of odd length", serve: func(c *h2peerConn, _ uint32) { c.send("\x00\x00\x05\x04\x00\x00\x00\x00\x00hello") }, outcome: metric.Protocol, phases: inHeaders},
		{name: "no status", serve: heads("server", "x"), outcome: metric.Protocol, phases: inHeaders},
		{name: "an empty block", serve: raw(http2.FrameHeaders, endHeaders|endStream, ""), outcome: metric.Protocol, phases: inHeaders},
		{name: "status 101", serve: heads(":status", "101"), outcome: metric.Protocol, phases: inHeaders},
		{name: "an interim end", serve: heads(":status", "103"), outcome: metric.Protocol, phases: inHeaders},
		{name: "two statuses", serve: heads(":status", "200", ":status", "200"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a status of letters", serve: heads(":status", "2x0"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a status after the headers", serve: heads("server", "x", ":status", "200"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a request's pseudo header", serve: heads(":status", "200", ":path", "/"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a name in capitals", serve: heads(":status", "200", "Server", "x"), outcome: metric.Protocol, phases: inHeaders},
		{name: "an empty name", serve: heads(":status", "200", "", "x"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a line break in a value", serve: heads(":status", "200", "server", "x\r\ny: z"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a connection header", serve: heads(":status", "200", "connection", "close"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a transfer coding", serve: heads(":status", "200", "transfer-encoding", "chunked"), outcome: metric.Protocol, phases: inHeaders},
		{name: "two lengths", serve: heads(":status", "200", "content-length", "5", "content-length", "6"), outcome: metric.Protocol, phases: inHeaders},
		{name: "a length of letters", serve: heads(":status", "200", "content-length", "five"), outcome: metric.Protocol, phases: inHeaders},
		{name: "headers inside the body", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ":status", "200")
			c.head(id, false, "x", "y")
		}, outcome: metric.Protocol, phases: inBodyPhase},
		{name: "a status in the trailers", serve: func(c *h2peerConn, id uint32) {
			c.head(id, false, ":status", "200")
			c.head(id, true, ":status", "200")
		}, outcome: metric.Protocol, phases: inBodyPhase},
	}
	return list
}

func TestH2Faults(t *testing.T) {
	list := h2faults()
	for _, shared := range []int{0, 1} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) {
			for _, f := range list {
				t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
					t.Parallel()
					p := f.peer(t)
					cl := newClient(t, p.url(), func(o *Options) { f.options(o); o.Connections = shared })
					for i := range 4 {
						c := cl.NewConn() // some faults keep their connection busy
						req := get(t)
						req.Keep = i%2 == 0
						resp, s, _ := doInTime(t, p, c, req, f.timeout)
						checkSample(t, s, resp)
						if why := f.wrong(resp, s); why != "" {
							t.Fatalf("%s (%+v: %v)", why, s, resp.Err)
						}
						resp.Release()
						c.Close()
					}
				})
			}
		})
	}
}

// TestH2Survives: what is wrong with one stream ends no connection.
func TestH2Survives(t *testing.T) {
	for _, f := range h2faults() {
		switch f.name {
		case "stream reset", "a body that ends early", "a body that is too long", "no status", "a connection header", "silence after the headers", "a length over the limit":
		default:
			continue
		}
		t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			n := 0
			p := newH2Peer(t, func(c *h2peerConn, id uint32) bool {
				if n++; n%2 == 0 {
					c.answer(id, "200", "hello")
				} else {
					f.serve(c, id)
				}
				return true
			})
			c := newConn(t, p.url(), f.options)
			for i := range 6 {
				resp, s := do(t.Context(), c, get(t))
				want := f.outcome
				if i%2 == 1 {
					want = metric.OK
				}
				if s.Outcome != want || i > 0 && !s.Reused || want == metric.OK && string(resp.Body) != "hello" {
					t.Fatalf("exchange %d: %+v: %v", i, s, resp.Err)
				}
			}
			if a := p.accepted.Load(); a != 1 {
				t.Errorf("%d connections", a)
			}
		})
	}
}

// TestH2GoesAway: a server that ends its connections after some requests, as they
// do, costs none: what it has not begun goes to the next connection.
func TestH2GoesAway(t *testing.T) {
	for name, early := range map[string]bool{"after the answer": false, "before it": true} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			var answered atomic.Int64
			p := newH2Peer(t, func(c *h2peerConn, id uint32) bool {
				if early && id == 5 {
					_ = c.WriteGoAway(3, http2.ErrCodeNo, nil)
					return false
				}
				answered.Add(1)
				c.answer(id, "200", "hello")
				if !early && id == 3 {
					_ = c.WriteGoAway(3, http2.ErrCodeNo, nil)
					_, _ = c.r.Peek(1)
					return false
				}
				return true
			})
			c := newConn(t, p.url(), func(o *Options) { o.HTTP2 = true })
			const n = 40
			again := 0
			for i := range n {
				resp, s := do(t.Context(), c, get(t))
				checkSample(t, s, resp)
				if s.Outcome != metric.OK {
					t.Fatalf("exchange %d: %+v: %v", i, s, resp.Err)
				}
				again += s.Reconnects
			}
			if got := answered.Load(); got != n || again != n/2-1 {
				t.Errorf("%d requests, %d answered; %d replaced connections, want %d", n, got, again, n/2-1)
			}
		})
	}
}

// TestH2Stuck: a peer that takes nothing holds nobody beyond the timeout.
func TestH2Stuck(t *testing.T) {
	p := newPeer(t, func(_ *peer, c *peerConn) {
		if h := newH2PeerConn(c); h != nil {
			_ = h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
			_ = h.WriteWindowUpdate(0, 1<<30)
		}
	})
	cl := newClient(t, p.url(), func(o *Options) { o.HTTP2, o.Connections, o.Timeout = true, 1, 10*patience })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := cl.NewConn()
			defer c.Close()
			resp, s := do(t.Context(), c, request(t, "POST", make([]byte, 16<<20)))
			if s.Outcome != metric.Timeout && s.Outcome != metric.ConnDropped || s.Phase != metric.PhaseWrite || s.ServiceTime() > 100*patience {
				t.Errorf("%+v after %v: %v", s, s.ServiceTime(), resp.Err)
			}
		})
	}
	wg.Wait()
}

// TestH2StuckAborted: nor does it hold the user who is writing beyond the end of
// its context, long before the timeout.
func TestH2StuckAborted(t *testing.T) {
	cl := newClient(t, deadPort(t), func(o *Options) { o.HTTP2, o.Timeout = true, time.Hour })
	c := cl.NewConn()
	near, far := net.Pipe() // which has no buffer that the request would fit into
	defer far.Close()
	c.mux.conn = newH2Conn(cl, dialled{nc: near}, false)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = far.Read(make([]byte, 1)) // it is being written
		cancel()
	}()
	ended := make(chan metric.Sample, 1)
	go func() {
		_, s := do(ctx, c, get(t))
		ended <- s
	}()
	select {
	case s := <-ended:
		if s.Outcome != metric.Aborted {
			t.Errorf("%+v", s)
		}
		c.Close()
	case <-time.After(20 * patience):
		t.Fatal("it is still writing")
	}
}

func (f *h2fault) options(o *Options) {
	o.HTTP2 = true
	if f.timeout > 0 {
		o.Timeout = f.timeout
	}
}

// peer is a server with the fault.
func (f *h2fault) peer(t testing.TB) *peer {
	if f.greet != nil {
		return newPeer(t, func(_ *peer, c *peerConn) {
			if h := newH2PeerConn(c); h != nil {
				f.greet(h)
				c.hang()
			}
		})
	}
	return newH2Peer(t, func(c *h2peerConn, id uint32) bool { f.serve(c, id); return true })
}

// wrong says how an exchange is not as the fault should make it.
func (f *h2fault) wrong(resp *Response, s metric.Sample) string {
	switch {
	case s.Outcome != f.outcome && (f.or == metric.OK || s.Outcome != f.or):
		return fmt.Sprintf("outcome %v, want %v", s.Outcome, f.outcome)
	case !slices.Contains(f.phases, s.Phase):
		return fmt.Sprintf("phase %v, want %v", s.Phase, f.phases)
	case f.timeout > 0 && s.ServiceTime() < f.timeout:
		return fmt.Sprintf("timed out after %v, want %v", s.ServiceTime(), f.timeout)
	}
	return ""
}
