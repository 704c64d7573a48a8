package client

import (
	"bytes"
	"strings"
	"sync"
)

// A Response is an answer, kept only as far as the Request asks: Status always;
// Header and Body where Request.Keep is set, and the first 5 KB of each where the
// status was not expected (of the headers also where they were not HTTP or did
// not end). It is reused from one Exchange to the next; Release gives its buffers
// back to the pool that all users share.
type Response struct {
	Status    int
	Header    []byte // status line and headers as they came, without the empty line
	Body      []byte // with chunking removed
	Truncated bool   // Body is only the beginning
	Err       error  // why the exchange failed below HTTP; nil for a complete answer

	Cookies []string // values of Set-Cookie, where Request.Cookies asks for them

	buf *[]byte // owned by the pool
}

// keptOfFailure is how much of header and body is kept, each, of an answer that
// nobody asked to keep but that was not as expected.
const keptOfFailure = 5 << 10

// Release empties r and gives its buffers back: Header and Body must not be
// used afterwards. A user that will wait or think calls it first. Releasing twice
// does no harm.
func (r *Response) Release() {
	if r.buf != nil {
		putBuffer(r.buf)
	}
	*r = Response{}
}

// HeaderValue is the value of the first header with that name, in any case, or
// empty.
func (r *Response) HeaderValue(name string) string {
	_, rest, _ := bytes.Cut(r.Header, []byte("\n")) // the status line
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			return string(bytes.Trim(line[len(name)+1:], " \t\r"))
		}
	}
	return ""
}

// The sizes of pooled buffers: a read starts with the first; an answer that is
// kept moves up as it grows. What outgrows the last is left to the collector.
var (
	bufferSizes = [...]int{16 << 10, 64 << 10, 256 << 10, 1 << 20}
	bufferPools [len(bufferSizes)]sync.Pool
)

// getBuffer is a buffer of at least size bytes.
func getBuffer(size int) *[]byte {
	for i, s := range bufferSizes {
		if size <= s {
			if b, ok := bufferPools[i].Get().(*[]byte); ok {
				return b
			}
			size = s
			break
		}
	}
	b := make([]byte, size)
	return &b
}

// putBuffer gives b back.
func putBuffer(b *[]byte) {
	for i, s := range bufferSizes {
		if len(*b) == s {
			bufferPools[i].Put(b)
			return
		}
	}
}
