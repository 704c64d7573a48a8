// Peers measures lt beside the load generators that are installed (wrk, h2load,
// fortio, hey, k6): requests per second of the generator's own processor time
// (user + system), for that figure holds best on a machine that does other things
// too. Target and generator have a core each; the tools take turns, round after
// round, and medians are told. It writes the tables of docs/benchmarks.md between
// their markers.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	generatorCore = "0"
	serverCore    = "1"
)

func main() {
	lt := flag.String("lt", "bin/lt", "the lt to measure, as it is released")
	out := flag.String("out", "", "file whose tables are written anew (default: to stdout)")
	rounds := flag.Int("rounds", 5, "rounds of each row")
	length := flag.Duration("length", 5*time.Second, "of each measurement")
	only := flag.String("only", "", "rows to measure, by key, with commas between (default: all)")
	stub := flag.String("stub", "", "be the stub on this address")
	wait := flag.Duration("wait", 0, "of the stub")
	flag.Parse()
	if *stub != "" {
		fmt.Fprintln(os.Stderr, serveStub(*stub, *wait))
		os.Exit(1)
	}
	if err := measure(*lt, *out, *only, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func measure(lt, out, only string, rounds int, length time.Duration) error {
	lt, err := filepath.Abs(lt)
	if err != nil {
		return err
	}
	if runtime.NumCPU() < 2 {
		return fmt.Errorf("target and generator need a core each")
	}
	raiseFiles()
	dir, err := os.MkdirTemp("", "lt-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := startTargets(dir)
	if err != nil {
		return err
	}
	defer t.stop()
	b := &bench{lt: lt, dir: dir, targets: t, length: length}
	if err := b.files(); err != nil {
		return err
	}
	var doc bytes.Buffer
	fmt.Fprintf(&doc, "Measured on %s, %d cores (%s), target %s; %d rounds of %v each, in turn; figures are medians (lowest to highest).\n",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), cpuModel(), t.version, rounds, length)
	for _, tool := range []string{"lt", "wrk", "h2load", "fortio", "hey", "k6"} {
		if v := b.version(tool); v != "" {
			fmt.Fprintf(&doc, "%s; ", v)
		}
	}
	fmt.Fprintln(&doc)
	for _, r := range rows {
		if only != "" && !slices.Contains(strings.Split(only, ","), r.key) {
			continue
		}
		if err := b.row(&doc, r, rounds); err != nil {
			return fmt.Errorf("%s: %w", r.key, err)
		}
	}
	if out == "" {
		_, err := doc.WriteTo(os.Stdout)
		return err
	}
	return between(out, doc.Bytes())
}

// The markers that the tables stand between.
const begin, end = "<!-- made by make bench-peers: from here -->\n", "<!-- to here -->"

func between(path string, text []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(b, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no %q ... %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(begin), text, []byte(end), tail), 0o644)
}

// A sample is what one run of one tool gave.
type sample struct {
	requests float64
	cpu      float64 // seconds, user + system
	wall     float64 // seconds
	rss      float64 // MiB at most
	note     string
}

// run runs a tool on the generator's core, or on cores, and measures it.
func (b *bench) run(cores string, procs int, name string, args ...string) (out string, s sample, err error) {
	c := exec.Command("taskset", append([]string{"-c", cores, name}, args...)...)
	c.Dir = b.dir
	c.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", procs), "K6_NO_USAGE_REPORT=true")
	var text bytes.Buffer
	c.Stdout, c.Stderr = &text, &text
	started := time.Now()
	err = c.Run()
	if c.ProcessState == nil {
		return "", s, err
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	s.cpu = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	s.wall = time.Since(started).Seconds()
	s.rss = float64(u.Maxrss) / 1024
	return text.String(), s, err
}

func raiseFiles() {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil {
		r.Cur = r.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(b), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}
