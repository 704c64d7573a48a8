package load

import (
	"math"
	"runtime"
	rtm "runtime/metrics"
	"testing"
	"time"
)

func TestTheMonitorTellsWhatThisSystemTells(t *testing.T) {
	m := NewMonitor()
	m.start()
	defer m.stop()
	for start, known := cpuTime(); known; { // 20 ms of work, however busy the machine is
		if now, _ := cpuTime(); now-start > 20*time.Millisecond {
			break
		}
	}
	runtime.GC()
	h := m.Take()
	linux := runtime.GOOS == "linux"
	for what, ok := range map[string]bool{
		"CPU":         !linux || h.CPU > 0 && h.CPU < 110*float64(runtime.NumCPU()),
		"CPU quota":   h.CPUQuota > 0 && h.CPUQuota <= float64(runtime.NumCPU()),
		"RSS":         !linux && h.RSS == -1 || h.RSS > 1<<20 && h.RSS < 4<<30,
		"goroutines":  h.Goroutines >= 2 && h.Goroutines < 10_000,
		"GC pause":    h.GCPause >= 0 && h.GCPauseMax <= h.GCPause && h.GCPauseMax > 0 && h.GCPause < time.Second,
		"scheduler":   h.SchedP99 >= 0 && h.SchedP99 < 10*time.Second,
		"steal":       h.Steal >= -1 && h.Steal <= 100,
		"foreign":     h.Foreign >= -1 && h.Foreign <= 100,
		"pressure":    h.Pressure >= -1 && h.Pressure <= 100,
		"clock":       h.ClockJump >= 0 && h.ClockJump < time.Minute,
		"stalls":      (h.Stalls > 0) == (h.StallMax > stallOver) && h.StallMax <= h.StallTotal,
		"no observer": h.ObserverLag == 0,
	} {
		if !ok {
			t.Errorf("%s: %+v", what, h)
		}
	}
}

func TestTakeIsWhatCameSinceTheLastOne(t *testing.T) {
	m := NewMonitor()
	if first := m.Take(); first.CPU != -1 || first.ClockJump != 0 {
		t.Errorf("the first, without an interval: %+v", first)
	}
	m.beat(time.Second)
	if h := m.Take(); h.Stalls != 1 {
		t.Errorf("%d stalls", h.Stalls)
	}
	if h := m.Take(); h.Stalls != 0 || h.StallMax != 0 || h.StallTotal != 0 {
		t.Errorf("a stall is told twice: %+v", h)
	}
}

func TestAHeartbeatIsAStallWhenItComesTooLate(t *testing.T) {
	for name, tt := range map[string]struct {
		beats      []time.Duration
		stalls     int
		max, total time.Duration
	}{
		"in time":       {[]time.Duration{heartbeat, heartbeat}, 0, 0, 0},
		"early":         {[]time.Duration{0, 1}, 0, 0, 0},
		"a little late": {[]time.Duration{heartbeat + stallOver}, 0, 0, 0},
		"just too late": {[]time.Duration{heartbeat + stallOver + 1}, 1, stallOver + 1, stallOver + 1},
		"stopped twice": {[]time.Duration{heartbeat, heartbeat + s, heartbeat, heartbeat + 3*s}, 2, 3 * s, 4 * s},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMonitor()
			for _, b := range tt.beats {
				m.beat(b)
			}
			if h := m.Take(); h.Stalls != tt.stalls || h.StallMax != tt.max || h.StallTotal != tt.total {
				t.Errorf("%d stalls, max %v, total %v", h.Stalls, h.StallMax, h.StallTotal)
			}
		})
	}
}

func TestHistogramsOfTheRuntimeAreReadAsWhatCameSince(t *testing.T) {
	bounds := []float64{0, .001, .010, .100, math.Inf(1)}
	read := func(counts ...uint64) *rtm.Float64Histogram {
		return &rtm.Float64Histogram{Counts: counts, Buckets: bounds}
	}
	var d histDelta
	for _, tt := range []struct {
		now             *rtm.Float64Histogram
		p50, p99, worst time.Duration
		total           time.Duration
	}{
		{read(0, 0, 0, 0), 0, 0, 0, 0},
		{read(98, 0, 2, 0), time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond, 298 * time.Millisecond},
		{read(98, 0, 2, 0), 0, 0, 0, 0},
		{read(98, 1, 2, 0), 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond},
		{read(198, 2, 2, 0), time.Millisecond, time.Millisecond, 10 * time.Millisecond, 110 * time.Millisecond},
		{read(198, 2, 2, 1), 100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond},
	} {
		h := d.since(tt.now)
		if h.quantile(.5) != tt.p50 || h.quantile(.99) != tt.p99 || h.quantile(1) != tt.worst || h.total() != tt.total {
			t.Errorf("%v: P50 %v, P99 %v, worst %v, total %v", tt.now.Counts, h.quantile(.5), h.quantile(.99), h.quantile(1), h.total())
		}
	}
}
