//go:build unix

package client

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-42693903/lt/internal/metric"
)

// blackhole is an address that takes no connection and refuses none: a listener
// whose queue is full and never emptied.
func blackhole(t testing.TB) *url.URL {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	host := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", host, 200*time.Millisecond)
		if err != nil {
			return &url.URL{Scheme: "http", Host: host}
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("this system's queue of connections does not fill")
	return nil
}

// TestDescriptors runs out of them in a process of its own.
func TestDescriptors(t *testing.T) {
	p := newPeer(t, echo)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LT_CLIENT_TEST_CHILD=descriptors", "LT_CLIENT_TEST_TARGET="+p.url().String())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "generator dial") || !strings.Contains(string(out), "ulimit -n is 20") {
		t.Errorf("%v: %s", err, out)
	}
}

func init() {
	children["descriptors"] = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 20, Max: 20}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		u, _ := url.Parse(os.Getenv("LT_CLIENT_TEST_TARGET"))
		cl, err := New(Options{Target: u, Clock: metric.NewClock()})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		wire, _ := AppendRequest(nil, "GET", "/", u.Host, nil, nil)
		for range 30 {
			c := cl.NewConn()
			defer c.Close()
			if resp, s := do(context.Background(), c, &Request{Wire: wire}); s.Outcome != metric.OK {
				fmt.Println(s.Outcome, s.Phase, resp.Err)
				return
			}
		}
		fmt.Println("no failure")
	}
}
