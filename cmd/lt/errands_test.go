package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
)

const withErrands = `
load: {users: 2, spawn_rate: 100, duration: 1s, warmup: 100ms}
thresholds: []
setup: [{post: /tenants, json: {}, expect: 201, save: {tenant: $.id}}]
personas: {a: {think: 20ms, tasks: [{get: "/tenants/${tenant}"}]}}
teardown: [{get: /gone, expect: 404}, {delete: "/tenants/${tenant}", expect: 204}]
`

// A tenants server keeps what it was asked.
type tenants struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	traces   map[string]bool
	load     chan struct{} // gets a value for each request of the load
}

func newTenants(t *testing.T, fail string) *tenants {
	s := &tenants{traces: map[string]bool{}, load: make(chan struct{}, 100_000)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Method + " " + r.URL.Path
		s.mu.Lock()
		s.requests = append(s.requests, key)
		s.traces[r.Header.Get("Traceparent")] = true
		s.mu.Unlock()
		switch {
		case key == fail:
			w.WriteHeader(http.StatusConflict)
		case r.Method == "POST":
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"id": "t1"}`)
		case r.Method == "DELETE":
			w.WriteHeader(http.StatusNoContent)
		case key == "GET /gone":
			w.WriteHeader(http.StatusNotFound)
		default:
			s.load <- struct{}{}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tenants) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func runErrands(t *testing.T, s *tenants, more ...string) *exec.Cmd {
	cmd := lt(t, append([]string{"run", "s.yaml", "--target", s.URL, "--quiet", "--no-thresholds"}, more...)...)
	if err := os.WriteFile(filepath.Join(cmd.Dir, "s.yaml"), []byte(withErrands), 0o644); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// checkSum holds that totals + warmup + preflight + setup + teardown is what the
// server saw.
func checkSum(t *testing.T, cmd *exec.Cmd, s *tenants) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(cmd.Dir, "lt-results", "latest", "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r run.Result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Setup == nil || r.Setup.Requests != 1 || r.Teardown == nil || r.Teardown.Requests != 2 || r.Teardown.Failed != 0 {
		t.Fatalf("setup %+v, teardown %+v", r.Setup, r.Teardown)
	}
	sum := r.Totals.Requests + r.Warmup.Requests + r.Preflight.Requests + r.Setup.Requests + r.Teardown.Requests
	seen := s.seen()
	if sum != int64(len(seen)) {
		t.Errorf("the server saw %d requests, the result has %d", len(seen), sum)
	}
	if seen[0] != "POST /tenants" || seen[len(seen)-1] != "DELETE /tenants/t1" {
		t.Errorf("first %s, last %s", seen[0], seen[len(seen)-1])
	}
	if r.Rows == nil || r.Rows.Created != 1 || r.Rows.Left != 0 {
		t.Errorf("rows %+v", r.Rows)
	}
}

func TestErrands(t *testing.T) {
	s := newTenants(t, "")
	cmd := runErrands(t, s)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkSum(t, cmd, s)
	if len(s.traces) != len(s.seen()) || s.traces[""] {
		t.Errorf("%d traces of %d requests", len(s.traces), len(s.seen()))
	}
	s = newTenants(t, "")
	if out, err := runErrands(t, s, "--no-trace").CombinedOutput(); err != nil || len(s.traces) != 1 || !s.traces[""] {
		t.Errorf("--no-trace: %d traces, %v\n%s", len(s.traces), err, out)
	}
}

// Teardown is done after Ctrl-C too.
func TestErrandsInterrupted(t *testing.T) {
	s := newTenants(t, "")
	cmd := runErrands(t, s, "-d", "60s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		select {
		case <-s.load:
		case <-time.After(30 * time.Second):
			t.Fatal("no load")
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		skipSuite(t, err.Error())
	}
	err := cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit %d, %v", code, err)
	}
	checkSum(t, cmd, s)
}

// A setup that fails stops the run with exit 3, and the load never starts.
func TestErrandsFail(t *testing.T) {
	s := newTenants(t, "POST /tenants")
	cmd := runErrands(t, s)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitNotReady || !strings.Contains(string(out), `setup, step "setup": POST /tenants: 409 Conflict`) {
		t.Errorf("exit %d\n%s", code, out)
	}
	if got, want := fmt.Sprint(s.seen()), "[POST /tenants GET /gone]"; got != want {
		t.Errorf("the server saw %s, want %s", got, want)
	}
}
