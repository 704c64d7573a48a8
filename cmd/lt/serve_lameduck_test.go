//go:build unix

package main

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestServeLameDuck: told to stop, the gateway goes on for a while, not ready; a second signal ends that.
func TestServeLameDuck(t *testing.T) {
	ownTemp(t)
	for _, which := range []string{"all", "gateway"} {
		args := []string{which, "--addr", "127.0.0.1:0", "--lame-duck", "1h"}
		env, last := []string(nil), "Ctrl-C"
		if which == "all" {
			args = append(args, "--datalayer-addr", "127.0.0.1:0")
		} else {
			args = append(args, "--upstream", "http://127.0.0.1:1")
			env, last = []string{envUpstreamKey + "=x"}, "key"
		}
		s := startServe(t, last, env, args...)
		base, key := s.field(t, "gateway"), s.field(t, "key")
		eventually(t, which+" is up", func() bool { return status(t, "GET", base+"/health/live", "", "") == 200 })
		if err := s.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		eventually(t, "not ready", func() bool { return status(t, "GET", base+"/health/ready", "", "") == 503 })
		if got := status(t, "GET", base+"/api/v1/info", key, ""); got != 200 {
			t.Errorf("%s: a lame duck answers %d", which, got)
		}
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(t, s.Cmd); err != nil {
			t.Errorf("%s: second signal: %v %s", which, err, &s.stderr)
		}
	}
	var out bytes.Buffer
	code := execute([]string{"serve", "gateway", "--lame-duck", "-1s"}, &environ{Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }})
	if code != 2 || !strings.Contains(out.String(), "--lame-duck -1s") {
		t.Errorf("a negative time: %d %s", code, &out)
	}
}
