package load

import (
	"math"
	"os"
	"runtime"
	rtm "runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

const (
	heartbeat = 10 * time.Millisecond
	stallOver = 100 * time.Millisecond // a heartbeat this late is a stall
)

// A Monitor watches the generator itself: its processor time, memory and pauses,
// and what the machine takes from it. The Runner starts and stops it.
type Monitor struct {
	mu         sync.Mutex
	stalls     int
	stallMax   time.Duration
	stallTotal time.Duration

	quit chan struct{}
	done chan struct{}

	last    time.Time // of Take; with a wall clock and a monotonic one
	cpu     time.Duration
	machine machine
	group   cgroup
	samples []rtm.Sample
	sched   histDelta
	gc      histDelta
}

// NewMonitor is a Monitor of this process. family are those of the target that are
// known to run on this machine: what they use is not taken for somebody else's.
func NewMonitor(family ...int) *Monitor {
	return &Monitor{machine: machine{procFS: "/proc", family: family}, samples: []rtm.Sample{
		{Name: "/sched/latencies:seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/sched/goroutines:goroutines"},
	}}
}

func (m *Monitor) start() {
	m.quit, m.done = make(chan struct{}), make(chan struct{})
	m.Take()
	go func() {
		defer close(m.done)
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-m.quit:
				return
			case <-tick.C:
			}
			now := time.Now()
			m.beat(now.Sub(last))
			last = now
		}
	}()
}

// beat counts a heartbeat that came so long after the one before.
func (m *Monitor) beat(after time.Duration) {
	late := after - heartbeat
	if late <= stallOver {
		return
	}
	m.mu.Lock()
	m.stalls++
	m.stallTotal += late
	m.stallMax = max(m.stallMax, late)
	m.mu.Unlock()
}

func (m *Monitor) stop() {
	close(m.quit)
	<-m.done
}

// Take is the health since the last Take.
func (m *Monitor) Take() metric.Health {
	now := time.Now()
	h := metric.Health{CPU: -1, RSS: -1, Steal: -1, Foreign: -1, Pressure: -1, CPUQuota: float64(runtime.GOMAXPROCS(0)), Throttled: -1}
	elapsed := now.Sub(m.last)
	if cpu, ok := cpuTime(); ok {
		if !m.last.IsZero() && elapsed > 0 {
			h.CPU = 100 * float64(cpu-m.cpu) / float64(elapsed)
		}
		m.cpu = cpu
	}
	if !m.last.IsZero() {
		// Round(0) strips the monotonic reading, so that this is the wall clock's step.
		h.ClockJump = (now.Round(0).Sub(m.last.Round(0)) - elapsed).Abs()
	}
	m.last = now

	rtm.Read(m.samples)
	sched := m.sched.since(m.samples[0].Value.Float64Histogram())
	h.SchedP99 = sched.quantile(.99)
	gc := m.gc.since(m.samples[1].Value.Float64Histogram())
	h.GCPauseMax, h.GCPause = gc.quantile(1), gc.total()
	h.Goroutines = int(m.samples[2].Value.Uint64())

	m.mu.Lock()
	h.Stalls, h.StallMax, h.StallTotal = m.stalls, m.stallMax, m.stallTotal
	m.stalls, m.stallMax, m.stallTotal = 0, 0, 0
	m.mu.Unlock()

	if q := m.group.quota(); q > 0 {
		h.CPUQuota = min(h.CPUQuota, q)
	}
	h.Throttled = m.group.throttled()

	// Only Linux tells these, and not every one of them does.
	if f := fields("/proc/self/statm"); len(f) > 1 {
		h.RSS = int64(f[1]) * int64(os.Getpagesize())
	}
	h.Steal, h.Foreign = m.machine.take(m.cpu)
	if b, err := os.ReadFile("/proc/pressure/cpu"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "avg10="); ok {
			if x, err := strconv.ParseFloat(strings.Fields(rest)[0], 64); err == nil {
				h.Pressure = x
			}
		}
	}
	return h
}

// fields is the numbers of a file's first line; what is no number is 0.
func fields(name string) []float64 {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var out []float64
	for _, w := range strings.Fields(line) {
		x, _ := strconv.ParseFloat(w, 64)
		out = append(out, x)
	}
	return out
}

// A histDelta is the part of a histogram of runtime/metrics, which only grows,
// that has come since it was last read.
type histDelta struct {
	seen   []uint64
	counts []uint64
	bounds []float64
}

func (h *histDelta) since(now *rtm.Float64Histogram) *histDelta {
	if h.seen == nil {
		h.seen, h.counts = make([]uint64, len(now.Counts)), make([]uint64, len(now.Counts))
	}
	h.bounds = now.Buckets
	for i, n := range now.Counts {
		h.counts[i] = n - h.seen[i]
		h.seen[i] = n
	}
	return h
}

// upper is the highest value that bucket i can hold, as far as it is finite.
func (h *histDelta) upper(i int) time.Duration {
	b := h.bounds[i+1]
	if math.IsInf(b, 1) {
		b = h.bounds[i]
	}
	return time.Duration(b * float64(time.Second))
}

func (h *histDelta) quantile(q float64) time.Duration {
	total := uint64(0)
	for _, n := range h.counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank, sum := uint64(math.Ceil(q*float64(total))), uint64(0)
	for i, n := range h.counts {
		if sum += n; sum >= rank && n > 0 {
			return h.upper(i)
		}
	}
	return 0
}

func (h *histDelta) total() time.Duration {
	var d time.Duration
	for i, n := range h.counts {
		if n > 0 {
			d += time.Duration(n) * h.upper(i)
		}
	}
	return d
}
