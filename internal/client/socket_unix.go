//go:build unix && (!linux || race)

package client

import "syscall"

// readSocket and writeSocket are read(2) and write(2) on a socket that does not
// block.

func readSocket(fd uintptr, p []byte) (int, error)  { return retry(syscall.Read, fd, p) }
func writeSocket(fd uintptr, p []byte) (int, error) { return retry(syscall.Write, fd, p) }

// retry is call, again when a signal interrupted it.
func retry(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
