package load

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheTightestQuotaOfTheControlGroupsHolds(t *testing.T) {
	root, proc := t.TempDir(), t.TempDir()
	oldRoot, oldProc := cgroupRoot, procSelf
	cgroupRoot, procSelf = root, proc
	defer func() { cgroupRoot, procSelf = oldRoot, oldProc }()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if c := (&cgroup{}); c.quota() != 0 || c.throttled() >= 0 {
		t.Error("without control groups something is told")
	}
	write(filepath.Join(proc, "cgroup"), "12:cpu:/old\n0::/a/b\n")
	write(filepath.Join(root, "a", "b", "cpu.max"), "max 100000\n")
	write(filepath.Join(root, "a", "cpu.max"), "150000 100000\n")
	write(filepath.Join(root, "a", "cpu.stat"), "usage_usec 5\nthrottled_usec 1000\n")
	c := &cgroup{}
	if q := c.quota(); q != 1.5 {
		t.Errorf("quota %v, want 1.5", q)
	}
	if d := c.throttled(); d != 0 {
		t.Errorf("what was before counts: %v", d)
	}
	write(filepath.Join(root, "a", "cpu.stat"), "throttled_usec 4500\n")
	if d := c.throttled(); d != 3500*time.Microsecond {
		t.Errorf("throttled for %v, want 3.5 ms", d)
	}
}
