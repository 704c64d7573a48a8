//go:build unix

package client

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// The errors of the system, by what they say of an exchange.
var (
	refusedErrnos     = []syscall.Errno{unix.ECONNREFUSED}
	resetErrnos       = []syscall.Errno{unix.ECONNRESET, unix.ECONNABORTED}
	closedErrnos      = []syscall.Errno{unix.EPIPE}
	unreachableErrnos = []syscall.Errno{unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN, unix.ETIMEDOUT}
	exhaustedErrnos   = []syscall.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM}
	forbiddenErrnos   = []syscall.Errno{unix.EPERM, unix.EACCES}
	portErrnos        = []syscall.Errno{unix.EADDRNOTAVAIL, unix.EADDRINUSE}
)

// portRange names the limit on local ports.
var portRange = sync.OnceValue(func() string {
	const file = "/proc/sys/net/ipv4/ip_local_port_range"
	if b, err := os.ReadFile(file); err == nil {
		return fmt.Sprintf("net.ipv4.ip_local_port_range is %s", bytes.Join(bytes.Fields(b), []byte("-")))
	}
	return "the range of ephemeral ports"
})

// descriptorLimit names the limit on open files.
func descriptorLimit() string {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return "open files, ulimit -n"
	}
	return fmt.Sprintf("open files: ulimit -n is %d, the hard limit %d", l.Cur, l.Max)
}
