package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

const (
	okHead    = "HTTP/1.1 200 OK\r\n"
	chunkHead = okHead + "Transfer-Encoding: chunked\r\n\r\n"
	longHead  = okHead + "Content-Length: 100\r\n\r\n"
)

// patience is the timeout of exchanges that are meant to time out.
const patience = 150 * time.Millisecond

// A fault is what a server does with its first request, and what a client must
// make of it.
type fault struct {
	name    string
	serve   func(c *peerConn) // after the request was read, unless early
	early   bool
	outcome metric.Outcome
	or      metric.Outcome // as good, where it is a race
	phases  []metric.Phase // the first is the usual one
	status  int
	timeout time.Duration
	req     func(t testing.TB) *Request
}

var (
	inWrite       = []metric.Phase{metric.PhaseWrite}
	inHeaders     = []metric.Phase{metric.PhaseHeaders}
	inBodyPhase   = []metric.Phase{metric.PhaseBody}
	beforeHeaders = []metric.Phase{metric.PhaseHeaders, metric.PhaseWrite, metric.PhaseDial}
)

// sends is a server that answers with s and closes.
func sends(s string) func(*peerConn) {
	return func(c *peerConn) { c.send(s); c.fin() }
}

// sendsAndStays is a server that answers with s and leaves the connection open,
// so that only the bytes can tell the client that something is wrong.
func sendsAndStays(s string) func(*peerConn) {
	return func(c *peerConn) { c.send(s); c.hang() }
}

func faults() []fault {
	bigBody := func(t testing.TB) *Request { return request(t, "POST", make([]byte, 16<<20)) }
	list := []fault{
		// The connection.
		{name: "reset on accept", early: true, serve: (*peerConn).rst, outcome: metric.Reset, phases: beforeHeaders},
		{name: "closed on accept", early: true, serve: (*peerConn).fin, outcome: metric.ConnDropped, or: metric.Reset, phases: beforeHeaders},
		{name: "reset before the headers", serve: (*peerConn).rst, outcome: metric.Reset, phases: inHeaders},
		{name: "closed before the headers", serve: (*peerConn).fin, outcome: metric.ConnDropped, phases: inHeaders},
		{name: "half-closed before the headers", serve: func(c *peerConn) { _ = c.CloseWrite(); c.hang() }, outcome: metric.ConnDropped, phases: inHeaders},
		{name: "reset inside the headers", serve: func(c *peerConn) {
			c.send(okHead)
			time.Sleep(20 * time.Millisecond) // a reset overtakes what was not read
			c.rst()
		}, outcome: metric.Reset, phases: inHeaders, status: 200},
		{name: "reset inside the body", serve: func(c *peerConn) {
			c.send(longHead + "hello")
			time.Sleep(20 * time.Millisecond)
			c.rst()
		}, outcome: metric.Reset, phases: inBodyPhase, status: 200},
		{name: "reset inside a chunk", serve: func(c *peerConn) {
			c.send(chunkHead + "5\r\nhel")
			time.Sleep(20 * time.Millisecond)
			c.rst()
		}, outcome: metric.Reset, phases: inBodyPhase, status: 200},
		{name: "request never read", early: true, serve: func(*peerConn) {}, req: bigBody, timeout: patience, outcome: metric.Timeout, phases: inWrite},
		{name: "reset inside the request", early: true, serve: func(c *peerConn) {
			_, _ = c.r.Peek(1)
			c.rst()
		}, req: bigBody, outcome: metric.Reset, phases: []metric.Phase{metric.PhaseWrite, metric.PhaseHeaders}},

		// The end is missing.
		{name: "closed inside the status line", serve: sends("HTTP/1.1 20"), outcome: metric.Truncated, phases: inHeaders},
		{name: "closed inside the headers", serve: sends(okHead + "Content-Le"), outcome: metric.Truncated, phases: inHeaders, status: 200},
		{name: "closed before the empty line", serve: sends(okHead + "Content-Length: 0\r\n"), outcome: metric.Truncated, phases: inHeaders, status: 200},
		{name: "closed before the body", serve: sends(longHead), outcome: metric.Truncated, phases: inBodyPhase, status: 200},
		{name: "closed inside the body", serve: sends(longHead + "hello"), outcome: metric.Truncated, phases: inBodyPhase, status: 200},
		{name: "closed inside a chunk", serve: sends(chunkHead + "5\r\nhel"), outcome: metric.Truncated, phases: inBodyPhase, status: 200},
		{name: "closed after a chunk", serve: sends(chunkHead + "5\r\nhello\r\n"), outcome: metric.Truncated, phases: inBodyPhase, status: 200},
		{name: "closed inside a chunk size", serve: sends(chunkHead + "5"), outcome: metric.Truncated, phases: inBodyPhase, status: 200},
		{name: "closed before the trailer's end", serve: sends(chunkHead + "5\r\nhello\r\n0\r\nX: y\r\n"), outcome: metric.Truncated, phases: inBodyPhase, status: 200},
		{name: "closed after the interim answer", serve: sends("HTTP/1.1 103 Early Hints\r\n\r\n"), outcome: metric.Truncated, phases: inHeaders},

		// Too slow.
		{name: "silence", serve: (*peerConn).hang, timeout: patience, outcome: metric.Timeout, phases: inHeaders},
		{name: "slow status line", serve: func(c *peerConn) { c.drip(hello, 20*time.Millisecond) }, timeout: patience, outcome: metric.Timeout, phases: inHeaders},
		{name: "slow headers", serve: func(c *peerConn) { c.send(okHead); c.drip(strings.Repeat("X: y\r\n", 100), 20*time.Millisecond) }, timeout: patience, outcome: metric.Timeout, phases: inHeaders, status: 200},
		{name: "slow body", serve: func(c *peerConn) { c.send(longHead); c.drip(strings.Repeat("x", 100), 20*time.Millisecond) }, timeout: patience, outcome: metric.Timeout, phases: inBodyPhase, status: 200},
		{name: "stalled body", serve: sendsAndStays(longHead + "hello"), timeout: patience, outcome: metric.Timeout, phases: inBodyPhase, status: 200},
		{name: "stalled chunk", serve: sendsAndStays(chunkHead + "5\r\nhel"), timeout: patience, outcome: metric.Timeout, phases: inBodyPhase, status: 200},
		{name: "endless interim answers, slowly", serve: func(c *peerConn) {
			for range 60 {
				c.send("HTTP/1.1 103 Early Hints\r\n\r\n")
				time.Sleep(20 * time.Millisecond)
			}
		}, timeout: patience, outcome: metric.Timeout, phases: inHeaders},

		// Too much.
		{name: "flood of header lines", serve: func(c *peerConn) { c.send(okHead); c.forever(strings.Repeat("X-Flood: yes\r\n", 500)) }, outcome: metric.TooLarge, phases: inHeaders, status: 200},
		{name: "endless header line", serve: func(c *peerConn) { c.send(okHead + "X: "); c.forever(strings.Repeat("y", 5000)) }, outcome: metric.TooLarge, phases: inHeaders, status: 200},
		{name: "endless reason", serve: func(c *peerConn) { c.send("HTTP/1.1 200 "); c.forever(strings.Repeat("y", 5000)) }, outcome: metric.TooLarge, phases: inHeaders},
		{name: "endless body", serve: func(c *peerConn) { c.send(okHead + "\r\n"); c.forever(strings.Repeat("y", 50000)) }, outcome: metric.TooLarge, phases: inBodyPhase, status: 200},
		{name: "endless chunks", serve: func(c *peerConn) { c.send(chunkHead); c.forever("2710\r\n" + strings.Repeat("y", 10000) + "\r\n") }, outcome: metric.TooLarge, phases: inBodyPhase, status: 200},
		{name: "huge chunk", serve: sendsAndStays(chunkHead + "7fffffff\r\n"), outcome: metric.TooLarge, phases: inBodyPhase, status: 200},
		{name: "huge Content-Length", serve: sendsAndStays(okHead + "Content-Length: 1048577\r\n\r\n"), outcome: metric.TooLarge, phases: inHeaders, status: 200},
		{name: "endless trailer", serve: func(c *peerConn) { c.send(chunkHead + "0\r\n"); c.forever("X: y\r\n") }, outcome: metric.TooLarge, phases: inBodyPhase, status: 200},
		{name: "flood of interim answers", serve: func(c *peerConn) { c.forever("HTTP/1.1 103 Early Hints\r\n\r\n") }, outcome: metric.Protocol, phases: inHeaders, status: 103},
	}

	// Not HTTP, or not clear what it means.
	for name, answer := range map[string]string{
		"an SSH banner":          "SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/2 settings":        "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
		"a TLS alert":            "\x15\x03\x01\x00\x02\x02\x0a",
		"HTTP/0.9":               "<html>hello</html>\n",
		"an empty line first":    "\r\n" + hello,
		"HTTP/2.0 in text":       "HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/1.2":               "HTTP/1.2 200 OK\r\n\r\n",
		"a status of letters":    "HTTP/1.1 2x0 OK\r\n\r\n",
		"a status of two digits": "HTTP/1.1 20 OK\r\n\r\n",
		"a status of 099":        "HTTP/1.1 099 OK\r\n\r\n",
		"a status of 4 digits":   "HTTP/1.1 2000 OK\r\n\r\n",
	} {
		list = append(list, fault{name: name, serve: sendsAndStays(answer), outcome: metric.Protocol, phases: inHeaders, status: -1})
	}
	for name, headers := range map[string]string{
		"Content-Length twice":               "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"a Content-Length list":              "Content-Length: 5, 5\r\n\r\nhello",
		"a Content-Length of letters":        "Content-Length: five\r\n\r\nhello",
		"a signed Content-Length":            "Content-Length: +5\r\n\r\nhello",
		"a negative Content-Length":          "Content-Length: -5\r\n\r\nhello",
		"an empty Content-Length":            "Content-Length:\r\n\r\nhello",
		"a Content-Length of 19 digits":      "Content-Length: 9223372036854775808\r\n\r\nhello",
		"Content-Length beside chunked":      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked beside Content-Length":      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"chunked twice":                      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"an unknown transfer coding":         "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"a folded header":                    "X: y\r\n z\r\nContent-Length: 5\r\n\r\nhello",
		"a NUL in a header":                  "X: y\x00z\r\nContent-Length: 5\r\n\r\nhello",
		"a CR in a header":                   "X: y\rz\r\nContent-Length: 5\r\n\r\nhello",
		"a space before the colon":           "Content-Length : 5\r\n\r\nhello",
		"a header without colon":             "Content-Length 5\r\n\r\nhello",
		"a header without name":              ": 5\r\n\r\nhello",
		"a bare LF after a header":           "Content-Length: 5\n\r\nhello",
		"a bare LF as the empty line":        "Content-Length: 5\r\n\nhello",
		"a bare LF after the status line":    "",
		"switching protocols without asking": "",
		"chunked in HTTP/1.0":                "",
	} {
		answer := okHead + headers
		switch name {
		case "a bare LF after the status line":
			answer = "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello"
		case "switching protocols without asking":
			answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
		case "chunked in HTTP/1.0":
			answer = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
		}
		list = append(list, fault{name: name, serve: sendsAndStays(answer), outcome: metric.Protocol, phases: inHeaders, status: -1})
	}
	for name, body := range map[string]string{
		"a chunk size of letters":       "xyz\r\nhello\r\n0\r\n\r\n",
		"a negative chunk size":         "-5\r\nhello\r\n0\r\n\r\n",
		"an empty chunk size":           "\r\nhello\r\n0\r\n\r\n",
		"a chunk size with 0x":          "0x5\r\nhello\r\n0\r\n\r\n",
		"a chunk size that overflows":   "10000000000000005\r\nhello\r\n0\r\n\r\n",
		"a bare LF after a chunk size":  "5\nhello\r\n0\r\n\r\n",
		"a chunk longer than its size":  "4\r\nhello\r\n0\r\n\r\n",
		"a bare LF after a chunk":       "5\r\nhello\n0\r\n\r\n",
		"a chunk extension of controls": "5;\x01\r\nhello\r\n0\r\n\r\n",
		"a bad trailer":                 "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
		"a folded trailer":              "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
		"an endless chunk extension":    "5;" + strings.Repeat("x", 10_000),
	} {
		list = append(list, fault{name: name, serve: sendsAndStays(chunkHead + body), outcome: metric.Protocol, phases: inBodyPhase, status: 200})
	}
	return list
}

func TestFaults(t *testing.T) {
	list := faults()
	if len(list) < 30 {
		t.Fatalf("only %d kinds of faults", len(list))
	}
	for _, portable := range []bool{false, true} {
		t.Run(fmt.Sprintf("portable=%v", portable), func(t *testing.T) {
			for _, f := range list {
				t.Run(strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
					t.Parallel()
					f.check(t, portable)
				})
			}
		})
	}
}

// check does the fault to a few exchanges.
func (f *fault) check(t *testing.T, portable bool) {
	const rounds = 2
	p := newPeer(t, func(_ *peer, c *peerConn) {
		if f.early || c.request() {
			f.serve(c)
		}
	})
	c := newConn(t, p.url(), func(o *Options) {
		if f.timeout > 0 {
			o.Timeout = f.timeout
		}
	})
	c.client.portable = portable
	req := get(t)
	if f.req != nil {
		req = f.req(t)
	}
	soonest := time.Hour
	for i := range 2 * rounds {
		req.Keep = i < rounds
		resp, s, granted := doInTime(t, p, c, req, f.timeout)
		checkSample(t, s, resp)
		if s.Outcome != f.outcome && (f.or == metric.OK || s.Outcome != f.or) {
			t.Fatalf("outcome %v, want %v (%+v: %v)", s.Outcome, f.outcome, s, resp.Err)
		}
		if !slices.Contains(f.phases, s.Phase) {
			t.Errorf("phase %v, want %v (%v)", s.Phase, f.phases, resp.Err)
		}
		if f.status >= 0 && s.Status != f.status {
			t.Errorf("status %d, want %d", s.Status, f.status)
		}
		if s.Reused || s.Reconnects != 0 {
			t.Errorf("the broken connection was used again: %+v", s)
		}
		if f.timeout > 0 {
			soonest = min(soonest, s.ServiceTime()-granted)
			if s.ServiceTime() < f.timeout {
				t.Errorf("timed out after %v, want %v", s.ServiceTime(), f.timeout)
			}
		}
		resp.Release()
	}
	// The soonest, for on a busy machine any one may be late.
	if most := f.timeout + 10*(f.timeout/20+10*time.Millisecond); f.timeout > 0 && soonest > most {
		t.Errorf("timed out after %v at the soonest, want %v to %v", soonest, f.timeout, most)
	}
	if got := p.requests.Load(); !f.early && got != 2*rounds {
		t.Errorf("%d attempts, the server saw %d", 2*rounds, got)
	}
}

// doInTime is do, with how late this machine was meanwhile; once more if that was
// so much that a timeout may have struck in an earlier phase than it should.
func doInTime(t *testing.T, p *peer, c *Conn, req *Request, timeout time.Duration) (*Response, metric.Sample, time.Duration) {
	for try := 0; ; try++ {
		before := p.requests.Load()
		late := overrun()
		resp, s := do(t.Context(), c, req)
		granted := late()
		if timeout == 0 || granted < timeout/3 || try == 20 {
			return resp, s, granted
		}
		t.Logf("the machine was %v late: once more", granted)
		p.requests.Store(before)
	}
}

// TestTruncated cuts good answers at every byte: none of the pieces may pass for
// a success.
func TestTruncated(t *testing.T) {
	for name, answer := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
		"chunked": chunkHead + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n",
		"interim": "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + hello,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cut := make(chan int, 1)
			p := newPeer(t, func(_ *peer, c *peerConn) {
				if c.request() {
					n := <-cut
					c.send(answer[:n/2]) // in two segments, most of the time
					c.send(answer[n/2 : n])
					c.fin()
				}
			})
			c := newConn(t, p.url(), nil)
			for n := range len(answer) + 1 {
				cut <- n
				resp, s := do(t.Context(), c, get(t))
				want := metric.Truncated
				switch n {
				case 0:
					want = metric.ConnDropped
				case len(answer):
					want = metric.OK
				}
				// The close after the last whole answer may come as a reset.
				if s.Outcome != want {
					t.Errorf("the first %d of %d bytes: %v, want %v (%v)", n, len(answer), s.Outcome, want, resp.Err)
				}
				c.drop(true)
			}
		})
	}
}

// TestAnswers are answers that are all right, however odd.
func TestAnswers(t *testing.T) {
	type want struct {
		body   string
		status int
		reuse  bool
	}
	for name, tt := range map[string]struct {
		answer string
		method string
		want   want
	}{
		"length":                   {answer: hello, want: want{"hello", 200, true}},
		"no reason":                {answer: "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", want: want{"hello", 200, true}},
		"no body":                  {answer: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", want: want{"", 200, true}},
		"the same length twice":    {answer: okHead + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", want: want{"hello", 200, true}},
		"chunked":                  {answer: chunkHead + "5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\n\r\n", want: want{"hello world", 200, true}},
		"chunked with a trailer":   {answer: chunkHead + "A\r\n0123456789\r\n000\r\nX: y\r\nZ:\r\n\r\n", want: want{"0123456789", 200, true}},
		"until the end":            {answer: okHead + "\r\nhello", want: want{"hello", 200, false}},
		"until the end, empty":     {answer: okHead + "\r\n", want: want{"", 200, false}},
		"HTTP/1.0":                 {answer: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", want: want{"hello", 200, false}},
		"HTTP/1.0 with keep-alive": {answer: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", want: want{"hello", 200, true}},
		"close":                    {answer: okHead + "Connection: x, Close\r\nContent-Length: 5\r\n\r\nhello", want: want{"hello", 200, false}},
		"bytes after the answer":   {answer: hello + "more", want: want{"hello", 200, false}},
		"HEAD":                     {answer: okHead + "Content-Length: 5\r\n\r\n", method: "HEAD", want: want{"", 200, true}},
		"HEAD of chunked":          {answer: chunkHead, method: "HEAD", want: want{"", 200, true}},
		"204":                      {answer: "HTTP/1.1 204 No Content\r\n\r\n", want: want{"", 204, true}},
		"304":                      {answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", want: want{"", 304, true}},
		"interim answers":          {answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n" + hello, want: want{"hello", 200, true}},
		"a long body":              {answer: fmt.Sprintf(okHead+"Content-Length: %d\r\n\r\n%s", 1<<20, strings.Repeat("x", 1<<20)), want: want{strings.Repeat("x", 1<<20), 200, true}},
		"a long body in chunks":    {answer: chunkHead + strings.Repeat("1000\r\n"+strings.Repeat("x", 1<<12)+"\r\n", 100) + "0\r\n\r\n", want: want{strings.Repeat("x", 100<<12), 200, true}},
		"long headers":             {answer: okHead + strings.Repeat("X-Long: "+strings.Repeat("y", 1000)+"\r\n", 60) + "Content-Length: 5\r\n\r\nhello", want: want{"hello", 200, true}},
	} {
		for _, inPieces := range []bool{false, true} {
			if inPieces && (len(tt.answer) > 1000 || name == "bytes after the answer") {
				continue
			}
			t.Run(fmt.Sprintf("%s/pieces=%v", strings.ReplaceAll(name, " ", "-"), inPieces), func(t *testing.T) {
				t.Parallel()
				p := newPeer(t, func(_ *peer, c *peerConn) {
					for c.request() {
						if inPieces {
							c.drip(tt.answer, 100*time.Microsecond)
						} else {
							c.send(tt.answer)
						}
						if !tt.want.reuse {
							c.fin()
							return
						}
					}
				})
				c := newConn(t, p.url(), nil)
				method := tt.method
				if method == "" {
					method = "GET"
				}
				req := request(t, method, nil)
				req.Expect = []int{tt.want.status}
				for i := range 4 {
					req.Keep = i < 3
					resp, s := do(t.Context(), c, req)
					checkSample(t, s, resp)
					if s.Outcome != metric.OK || s.Status != tt.want.status || s.Phase != metric.PhaseBody {
						t.Fatalf("%+v: %v", s, resp.Err)
					}
					if req.Keep && string(resp.Body) != tt.want.body {
						t.Errorf("body of %d bytes %.60q, want %d", len(resp.Body), resp.Body, len(tt.want.body))
					}
					if !req.Keep && (resp.Body != nil || resp.Header != nil) {
						t.Errorf("kept %d bytes that nobody asked for", len(resp.Body))
					}
					// Bytes after an answer may be read with it or after it; either way the
					// connection carries no further request.
					if reuse := tt.want.reuse && i > 0; s.Reused != reuse || s.Reconnects > 0 && name != "bytes after the answer" {
						t.Errorf("exchange %d: reused %v, want %v, %d reconnects", i, s.Reused, reuse, s.Reconnects)
					}
					if want := int64(len(tt.answer)); s.BytesIn != want && name != "bytes after the answer" {
						t.Errorf("%d bytes in, want %d", s.BytesIn, want)
					}
					if s.BytesOut != int64(len(req.Wire)) {
						t.Errorf("%d bytes out, want %d", s.BytesOut, len(req.Wire))
					}
					resp.Release()
				}
			})
		}
	}
}
