package verdict

import (
	"testing"
	"time"
)

func TestBlockLength(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 10 * time.Second: time.Second, 20 * time.Second: 3 * time.Second,
		30 * time.Second: 5 * time.Second, time.Minute: 5 * time.Second, 5 * time.Minute: 5 * time.Second,
		10 * time.Minute: 10 * time.Second, time.Hour: time.Minute, 0: time.Second,
	} {
		if got := BlockLength(window); got != want {
			t.Errorf("%v: %v, want %v", window, got, want)
		}
	}
}
