package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// readInPieces parses raw as a connection that gives it in pieces of the given
// size and then ends.
func readInPieces(raw []byte, size int, req *Request) (*Response, *answer, error) {
	a := &answer{maxHeader: 64 << 10, maxBody: 1 << 20}
	n := min(size, len(raw))
	if n == 0 {
		return nil, a, errDropped
	}
	buf := getBuffer(1)
	a.begin(req, buf, copy(*buf, raw[:n]))
	raw = raw[n:]
	for {
		done, err := a.parse()
		if done || err != nil {
			resp := &Response{}
			if done {
				a.end += copy((*a.buf)[a.end:], raw) // what is left over
			}
			a.hand(resp)
			return resp, a, err
		}
		if len(raw) == 0 {
			err := errCut
			if a.eof() {
				err = nil
			}
			resp := &Response{}
			a.hand(resp)
			return resp, a, err
		}
		a.room()
		n := copy((*a.buf)[a.end:], raw[:min(size, len(raw))])
		a.end += n
		raw = raw[n:]
	}
}

// FuzzReadResponse compares with net/http: what we accept it accepts too, as the
// same answer, and in whatever pieces it comes it is the same to us.
func FuzzReadResponse(f *testing.F) {
	for _, s := range []string{
		hello,
		"HTTP/1.0 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + hello,
		"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
		chunkHead + "5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Sum: y\r\n\r\n",
		okHead + "Connection: close, x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		okHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		okHead + "X: y\r\n z\r\n\r\n", okHead + "X : y\r\n\r\n", okHead + "\n", "HTTP/1.1 200 OK\nX: y\n\n",
		okHead + "Content-Length: +5\r\n\r\nhello", okHead + "Transfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
		"SSH-2.0-x\r\n", "",
	} {
		f.Add([]byte(s), false, uint16(7))
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool, piece uint16) {
		if len(raw) > 60<<10 {
			t.Skip()
		}
		req := &Request{NoBody: head, Keep: true}
		whole, a, err := readInPieces(raw, len(raw), req)
		small, b, smallErr := readInPieces(raw, int(piece%64)+1, req)
		if (err == nil) != (smallErr == nil) || errors.Is(err, errCut) != errors.Is(smallErr, errCut) {
			t.Fatalf("%q: whole %v, in pieces %v", raw, err, smallErr)
		}
		if err != nil {
			return
		}
		if whole.Status != small.Status || !bytes.Equal(whole.Body, small.Body) || !bytes.Equal(whole.Header, small.Header) {
			t.Fatalf("%q: whole %+v, in pieces %+v", raw, whole, small)
		}
		if a.connClose != b.connClose || a.minor != b.minor || a.body != b.body || len(whole.Body) > len(raw) {
			t.Fatalf("%q: whole %+v, in pieces %+v", raw, a, b)
		}

		method := "GET"
		if head {
			method = "HEAD"
		}
		r := bufio.NewReader(bytes.NewReader(raw))
		theirs, theirErr := http.ReadResponse(r, &http.Request{Method: method})
		for theirErr == nil && theirs.StatusCode < 200 {
			theirs, theirErr = http.ReadResponse(r, &http.Request{Method: method})
		}
		if theirErr != nil {
			t.Fatalf("%q: we accept what net/http refuses: %v", raw, theirErr)
		}
		body, theirErr := io.ReadAll(theirs.Body)
		if theirErr != nil {
			t.Fatalf("%q: we accept a body that net/http refuses: %v", raw, theirErr)
		}
		if theirs.StatusCode != whole.Status || !bytes.Equal(body, whole.Body) {
			t.Fatalf("%q: status %d and body %q, net/http %d and %q", raw, whole.Status, whole.Body, theirs.StatusCode, body)
		}
		if theirs.Close != (!a.connKeep && a.minor == 0 || a.connClose) && a.length >= 0 {
			t.Fatalf("%q: close %v, net/http %v", raw, a.connClose, theirs.Close)
		}
		for name, values := range theirs.Header {
			if got := whole.HeaderValue(name); got != strings.TrimRight(values[0], " \t") {
				t.Fatalf("%q: header %s %q, net/http %q", raw, name, got, values[0])
			}
		}
	})
}

// TestFloodIsBounded: headers that nobody keeps take one small buffer, however
// many they are.
func TestFloodIsBounded(t *testing.T) {
	head := okHead + strings.Repeat("X-Flood: "+strings.Repeat("y", 40<<10)+"\r\n", 24)
	req := &Request{}
	a := &answer{maxHeader: 1 << 20, maxBody: 1 << 20}
	buf := getBuffer(1)
	a.begin(req, buf, 0)
	for raw := []byte(head); len(raw) > 0; {
		a.room()
		n := copy((*a.buf)[a.end:], raw)
		a.end += n
		raw = raw[n:]
		if _, err := a.parse(); err != nil {
			t.Fatal(err)
		}
		if len(*a.buf) > 64<<10 {
			t.Fatalf("%d bytes are held", len(*a.buf))
		}
	}
}

func TestHeaderValue(t *testing.T) {
	r := &Response{Header: []byte("HTTP/1.1 200 X: no\r\nX:\t first \r\nx: second\r\nX-Y: z\r\nEmpty:\r\n")}
	for name, want := range map[string]string{"X": "first", "x-y": "z", "empty": "", "none": "", "": "", "HTTP/1.1 200 X": ""} {
		if got := r.HeaderValue(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := (&Response{}).HeaderValue("x"); got != "" {
		t.Errorf("%q of nothing", got)
	}
}

func BenchmarkParse(b *testing.B) {
	raw := []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 20:00:00 GMT\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Length: 200\r\nLast-Modified: Sat, 21 Nov 2026 19:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"6921c2a5-c8\"\r\nAccept-Ranges: bytes\r\n\r\n" +
		strings.Repeat("x", 200))
	req := &Request{}
	a := &answer{maxHeader: 1 << 20, maxBody: 1 << 20}
	var resp Response
	for b.Loop() {
		buf := getBuffer(1)
		a.begin(req, buf, copy(*buf, raw))
		if done, err := a.parse(); !done || err != nil {
			b.Fatal(done, err)
		}
		a.hand(&resp)
	}
}
