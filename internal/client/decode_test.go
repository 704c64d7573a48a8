package client

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/seed-42693903/lt/internal/metric"
)

func packed(t *testing.T, kind string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "flate":
		w, _ = flate.NewWriter(&b, 6)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.Bytes()
}

// A compressed answer is unpacked where the request asks for it, within limits.
func TestDecode(t *testing.T) {
	text := bytes.Repeat([]byte("hello "), 100)
	noise := make([]byte, 2<<20) // that compresses 1000:1
	random := make([]byte, maxDecoded+1)
	for i := range random {
		random[i] = byte(i * i >> 7) // that compresses, but not 100:1
	}
	whole := packed(t, "gzip", text)
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		want     metric.Outcome
		text     []byte
	}{
		"gzip":       {"gzip", whole, metric.OK, text},
		"x-gzip":     {"X-GZIP", whole, metric.OK, text},
		"zlib":       {"deflate", packed(t, "zlib", text), metric.OK, text},
		"bare":       {"deflate", packed(t, "flate", text), metric.OK, text},
		"identity":   {"identity", text, metric.OK, text},
		"none":       {"", text, metric.OK, text},
		"empty":      {"gzip", nil, metric.OK, nil},
		"cut":        {"gzip", whole[:len(whole)/2], metric.Protocol, nil},
		"damaged":    {"gzip", append(slices.Clone(whole[:len(whole)-8]), 1, 2, 3, 4, 5, 6, 7, 8), metric.Protocol, nil},
		"not gzip":   {"gzip", text, metric.Protocol, nil},
		"brotli":     {"br", text, metric.Protocol, nil},
		"bomb":       {"gzip", packed(t, "gzip", noise), metric.TooLarge, nil},
		"too large":  {"gzip", packed(t, "gzip", random), metric.TooLarge, nil},
		"many bytes": {"gzip", make([]byte, maxEncoded+1), metric.TooLarge, nil},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.encoding != "" {
				w.Header().Set("Content-Encoding", c.encoding)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(c.body)))
			w.Write(c.body)
		}))
		u, _ := url.Parse(s.URL)
		cl, err := New(Options{Target: u, Clock: metric.NewClock()})
		if err != nil {
			t.Fatal(err)
		}
		wire, err := AppendRequest(nil, "GET", "/", u.Host, []Header{{"Accept-Encoding", AcceptEncoding}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		conn := cl.NewConn()
		var resp Response
		var sample metric.Sample
		conn.Exchange(context.Background(), &Request{Wire: wire, Keep: true, Decode: true}, &resp, &sample)
		if sample.Outcome != c.want || c.want == metric.OK && !bytes.Equal(resp.Body, c.text) {
			t.Errorf("%s: %v (%v), %d bytes", name, sample.Outcome, resp.Err, len(resp.Body))
		}
		if c.want == metric.OK && sample.BytesIn == 0 {
			t.Errorf("%s: no bytes on the wire", name)
		}
		conn.Close()
		s.Close()
	}
}

// Set-Cookie is collected only where the request asks for it.
func TestCollectsCookies(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Set-Cookie"] = []string{"a=1; Path=/", "b=2"}
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	cl, err := New(Options{Target: u, Clock: metric.NewClock()})
	if err != nil {
		t.Fatal(err)
	}
	wire, _ := AppendRequest(nil, "GET", "/", u.Host, nil, nil)
	conn := cl.NewConn()
	defer conn.Close()
	for _, c := range []struct {
		ask  bool
		want string
	}{{true, "[a=1; Path=/ b=2]"}, {false, "[]"}} {
		var resp Response
		var sample metric.Sample
		conn.Exchange(context.Background(), &Request{Wire: wire, Cookies: c.ask}, &resp, &sample)
		if got := fmt.Sprint(resp.Cookies); got != c.want || sample.Outcome != metric.OK {
			t.Errorf("cookies %s, want %s (%v)", got, c.want, sample.Outcome)
		}
	}
}
