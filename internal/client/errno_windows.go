package client

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// The errors of the system, by what they say of an exchange.
var (
	refusedErrnos     = []syscall.Errno{windows.WSAECONNREFUSED}
	resetErrnos       = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETRESET}
	closedErrnos      = []syscall.Errno{windows.WSAESHUTDOWN, windows.ERROR_BROKEN_PIPE}
	unreachableErrnos = []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN, windows.WSAENETDOWN, windows.WSAETIMEDOUT}
	exhaustedErrnos   = []syscall.Errno{windows.WSAEMFILE, windows.WSAENOBUFS}
	forbiddenErrnos   = []syscall.Errno{windows.WSAEACCES}
	portErrnos        = []syscall.Errno{windows.WSAEADDRNOTAVAIL, windows.WSAEADDRINUSE}
)

func portRange() string       { return "netsh int ipv4 show dynamicport tcp" }
func descriptorLimit() string { return "sockets and their buffers" }
