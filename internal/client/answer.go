package client

import (
	"errors"
	"time"
)

// Limits of an answer that nobody needs to set.
const (
	maxInterim    = 64       // 1xx answers before the final one
	maxHeaderLine = 48 << 10 // so that a flood holds one buffer of 64 KB at most
	maxChunkLine  = 4 << 10  // a chunk's size and extensions
	maxCookies    = 64       // Set-Cookie headers that are kept
)

// errTooLarge is wrapped by what the limits of Options refuse.
var errTooLarge = errors.New("answer too large")

// A protocolError says how an answer is not HTTP/1.x.
type protocolError string

func (e protocolError) Error() string { return "not HTTP: " + string(e) }

// An answer reads one HTTP/1.x answer. Its buffer holds, in order: what is kept
// of the header, what is kept of the body, and what has been read and not parsed
// yet. The owner fills buf[end:], calls parse, and repeats until parse is done.
//
// It is stricter than RFC 9112 asks of a recipient, since an answer of doubtful
// length must not pass for a success: every line ends in CRLF, no line is folded,
// names are tokens directly before their colon, values hold no control
// characters, Content-Length is one number of digits (repeated only alike) and
// never stands beside Transfer-Encoding, which is "chunked" alone, once, and not
// in HTTP/1.0. 101 is refused, since no request asks for an upgrade.
type answer struct {
	maxHeader int
	maxBody   int64
	req       *Request

	status    int
	minor     byte // HTTP/1.minor
	connClose bool
	connKeep  bool
	te        bool
	length    int64 // Content-Length, or -1
	body      int64 // bytes of the body so far
	left      int64 // bytes until the end of the body or chunk; -1: until the connection ends
	state     parseState
	interim   int

	buf       *[]byte
	headStart int // the header block, until its end is known
	headSize  int // bytes of this and earlier header blocks and of trailers
	pos, end  int // read and not parsed
	scanned   int // no line ends before it
	head      int // the header is kept in [0, head)
	bodyStart int // the body is kept in [bodyStart, tail)
	tail      int
	keepBody  int64
	encoding  string   // Content-Encoding, where Request.Decode asks for it
	cookies   []string // likewise Set-Cookie
	cut       bool     // part of the body was not kept
	more      bool     // it took more than one read
	upstream  time.Duration
}

type parseState uint8

const (
	inStatus parseState = iota
	inHeader
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	complete
)

// begin makes a ready for an answer to req, the first n bytes of which stand in
// buf. It takes buf over.
func (a *answer) begin(req *Request, buf *[]byte, n int) {
	*a = answer{maxHeader: a.maxHeader, maxBody: a.maxBody, req: req, length: -1, buf: buf, end: n}
}

// keepHeader keeps what the request asks of the header, and makes room for as
// much of the body.
func (a *answer) keepHeader() {
	from, to := a.headStart, a.pos-2
	switch {
	case a.req.Keep:
		a.keepBody = a.maxBody
	case !a.req.expects(a.status):
		a.keepBody = keptOfFailure
		to = min(to, from+keptOfFailure)
	default:
		return
	}
	a.head = to - from
	if from > 0 {
		copy(*a.buf, (*a.buf)[from:to])
		a.bodyStart = a.head
	} else {
		a.bodyStart = min(a.pos, a.head+2) // where the body is already: no copy
	}
	a.tail = a.bodyStart
}

// takeBody takes the next bytes of body or chunk.
func (a *answer) takeBody(b []byte) error {
	n := int64(a.end - a.pos)
	if a.left >= 0 {
		n = min(n, a.left)
		a.left -= n
	}
	a.body += n
	if a.body > a.maxBody {
		return a.bodyTooLarge()
	}
	if keep := min(n, a.keepBody-int64(a.tail-a.bodyStart)); keep > 0 {
		if a.tail != a.pos {
			copy(b[a.tail:], b[a.pos:a.pos+int(keep)])
		}
		a.tail += int(keep)
		a.cut = a.cut || keep < n
	} else if n > 0 {
		a.cut = true
	}
	a.pos += int(n)
	return nil
}

// room makes room after end for reading on.
func (a *answer) room() {
	if a.state <= inHeader {
		if a.headStart > 0 { // forget the interim answers
			a.end = copy(*a.buf, (*a.buf)[a.headStart:a.end])
			a.pos -= a.headStart
			a.scanned -= a.headStart
			a.headStart = 0
		}
		if !a.req.Keep && a.pos > keptOfFailure { // forget the lines that nobody will see
			a.end = keptOfFailure + copy((*a.buf)[keptOfFailure:], (*a.buf)[a.pos:a.end])
			a.scanned -= a.pos - keptOfFailure
			a.pos = keptOfFailure
		}
	} else if a.pos > a.tail {
		a.end = a.tail + copy((*a.buf)[a.tail:], (*a.buf)[a.pos:a.end])
		a.scanned -= a.pos - a.tail
		a.pos = a.tail
	}
	const least = 2 << 10
	if len(*a.buf)-a.end >= least {
		return
	}
	size := 2 * len(*a.buf)
	if a.state == inBody && a.left > 0 { // kept whole, for else there would be room
		size = max(size, a.end+int(a.left)+least)
	}
	grown := getBuffer(size)
	copy(*grown, (*a.buf)[:a.end])
	putBuffer(a.buf)
	a.buf = grown
}

// eof reports whether the answer is complete now that the connection has ended.
func (a *answer) eof() bool {
	if a.state == inBody && a.left < 0 {
		a.state = complete
	}
	return a.state == complete
}

// reusable reports whether the connection may carry another request: the answer
// said where it ends and that the connection stays, and nothing came after it.
func (a *answer) reusable() bool {
	return a.state == complete && a.left == 0 && a.pos == a.end && !a.req.Close &&
		!a.connClose && (a.minor == 1 || a.connKeep)
}

// hand gives what was kept to resp, and the buffer with it.
func (a *answer) hand(resp *Response) {
	resp.Status, resp.Cookies = a.status, a.cookies
	switch {
	case a.state <= inHeader: // a failure: what there is
		resp.Header = (*a.buf)[a.headStart:min(a.end, a.headStart+keptOfFailure)]
	case a.head > 0:
		resp.Header = (*a.buf)[:a.head]
		resp.Body = (*a.buf)[a.bodyStart:a.tail]
		resp.Truncated = a.cut || a.state != complete
	}
	if resp.Header == nil {
		putBuffer(a.buf)
	} else {
		resp.buf = a.buf
	}
	a.buf = nil
}
