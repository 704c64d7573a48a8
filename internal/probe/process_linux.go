package probe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A process is a source that is a process of this machine.
type process struct {
	name string
	dir  string // /proc/PID
	born string // its start time: a later process may get its number
}

// Process is the source that is the process pid. name may be empty: then it is
// "pid N".
func Process(name string, pid int) (Source, error) {
	p := &process{name: cmp.Or(name, fmt.Sprintf("pid %d", pid)), dir: filepath.Join("/proc", strconv.Itoa(pid))}
	var err error
	p.born, err = p.started()
	return p, err
}

func (p *process) Name() string { return p.name }

var errEnded = errors.New("there is no such process any more")

// started is the process's start time, in ticks.
func (p *process) started() (string, error) {
	b, err := os.ReadFile(filepath.Join(p.dir, "stat"))
	if err != nil {
		return "", errEnded
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return "", errEnded
	}
	return fields[19], nil
}

// Read reads /proc. What only the process's owner may read is left out.
func (p *process) Read(context.Context) (map[string]float64, error) {
	if born, err := p.started(); err != nil || born != p.born {
		return nil, errEnded
	}
	status, err := os.ReadFile(filepath.Join(p.dir, "status"))
	if err != nil {
		return nil, errEnded
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(status)) {
		key, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		v, err := strconv.ParseFloat(fields[0], 64)
		switch {
		case err != nil:
		case key == "VmRSS":
			out[Memory] = v * 1024
		case key == "Threads":
			out[Threads] = v
		}
	}
	fds, err := os.ReadDir(filepath.Join(p.dir, "fd"))
	if err != nil {
		return out, nil
	}
	out[FDs] = float64(len(fds))
	sockets := map[string]bool{}
	for _, fd := range fds {
		link, _ := os.Readlink(filepath.Join(p.dir, "fd", fd.Name()))
		if inode, ok := strings.CutPrefix(link, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	out[Connections] = float64(established(filepath.Join(p.dir, "net/tcp"), sockets) + established(filepath.Join(p.dir, "net/tcp6"), sockets))
	return out, nil
}

// established is how many of the sockets are connections that stand, by a table
// of /proc.
func established(table string, sockets map[string]bool) int {
	b, err := os.ReadFile(table)
	if err != nil {
		return 0
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 9 && f[3] == "01" && sockets[f[9]] {
			n++
		}
	}
	return n
}
