package main

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a console's Ctrl-C, which goes to a whole process group, from a child.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
