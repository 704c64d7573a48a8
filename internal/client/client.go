// Package client sends requests and stamps what it sees: one exchange is one
// [metric.Sample]. It retries nothing, follows nothing and hides nothing.
package client

import (
	"crypto/tls"
	"net/url"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// Options are what the connections of all users have in common.
type Options struct {
	Target         *url.URL      // scheme (http, https), host and port; the path is ignored
	Clock          metric.Clock  // stamps every time of a Sample
	Timeout        time.Duration // of an exchange, from sent to the last byte; 0: 30 s
	ConnectTimeout time.Duration // of a connection, TLS handshake included; 0: 5 s
	MaxHeader      int           // bytes of an answer's status line and headers; 0: 1 MiB
	MaxBody        int64         // bytes of an answer's body; 0: 256 MiB
	TLS            *tls.Config   // nil: the system's roots, verified; never changed
}

// A Request is one request as it goes on the wire. Exchange changes nothing in
// it, so that users may share one.
type Request struct {
	Wire    []byte        // request line, headers, empty line, body: see AppendRequest
	NoBody  bool          // the method is HEAD: its answer has no body whatever its headers say
	Expect  []int         // the statuses that are a success; empty: 200 to 299
	Timeout time.Duration // 0: Options.Timeout
	Keep    bool          // keep the answer's headers and body in the Response
}

// A Response is an answer, kept only as far as the Request asks: Status always;
// Header and Body where Request.Keep is set, and the first 4 KB of each where the
// status was not expected. It is reused from one Exchange to the next; Release
// gives its buffers back to the pool that all users share.
type Response struct {
	Status    int
	Header    []byte // status line and headers as they came, without the empty line
	Body      []byte // with chunking removed
	Truncated bool   // Body is only the beginning
	Err       error  // why the exchange failed below HTTP; nil for a complete answer

	buf *[]byte // owned by the pool
}
