package smoke

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// A sent is one exchange as the engine judges it.
type sent struct {
	step    *Step // nil: no documented operation
	name    string
	req     request
	wire    []byte
	sample  metric.Sample
	head    []byte
	body    []byte
	failure error // below HTTP
	at      time.Time

	invalid string            // how the request breaks the contract; "": it does not, or nobody knows
	known   bool              // a contract knows the operation
	madeUp  bool              // of an id that nobody gave
	ownID   bool              // an id that this run created stands in the path
	args    map[string]string // path parameters
	member  *member           // that it is about
	direct  *sent             // the same, straight to the upstream
	wrong   *wrongID
	message string // a scenario's own
}

func (x *sent) status() int { return x.sample.Status }

func (x *sent) ok() bool { return x.sample.Outcome == metric.OK }

// wire makes the bytes of a request to the target.
func (e *engine) wire(r *request, host string) ([]byte, error) {
	headers := slices.Clone(r.Headers)
	has := func(name string) bool {
		return slices.ContainsFunc(headers, func(h client.Header) bool { return strings.EqualFold(h.Name, name) })
	}
	if !has("Accept") {
		headers = append(headers, client.Header{Name: "Accept", Value: "application/json, */*;q=0.5"})
	}
	if !has("traceparent") {
		headers = append(headers, client.Header{
			Name:  "traceparent",
			Value: fmt.Sprintf("00-%016x%016x-%016x-01", e.rng.Uint64()|1, e.rng.Uint64(), e.rng.Uint64()|1),
		})
	}
	return client.AppendRequest(nil, r.Method, r.Target, host, headers, r.Body)
}

// maxRetryAfter is how long a 429 is waited for.
const maxRetryAfter = 5 * time.Second

// send sends a request, again after a 429 that says when.
func (e *engine) send(ctx context.Context, r *request) *sent {
	wire, err := e.wire(r, e.cfg.Target.Host)
	if err != nil {
		return &sent{req: *r, failure: err, at: time.Now(), sample: metric.Sample{Outcome: metric.Extract}}
	}
	for try := 0; ; try++ {
		x := exchange(ctx, e.conn, r, wire)
		e.result.Requests++
		e.traits.Learn(string(x.head))
		if x.status() != 429 || try == 2 {
			return x
		}
		wait := time.Second
		if n, err := strconv.Atoi(headerOf(x.head, "Retry-After")); err == nil && n >= 0 {
			wait = time.Duration(n) * time.Second
		}
		if wait > maxRetryAfter {
			return x
		}
		select {
		case <-ctx.Done():
			return x
		case <-time.After(wait):
		}
	}
}

// exchange sends one request and copies its answer.
func exchange(ctx context.Context, conn *client.Conn, r *request, wire []byte) *sent {
	x := &sent{req: *r, wire: wire, at: time.Now()}
	var resp client.Response
	conn.Exchange(ctx, &client.Request{Wire: wire, NoBody: r.Method == "HEAD", Keep: true}, &resp, &x.sample)
	x.head, x.body, x.failure = bytes.Clone(resp.Header), bytes.Clone(resp.Body), resp.Err
	resp.Release()
	return x
}

func headerOf(head []byte, name string) string {
	r := client.Response{Header: head}
	return r.HeaderValue(name)
}

// parseWire reads a request back from its bytes.
func parseWire(wire []byte) (r request) {
	head, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
	first, rest, _ := bytes.Cut(head, []byte("\r\n"))
	parts := bytes.SplitN(first, []byte(" "), 3)
	if len(parts) == 3 {
		r.Method, r.Target = string(parts[0]), string(parts[1])
	}
	for _, line := range bytes.Split(rest, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if n := string(name); ok && !strings.EqualFold(n, "Host") && !strings.EqualFold(n, "Content-Length") {
			r.Headers = append(r.Headers, client.Header{Name: n, Value: strings.TrimSpace(string(value))})
		}
	}
	r.Body = bytes.Clone(body)
	return r
}
