//go:build !linux

package client

import "syscall"

var lateBind func(network, address string, raw syscall.RawConn) error
