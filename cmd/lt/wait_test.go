//go:build unix

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestWait: a target that comes up while lt waits is run against, and the run
// counts nothing of the time before.
func TestWait(t *testing.T) {
	t.Parallel()
	var tries, seen atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) <= 3 { // not up yet: whoever connects is hung up on
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
			return
		}
		seen.Add(1)
		io.WriteString(w, "fine")
	}))
	defer server.Close()
	s := start(t, "run", server.URL, "-u", "2", "-d", "1s", "--wait", "5m")
	if code := s.exit(10 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
	r := s.result()
	if all := r.Totals.Requests + r.Warmup.Requests + r.Preflight.Requests; all != seen.Load() || r.Totals.Failed != 0 {
		t.Errorf("%d requests, %d failed; the server answered %d", all, r.Totals.Failed, seen.Load())
	}
	if n := strings.Count(s.stderr.String(), "waiting up to 5m for it"); n != 1 {
		t.Errorf("it says %d times that it waits\n%s", n, s.stderr.String())
	}
}

// TestWaitEnds: the wait is not longer than asked, and Ctrl-C ends it.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(nil)
	dead.Close()
	s := start(t, "run", dead.URL, "--wait", "600ms")
	if code := s.exit(2 * time.Second); code != 3 {
		t.Errorf("exit code %d\n%s", code, s.stderr.String())
	}
}
