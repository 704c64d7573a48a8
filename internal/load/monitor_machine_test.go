package load

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestForeignTime writes what /proc would say of a machine with two processors,
// second by second.
func TestForeignTime(t *testing.T) {
	m := machine{procFS: t.TempDir(), family: []int{7, 8}}
	if err := os.Mkdir(filepath.Join(m.procFS, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	say := func(user, nice, system, idle, irq, softirq, steal, child int) {
		t.Helper()
		for name, text := range map[string]string{
			"stat":   fmt.Sprintf("cpu  %d %d %d %d 3 %d %d %d 0 0\ncpu0 1 2\n", user, nice, system, idle, irq, softirq, steal),
			"7/stat": fmt.Sprintf("7 (a ) 9 (b) S 1 7 7 0 -1 4194560 1 0 0 0 %d 5 0 0 20 0 1 0 1\n", child),
		} {
			if err := os.WriteFile(filepath.Join(m.procFS, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	own := 10 * time.Second
	say(1000, 0, 500, 9000, 10, 10, 0, 300)
	if steal, foreign := m.take(own); steal != -1 || foreign != -1 {
		t.Errorf("at first: %v, %v", steal, foreign)
	}
	for _, tt := range []struct {
		what                                                 string
		user, nice, system, idle, irq, softirq, steal, child int
		own                                                  time.Duration
		wantSteal, wantForeign                               float64
	}{
		{"all by lt and the child", 1090, 0, 540, 9050, 10, 30, 0, 350, 800 * time.Millisecond, 0, 0},
		{"most by others", 1150, 20, 560, 9100, 10, 50, 0, 350, 0, 0, 58.82},
		{"stolen", 1150, 20, 560, 9280, 10, 50, 20, 350, 0, 10, 0},
		{"clocks that disagree", 1160, 20, 560, 9470, 10, 50, 20, 350, 150 * time.Millisecond, 0, 0},
	} {
		own += tt.own
		say(tt.user, tt.nice, tt.system, tt.idle, tt.irq, tt.softirq, tt.steal, tt.child)
		steal, foreign := m.take(own)
		if math.Abs(steal-tt.wantSteal) > .1 || math.Abs(foreign-tt.wantForeign) > .1 {
			t.Errorf("%s: steal %v, want %v; foreign %v, want %v", tt.what, steal, tt.wantSteal, foreign, tt.wantForeign)
		}
	}
	m.procFS = filepath.Join(m.procFS, "none")
	if steal, foreign := m.take(own); steal != -1 || foreign != -1 {
		t.Errorf("without /proc: %v, %v", steal, foreign)
	}
}
