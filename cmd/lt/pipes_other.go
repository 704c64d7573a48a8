//go:build !unix

package main

// ignoreBrokenPipes has nothing to do here: there are no such signals.
func ignoreBrokenPipes() {}
