//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreBrokenPipes makes a write to a closed terminal or pipe an error instead
// of the end of lt, and lets a lost terminal end no run.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) }
