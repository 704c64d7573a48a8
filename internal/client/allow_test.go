package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/metric"
)

// TestAllow: what is not allowed is not dialled, and is nobody's failure but
// lt's own.
func TestAllow(t *testing.T) {
	peer := newPeer(t, echo)
	refusal := errors.New("not that one")
	var asked []netip.AddrPort
	cl := newClient(t, &url.URL{Scheme: "http", Host: "somewhere.test:" + fmt.Sprint(peer.ln.Addr().(*net.TCPAddr).Port)}, func(o *Options) {
		o.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}, nil
		}
		o.Allow = func(a netip.AddrPort) error {
			asked = append(asked, a)
			if len(asked) < 3 {
				return refusal
			}
			return nil
		}
	})
	if err := cl.Check(t.Context()); !errors.Is(err, refusal) {
		t.Errorf("Check: %v", err)
	}
	c := cl.NewConn()
	defer c.Close()
	resp, s := do(t.Context(), c, get(t))
	checkSample(t, s, resp)
	if s.Outcome != metric.Generator || s.Phase != metric.PhaseDial || !errors.Is(resp.Err, refusal) {
		t.Errorf("%v in %v: %v", s.Outcome, s.Phase, resp.Err)
	}
	resp, s = do(t.Context(), c, get(t))
	checkSample(t, s, resp)
	if s.Outcome != metric.OK {
		t.Errorf("%+v: %v", s, resp.Err)
	}
	for _, a := range asked {
		if a.Addr() != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("asked about %v, which is 127.0.0.1 in disguise", a)
		}
	}
	if len(asked) != 3 {
		t.Errorf("asked %d times", len(asked))
	}

	nowhere := newClient(t, &url.URL{Scheme: "http", Host: "nowhere.test"}, func(o *Options) {
		o.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	}).NewConn()
	defer nowhere.Close()
	if _, s := do(t.Context(), nowhere, get(t)); s.Outcome != metric.DNS {
		t.Errorf("no addresses: %v", s.Outcome)
	}
}

func TestRedactQuery(t *testing.T) {
	r := NewRedactor()
	for in, want := range map[string]string{
		"GET /a?key=1&b=2&token=x%20y#f HTTP/1.1": "GET /a?key=***&b=2&token=***#f HTTP/1.1",
		"/a?api_key=1":                                 "/a?api_key=***",
		"/a?API-Key=1&x=2":                             "/a?API-Key=***&x=2",
		"/a?x=1&amp;sig=2&amp;y=3":                     "/a?x=1&amp;sig=***&amp;y=3",
		"/a?%6Bey=1":                                   "/a?%6Bey=***",
		"/a?monkey=1&keyboard=2&tokens=3&k=4":          "/a?monkey=1&keyboard=2&tokens=3&k=4",
		"password=hunter2&user=me":                     "password=***&user=me",
		`{"url": "http://h/?password=p\u0026x=1"}`:     `{"url": "http://h/?password=***\u0026x=1"}`,
		"/a?key=&b=1":                                  "/a?key=&b=1",
		"/a?X-Amz-Signature=ab12&X-Amz-Date=2026":      "/a?X-Amz-Signature=***&X-Amz-Date=2026",
		"lt run 'http://h/?token=abc' --label x=y":     "lt run 'http://h/?token=***' --label x=y",
		strings.Repeat("x", 100) + "?key=1 and " + "=": strings.Repeat("x", 100) + "?key=*** and =",
	} {
		got := r.RedactString(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if again := r.RedactString(got); again != got {
			t.Errorf("%q: masking again gives %q", got, again)
		}
	}
}
