//go:build !unix

package client

import "net"

func newWire(c *Conn, nc net.Conn) wire { return &streamWire{c: c, nc: nc} }

// peek cannot tell here: a connection that the peer has closed is found when the
// request is written.
func peek(net.Conn) peekResult { return peerQuiet }
