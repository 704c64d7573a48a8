package load

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// jiffy is the unit of processor time in /proc (USER_HZ), the same on every Linux.
const jiffy = 10 * time.Millisecond

// A machine is what /proc/stat tells of all processors, taken from time to time.
type machine struct {
	procFS              string // /proc; tests change it
	family              []int  // processes of the target that lt knows: theirs is no foreign time
	total, busy, stolen float64
	own                 time.Duration // of lt and the family
	known               bool
}

// take is the shares of the processors' time since the last take, in percent, that
// the hypervisor took and that others used than lt and the family; -1: not known.
// own is lt's processor time until now. Interrupts are nobody's: those of lt's own
// packets are among them.
func (m *machine) take(own time.Duration) (steal, foreign float64) {
	f := fields(m.procFS + "/stat")
	if len(f) <= 8 {
		return -1, -1
	}
	total := 0.0
	for _, x := range f[1:9] {
		total += x
	}
	busy, stolen := f[1]+f[2]+f[3], f[8] // user (guests included), nice, system
	for _, pid := range m.family {
		own += m.timeOf(pid)
	}
	steal, foreign = -1, -1
	if d := total - m.total; m.known && d > 0 {
		steal = 100 * (stolen - m.stolen) / d
		others := busy - m.busy - float64(own-m.own)/float64(jiffy)
		foreign = min(max(100*others/d, 0), 100)
	}
	m.total, m.busy, m.stolen, m.own, m.known = total, busy, stolen, own, true
	return steal, foreign
}

// timeOf is the processor time that a process has used; 0 once it has ended.
func (m *machine) timeOf(pid int) time.Duration {
	b, err := os.ReadFile(m.procFS + "/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name stands in brackets and may hold anything; user and system time are
	// the 14th and 15th field.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * jiffy
}
