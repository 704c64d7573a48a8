package client

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind lets the system choose the port of a bound source address when it
// connects, so that a port serves many targets.
func lateBind(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
