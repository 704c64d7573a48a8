//go:build !linux

package load

// NewWaiter is the most precise Waiter of this system.
func NewWaiter() Waiter { return NewTimer() }
