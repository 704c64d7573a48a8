package load

import "time"

// A Waiter is what the dispatcher sleeps with. It belongs to one goroutine, but
// for Wake.
type Waiter interface {
	// Wait returns when d has passed or Wake was called, also since the last Wait,
	// and now and then earlier: the caller looks at the clock.
	Wait(d time.Duration)

	// Wake ends the Wait under way, or the next one. Any goroutine may call it, also
	// after Close.
	Wake()

	// Close gives back what the Waiter holds.
	Close()
}

// A timer is the Waiter of the runtime's timers, which the kernel ends about
// half a millisecond late, and a whole one at most, while the process is idle. It
// is the only one for a fake clock.
type timer struct {
	timer *time.Timer
	woken chan struct{}
}

// NewTimer is a Waiter that works everywhere.
func NewTimer() Waiter {
	return &timer{timer: time.NewTimer(time.Hour), woken: make(chan struct{}, 1)}
}

func (t *timer) Wait(d time.Duration) {
	t.timer.Reset(d)
	select {
	case <-t.timer.C:
	case <-t.woken:
	}
}

func (t *timer) Wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

func (t *timer) Close() { t.timer.Stop() }
