package load

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A cgroup is the control group of this process, version 2, with all those above
// it: the tightest quota holds. Other systems, and version 1, tell nothing.
type cgroup struct {
	dirs []string // nil: not looked for yet
	seen time.Duration
	read bool
}

// cgroupRoot is where the groups are mounted; tests change it, and procSelf.
var cgroupRoot, procSelf = "/sys/fs/cgroup", "/proc/self"

func (c *cgroup) find() []string {
	if c.dirs != nil {
		return c.dirs
	}
	c.dirs = []string{}
	b, err := os.ReadFile(filepath.Join(procSelf, "cgroup"))
	if err != nil {
		return c.dirs
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			for dir := filepath.Clean("/" + path); ; dir = filepath.Dir(dir) {
				c.dirs = append(c.dirs, filepath.Join(cgroupRoot, dir))
				if dir == "/" {
					break
				}
			}
		}
	}
	return c.dirs
}

// quota is how many cores the group may use, 0: as many as there are. The
// runtime's GOMAXPROCS is rounded up from it.
func (c *cgroup) quota() float64 {
	least := 0.0
	for _, dir := range c.find() {
		b, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
		if err != nil {
			continue
		}
		f := strings.Fields(string(b))
		if len(f) != 2 {
			continue
		}
		limit, err1 := strconv.ParseFloat(f[0], 64) // "max" is none
		period, err2 := strconv.ParseFloat(f[1], 64)
		if err1 == nil && err2 == nil && period > 0 && (least == 0 || limit/period < least) {
			least = limit / period
		}
	}
	return least
}

// throttled is how long the quota kept the group from running since the last
// call; negative: nobody tells.
func (c *cgroup) throttled() time.Duration {
	total, known := time.Duration(0), false
	for _, dir := range c.find() {
		b, err := os.ReadFile(filepath.Join(dir, "cpu.stat"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(line, "throttled_usec "); ok {
				if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
					total, known = total+time.Duration(n)*time.Microsecond, true
				}
			}
		}
	}
	if !known {
		return -1
	}
	d := total - c.seen
	if !c.read {
		d = 0
	}
	c.seen, c.read = total, true
	return max(d, 0)
}
