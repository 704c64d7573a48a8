package client

import (
	"testing"
	"time"
)

func TestUpstreamTime(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Server-Timing", "upstream;dur=12.3", 12300 * time.Microsecond},
		{"server-timing", `gateway;dur=1, auth;desc="a,upstream;dur=9" ; dur=2,UPSTREAM ; desc=db; Dur = "7"`, 7 * time.Millisecond},
		{"Server-Timing", "upstream;dur=0.000000001, other", time.Nanosecond},
		{"Server-Timing", "upstreams;dur=5", 0},
		{"Server-Timing", "upstream", 0},
		{"Server-Timing", "upstream;dur=", 0},
		{"Server-Timing", "upstream;dur=-4", 0},
		{"Server-Timing", "upstream;dur=1e3", 0},
		{"Server-Timing", `a;desc="never closed, upstream;dur=5`, 0},
		{"Server-Timing", "", 0},
		{"X-Kong-Upstream-Latency", "41", 41 * time.Millisecond},
		{"X-Kong-Upstream-Latency", "0", time.Nanosecond},
		{"X-Kong-Upstream-Latency", "99999999999999999999", 0},
		{"x-envoy-upstream-service-time", " 7 ", 7 * time.Millisecond},
		{"x-envoy-upstream-service-time", "soon", 0},
		{"x-some-upstream-latency", "41", 0},
		{"Content-Type", "upstream;dur=5", 0},
	} {
		if got := upstreamTime([]byte(tt.name), []byte(tt.value)); got != tt.want {
			t.Errorf("%s: %s: %v, want %v", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestUpstreamTimeAllocatesNothing(t *testing.T) {
	name, value := []byte("Server-Timing"), []byte("gateway;dur=0.4, auth;dur=0.1, upstream;dur=12.345")
	text := string(value)
	if n := testing.AllocsPerRun(100, func() {
		if upstreamTime(name, value) != timingOf(text) {
			t.Error("bytes and text differ")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzUpstreamTime(f *testing.F) {
	f.Add("upstream;dur=12.3")
	f.Add(`a;desc="\",;=";dur=1, upstream;dur="2"`)
	f.Fuzz(func(t *testing.T, value string) {
		if d := timingOf(value); d < 0 || d > 12*24*time.Hour {
			t.Errorf("%q: %v", value, d)
		}
	})
}
