//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentEnv makes the test binary a parent of a reference platform, which ends in the way that it names.
const parentEnv = "LT_TEST_REFERENCE_PARENT"

// The test binary is what os.Executable names, so that it must be lt when it is called as lt is. An init and not TestMain: it
// then holds for every test of this package, the scripts' as well.
func init() {
	if how := os.Getenv(parentEnv); how != "" {
		referenceParent(how)
	}
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(execute(os.Args[1:], &environ{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
	}
}

type parentSays struct {
	URL, Key string
	PIDs     []int
}

func referenceParent(how string) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt) // it may be ignored where the tests run in the background
	ref, err := startReference(context.Background(), os.Stderr, "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(parentSays{ref.URL, ref.Key, ref.pids()}); err != nil {
		os.Exit(1)
	}
	switch how {
	case "panic":
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		panic("boom")
	case "interrupt":
		<-interrupts
		os.Exit(exitInterrupted)
	}
	select {}
}

// eventually polls; its limit is far beyond what a busy machine needs.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after a minute: %s", what)
		}
	}
}

// waitFor is cmd.Wait, for a minute at most.
func waitFor(t *testing.T, cmd *exec.Cmd) error {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() {
		t.Errorf("process %d did not end within a minute", cmd.Process.Pid)
		_ = cmd.Process.Kill()
	})
	defer late.Stop()
	return cmd.Wait()
}

// running says whether a process runs; one that has ended and that nobody has waited for does not.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // not Linux
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(state, []byte("Z"))
}

// ownTemp gives the test a temporary directory that nobody else uses.
func ownTemp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return dir
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// status asks once; 0 means no answer.
func status(t *testing.T, method, url, key, body string) int {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	client := http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func wantGone(t *testing.T, pids []int, temp string) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d ends", pid), func() bool { return !running(pid) })
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReferenceServesAndLeavesNothing(t *testing.T) {
	temp := ownTemp(t)
	t.Setenv(envAPIKey, "a-canary-that-no-child-may-see")
	var log bytes.Buffer
	ref, err := startReference(t.Context(), &log, "")
	if err != nil {
		t.Fatal(err)
	}
	defer ref.Stop()
	if got := status(t, "GET", ref.URL+"/health/ready", "", ""); got != 200 {
		t.Errorf("ready: %d", got)
	}
	if got := status(t, "POST", ref.URL+"/api/v1/agents/", ref.Key, `{"name":"Ada"}`); got != 201 {
		t.Errorf("POST: %d", got)
	}
	if got := status(t, "GET", ref.URL+"/api/v1/agents/", "wrong", ""); got != 401 {
		t.Errorf("a wrong key: %d", got)
	}
	if found := entries(t, temp); len(found) != 1 || !strings.HasPrefix(filepath.Base(found[0]), "lt-reference-") {
		t.Errorf("in the temporary directory: %v", found)
	}
	pids := ref.pids()
	if len(pids) != 2 {
		t.Fatalf("processes %v", pids)
	}
	for _, pid := range pids {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil {
				continue // not Linux
			}
			if bytes.Contains(text, []byte(ref.Key)) || bytes.Contains(text, []byte("canary")) || bytes.Contains(text, []byte("lt_")) {
				t.Errorf("a key stands in %s: %q", file, text)
			}
		}
		// What a terminal sends on Ctrl-C and when it closes.
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
			if err := syscall.Kill(pid, s); err != nil {
				t.Error(err)
			}
		}
		if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
			t.Errorf("process %d is in the group of its parent: %v", pid, err)
		}
	}
	if got := status(t, "GET", ref.URL+"/health/ready", "", ""); got != 200 {
		t.Errorf("ready after the signals: %d", got)
	}
	ref.Stop()
	ref.Stop()
	wantGone(t, pids, temp)
	if log.Len() > 0 {
		t.Errorf("it said %q", &log)
	}
}

// TestReferenceDiesWithItsParent ends a parent in each way in which it cannot clean up.
func TestReferenceDiesWithItsParent(t *testing.T) {
	for _, how := range []string{"kill", "panic", "interrupt"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), parentEnv+"="+how, "TMPDIR="+temp)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill() }()
			var says parentSays
			if err := json.NewDecoder(stdout).Decode(&says); err != nil {
				t.Fatal(err)
			}
			if got := status(t, "POST", says.URL+"/api/v1/agents", says.Key, `{"name":"Ada"}`); got != 201 {
				t.Errorf("POST: %d", got)
			}
			switch how {
			case "kill":
				err = cmd.Process.Kill()
			case "panic":
				_, err = stdin.Write([]byte("now"))
			case "interrupt": // the whole group, as a terminal does
				err = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
			}
			if err != nil {
				t.Fatal(err)
			}
			if waitFor(t, cmd) == nil {
				t.Error("the parent ended well")
			}
			wantGone(t, says.PIDs, temp)
		})
	}
}

func TestReferenceSweepsAndTells(t *testing.T) {
	temp := ownTemp(t)
	var log bytes.Buffer
	ref, err := startReference(t.Context(), &log, "")
	if err != nil {
		t.Fatal(err)
	}
	defer ref.Stop()
	if err := syscall.Kill(ref.pids()[0], syscall.SIGKILL); err != nil { // the data layer
		t.Fatal(err)
	}
	<-ref.children[0].ended
	if got := status(t, "GET", ref.URL+"/api/v1/agents", ref.Key, ""); got != 503 {
		t.Errorf("without a data layer: %d", got)
	}
	ref.Stop()
	if !strings.Contains(log.String(), "datalayer") || !strings.Contains(log.String(), "had ended") {
		t.Errorf("it said %q", &log)
	}
	left := entries(t, temp)
	if len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
	next, err := startReference(t.Context(), io.Discard, "")
	if err != nil {
		t.Fatal(err)
	}
	defer next.Stop()
	if found := entries(t, temp); len(found) != 1 || found[0] == left[0] {
		t.Errorf("after the sweep: %v", found)
	}
	next.Stop()
	wantGone(t, next.pids(), temp)
}

func TestReferenceThatCannotStart(t *testing.T) {
	temp := ownTemp(t)
	if _, err := startReference(t.Context(), io.Discard, "nobody"); err == nil || !strings.Contains(err.Error(), "no fault profile") {
		t.Errorf("faults: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := startReference(gone, io.Discard, ""); err == nil {
		t.Error("it started without a context")
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Setenv("TMPDIR", filepath.Join(temp, "nowhere"))
	_, err := startReference(t.Context(), io.Discard, "")
	if err == nil || !strings.Contains(err.Error(), "datalayer did not start") || !strings.Contains(err.Error(), "throw-away directory") {
		t.Errorf("without a temporary directory: %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	log := &tail{limit: 10}
	for i := range 100 {
		fmt.Fprint(log, strconv.Itoa(i))
	}
	if got := log.String(); got != "9596979899" {
		t.Errorf("%q", got)
	}
}
