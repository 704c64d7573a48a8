//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// childOf is the process that lt's pid started with all of the words in its
// arguments; 0: there is none (yet).
func childOf(pid int, words ...string) int {
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		for _, f := range strings.Fields(string(b)) {
			args, _ := os.ReadFile("/proc/" + f + "/cmdline")
			all := true
			for _, w := range words {
				all = all && bytes.Contains(args, []byte(w))
			}
			if n, err := strconv.Atoi(f); err == nil && all {
				return n
			}
		}
	}
	return 0
}

// starved reports whether the run was INVALID because others had the machine's
// processors: that is the right verdict then, and no test can help it.
func starved(t *testing.T, r *run.Result) bool {
	shared := r.Verdict == verdict.Invalid && strings.Contains(strings.Join(r.Notes, "\n"), "shared machine")
	if shared {
		t.Logf("the machine was busy: %q, %q", r.Reasons, r.Notes)
	}
	return shared
}

// TestARunAgainstTheReferencePlatform is the main job, end to end.
func TestARunAgainstTheReferencePlatform(t *testing.T) {
	temp := ownTemp(t)
	s := start(t, "run", "ci", "--reference", "--users", "30", "--duration", "12s", "--threshold", "p95 < 10s")
	s.running(2)
	for _, half := range []string{"gateway", "datalayer"} {
		pid := childOf(s.Process.Pid, "serve", half)
		if pid == 0 {
			skipSuite(t, "this system does not list a process's children")
		}
		args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		environment, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if n := bytes.Count(args, []byte{0}); n != 4 { // lt serve half --lifeline
			t.Errorf("%s was started with %q", half, args)
		}
		if bytes.Contains(environment, []byte("KEY=")) && os.Getenv("LT_API_KEY") == "" {
			t.Errorf("a key stands in the environment of the %s", half)
		}
	}
	code := s.exit(40 * time.Second)
	r := s.result()
	if r.Totals.Failed+r.Warmup.Failed > 0 || (code != 0 && !starved(t, r)) {
		t.Errorf("exit code %d, verdict %s\n%s%s", code, r.Verdict, s.stdout.String(), s.stderr.String())
	}
	exercised := 0
	for _, e := range r.Endpoints {
		if e.Requests > 0 {
			exercised++
		}
	}
	if len(r.Endpoints) != 12 || exercised < 10 {
		t.Errorf("%d of %d endpoints exercised", exercised, len(r.Endpoints))
	}
	if r.Rows == nil || r.Rows.Created < 30 || r.Rows.Left != r.Rows.Created-r.Rows.Deleted {
		t.Errorf("rows %+v", r.Rows)
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestADataLayerThatDiesMidRun: the gateway answers that it is not there, and the
// report says when.
func TestADataLayerThatDiesMidRun(t *testing.T) {
	ownTemp(t)
	s := start(t, "run", "ci", "--reference", "--users", "20", "--duration", "12s")
	s.running(5)
	pid := childOf(s.Process.Pid, "serve", "datalayer")
	if pid == 0 {
		skipSuite(t, "this system does not list a process's children")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := s.exit(40 * time.Second); code != 99 {
		t.Errorf("exit code %d\n%s%s", code, s.stdout.String(), s.stderr.String())
	}
	r := s.result()
	if len(r.Outages) != 1 || r.Outages[0].FromS < 3 || r.Outages[0].ToS < 11 {
		t.Errorf("outages %+v, want one from about 5 s to the end", r.Outages)
	}
	if len(r.Failures) == 0 || r.Failures[0].First() == nil || !strings.HasPrefix(r.Failures[0].Class, "status_50") {
		t.Errorf("failures %+v", r.Failures)
	}
}

// TestReadme runs the README's `lt run` lines as far as the plan.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(bytes.NewReader(readme)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "lt ") || !strings.Contains(line, "run ") {
			continue
		}
		n++
		cmd := exec.Command("sh", "-c", strings.Replace(line, "lt ", `"$LT" `, 1)+" --dry-run")
		like := lt(t)
		cmd.Dir, cmd.Env = like.Dir, append(like.Env, "LT="+like.Path, "MY_KEY=0123456789abcdef")
		scenario := "load: {users: 1, duration: 1s}\npersonas: {one: {tasks: [{name: t, steps: [{get: /}]}]}}\n"
		if err := os.WriteFile(filepath.Join(like.Dir, "my-scenario.yaml"), []byte(scenario), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if n < 4 {
		t.Errorf("only %d commands were found", n)
	}
}

// TestVerifyReadme runs the README's first command as it stands there.
func TestVerifyReadme(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("counted suite: make verify")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?m)^go run ./cmd/lt .*$").Find(readme)
	if m == nil {
		t.Fatal("the README has no such command")
	}
	out := t.TempDir()
	cmd := exec.Command("sh", "-c", string(m))
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "LT_OUT="+out)
	text, err := cmd.CombinedOutput()
	r, loadErr := run.Load(filepath.Join(out, "latest"))
	if loadErr != nil {
		t.Fatalf("%v\n%s", loadErr, text)
	}
	if (err != nil || !bytes.Contains(text, []byte("PASS"))) && !starved(t, r) {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := os.Stat(filepath.Join(out, "latest", "report.html")); err != nil {
		t.Error(err)
	}
}
