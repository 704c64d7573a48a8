package load

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A timerfd is a Waiter of a kernel timer that the runtime's poller watches like
// a socket. So its end wakes the process from epoll_wait at once, whose own
// timeouts are whole milliseconds; the goroutine sleeps as cheaply as one that
// reads, and needs no thread of its own. See docs/engine.md for what else was tried.
type timerfd struct {
	file  *os.File
	conn  syscall.RawConn
	step  func(fd uintptr) bool // t.poll, made once
	d     time.Duration         // of the Wait under way
	armed bool
	woken atomic.Bool
}

// NewWaiter is the most precise Waiter of this system.
func NewWaiter() Waiter {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return NewTimer()
	}
	t := &timerfd{file: os.NewFile(uintptr(fd), "timerfd")}
	t.step = t.poll
	if t.conn, err = t.file.SyscallConn(); err != nil || t.file.SetReadDeadline(time.Time{}) != nil {
		t.file.Close() // a kernel whose epoll takes no timers
		return NewTimer()
	}
	return t
}

func (t *timerfd) Wait(d time.Duration) {
	t.d, t.armed = d, false
	_ = t.conn.Read(t.step) // fails only when closed
	t.woken.Store(false)
}

// poll is called by RawConn.Read: at first, after it has reset the poller's
// readiness, and then when the timer has ended. Nothing needs to be read from it:
// setting it again takes back what it had to tell.
func (t *timerfd) poll(fd uintptr) bool {
	if t.armed {
		return true
	}
	t.armed = true
	if err := set(fd, t.d); err != nil {
		time.Sleep(t.d)
		return true
	}
	return t.woken.Load() // whoever wakes later finds the timer set, and sets it anew
}

func (t *timerfd) Wake() {
	t.woken.Store(true)
	_ = t.conn.Control(func(fd uintptr) { _ = set(fd, 1) })
}

func (t *timerfd) Close() { t.file.Close() }

// set makes the timer end in d.
func set(fd uintptr, d time.Duration) error {
	return unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(d, 1)))}, nil)
}
