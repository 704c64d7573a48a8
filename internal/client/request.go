package client

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Request is one request as it goes on the wire. Exchange changes nothing in
// it, so that users may share one.
type Request struct {
	Wire    []byte        // request line, headers, empty line, body: see AppendRequest
	NoBody  bool          // the method is HEAD: its answer has no body whatever its headers say
	Expect  []int         // the statuses that are a success; empty: 200 to 299
	Timeout time.Duration // 0: Options.Timeout
	Keep    bool          // keep the answer's headers and body in the Response
	Close   bool          // close the connection after the answer; Wire should say "Connection: close" too
	Cookies bool          // collect the answer's Set-Cookie values in the Response
	Decode  bool          // undo the answer's Content-Encoding; with Keep, and an Accept-Encoding in Wire
}

// expects reports whether the status is a success.
func (r *Request) expects(status int) bool {
	if len(r.Expect) == 0 {
		return status >= 200 && status <= 299
	}
	for _, s := range r.Expect {
		if s == status {
			return true
		}
	}
	return false
}

// A Header is one header line of a request.
type Header struct{ Name, Value string }

// userAgent is what requests say that name no User-Agent of their own.
var userAgent = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			return "lt/" + v
		}
	}
	return "lt/dev"
})

// AppendRequest appends a request to dst as it goes on the wire, and returns the
// longer slice. The target is what stands between method and version
// ("/items?page=2", "*"), the host what the Host header says. A Host or
// User-Agent among the headers replaces lt's own; Content-Length is written
// where a body or the method needs one, and may be given only if it is true;
// "Transfer-Encoding: chunked" among the headers sends the body in chunks instead.
//
// It refuses whatever would make another request of it than meant: CR, LF, NUL
// and other control characters anywhere, spaces and bytes beyond ASCII in the
// target, a name that is no token, and any other Transfer-Encoding. The error names the
// part but not its value, which may be a secret; dst is then returned as it was.
func AppendRequest(dst []byte, method, target, host string, headers []Header, body []byte) ([]byte, error) {
	start := len(dst)
	switch {
	case !allBytes(method, tokenByte):
		return dst, fmt.Errorf("method %q is not a token", method)
	case !allBytes(target, targetByte):
		return dst, fmt.Errorf("request target: %w", badByte(target, targetByte))
	case !allBytes(host, targetByte):
		return dst, fmt.Errorf("host: %w", badByte(host, targetByte))
	}
	b := append(dst, method...)
	b = append(b, ' ')
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\n"...)

	agent, chunked := false, false
	for _, h := range headers {
		if len(h.Name) == len("Host") && strings.EqualFold(h.Name, "Host") {
			host = h.Value
		}
	}
	b = appendHeader(b, "Host", host)
	hosts := 0
	for _, h := range headers {
		if !allBytes(h.Name, tokenByte) {
			return b[:start], fmt.Errorf("header name %q is not a token", h.Name)
		}
		if i := indexNot(h.Value, valueByte); i >= 0 {
			return b[:start], fmt.Errorf("header %s: byte %#02x at position %d of its value", h.Name, h.Value[i], i)
		}
		switch {
		case strings.EqualFold(h.Name, "Host"):
			if hosts++; hosts > 1 {
				return b[:start], fmt.Errorf("two Host headers")
			}
			continue
		case strings.EqualFold(h.Name, "Content-Length"):
			if h.Value != strconv.Itoa(len(body)) {
				return b[:start], fmt.Errorf("Content-Length %q: the body has %d bytes", h.Value, len(body))
			}
			continue
		case strings.EqualFold(h.Name, "Transfer-Encoding"):
			if chunked || !strings.EqualFold(h.Value, "chunked") {
				return b[:start], fmt.Errorf("Transfer-Encoding of a request is chunked, once")
			}
			chunked = true
		case strings.EqualFold(h.Name, "User-Agent"):
			agent = true
		}
		b = appendHeader(b, h.Name, h.Value)
	}
	if !agent {
		b = appendHeader(b, "User-Agent", userAgent())
	}
	if chunked {
		return appendChunks(append(b, "\r\n"...), body), nil
	}
	if len(body) > 0 || method == "POST" || method == "PUT" || method == "PATCH" {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, body...), nil
}

// appendChunks appends a body in chunks.
func appendChunks(b, body []byte) []byte {
	const size = 16 << 10
	for len(body) > 0 {
		n := min(len(body), size)
		b = strconv.AppendInt(b, int64(n), 16)
		b = append(b, "\r\n"...)
		b = append(b, body[:n]...)
		b = append(b, "\r\n"...)
		body = body[n:]
	}
	return append(b, "0\r\n\r\n"...)
}

func appendHeader(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
