package client

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-42693903/lt/internal/metric"
)

// TestPorts runs out of local ports in a network of its own that has few.
func TestPorts(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LT_CLIENT_TEST_CHILD=ports")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "generator") {
		t.Skipf("no network of its own here: %v: %s", err, out)
	}
	for _, want := range []string{"ok, then: generator dial", "40000-40019", "from 127.0.0.2: ok"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q in: %s", want, out)
		}
	}
}

func init() {
	children["ports"] = func() {
		fail := func(err error) {
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		fail(err)
		up, err := unix.NewIfreq("lo")
		fail(err)
		up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		fail(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up))
		fail(os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40019"), 0o644))
		p := newPeer(&testing.B{}, func(_ *peer, c *peerConn) {
			for c.request() && c.send(hello) {
			}
		})
		try := func(from string, n int) (ok int, last string) {
			u, _ := url.Parse(p.url().String())
			opts := Options{Target: u, Clock: metric.NewClock()}
			if from != "" {
				opts.Sources = addrs(from)
			}
			cl, err := New(opts)
			fail(err)
			wire, _ := AppendRequest(nil, "GET", "/", u.Host, nil, nil)
			for range n {
				resp, s := do(context.Background(), cl.NewConn(), &Request{Wire: wire})
				if s.Outcome != metric.OK {
					return ok, fmt.Sprint(s.Outcome, " ", s.Phase, " ", resp.Err)
				}
				ok++
			}
			return ok, "ok"
		}
		ok, last := try("", 40)
		fmt.Printf("%d ok, then: %s\n", ok, last)
		_, last = try("127.0.0.2", 5) // another address has ports of its own
		fmt.Printf("from 127.0.0.2: %s\n", last)
	}
}
