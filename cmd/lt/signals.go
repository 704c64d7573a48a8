package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// An interrupts listens for Ctrl-C and SIGTERM: the first asks to stop, the second
// ends everything.
type interrupts struct {
	ctx  context.Context // ended by the second signal
	stop chan struct{}   // closed by the first
	code atomic.Int32    // exit code of the first signal, or 0
	end  func()
}

// listen starts to listen; the caller calls end.
func listen(parent context.Context) *interrupts {
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithCancel(parent)
	i := &interrupts{ctx: ctx, stop: make(chan struct{})}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	i.end = func() {
		signal.Stop(signals)
		cancel()
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-signals:
				code := exitInterrupted
				if sig == syscall.SIGTERM {
					code = exitTerminated
				}
				if i.code.CompareAndSwap(0, int32(code)) {
					close(i.stop)
				} else {
					cancel()
					// Whatever holds lt up, a terminal that nobody reads perhaps: it ends now.
					time.AfterFunc(interruptGrace, func() { os.Exit(int(i.code.Load())) })
				}
			}
		}
	}()
	return i
}

// untilFirst is a context that the first signal ends already: for all that comes
// before the load, and between two loads.
func (i *interrupts) untilFirst() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(i.ctx)
	go func() {
		select {
		case <-i.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// ended is err, or, when a signal came before the load, the signal's exit.
func (i *interrupts) ended(err error) error {
	if code := i.code.Load(); code != 0 {
		return &cliError{code: int(code), err: errors.New("interrupted before the load began")}
	}
	return err
}
