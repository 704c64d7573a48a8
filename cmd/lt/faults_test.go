//go:build unix

package main

import (
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestARunAgainstWeek9Day3: exactly the four endpoints of that day fail, all of their requests, and the run says so.
func TestARunAgainstWeek9Day3(t *testing.T) {
	temp := ownTemp(t)
	s := start(t, "run", "ci", "--reference", "--faults", "week9-day3", "-d", "10s", "--users", "20")
	if code := s.exit(40 * time.Second); code != exitThreshold {
		t.Errorf("exit code %d\n%s%s", code, s.stdout.String(), s.stderr.String())
	}
	want := map[string]string{
		"GET /api/v1/agents/{id}": "status_500", "PATCH /api/v1/agents/{id}": "status_422",
		"POST /api/v1/goals/": "status_500", "POST /api/v1/tasks/": "status_500",
	}
	for _, e := range s.result().Endpoints {
		outcome, fails := want[e.Name]
		switch {
		case fails && (e.Requests == 0 || e.Failed != e.Requests || e.Outcomes[outcome] != e.Requests):
			t.Errorf("%s: %d of %d failed: %v, want all by %s", e.Name, e.Failed, e.Requests, e.Outcomes, outcome)
		case !fails && e.Failed > 0:
			t.Errorf("%s: %d of %d failed: %v, want none", e.Name, e.Failed, e.Requests, e.Outcomes)
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("never exercised: %q", slices.Collect(maps.Keys(want)))
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestServeFaultsAndAdmin(t *testing.T) {
	mine := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(mine, []byte("at: datalayer\nrules: [{route: GET /agents, status: 405}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ownTemp(t)
	s := startServe(t, "Ctrl-C", nil, "all", "--addr", ":0", "--datalayer-addr", ":0", "--faults", mine, "--admin", ":0")
	base, key, admin := s.field(t, "gateway"), s.field(t, "key"), s.field(t, "admin")
	if !strings.HasPrefix(admin, "http://127.0.0.1:") {
		t.Errorf("admin listens on %s", admin)
	}
	agents := base + "/api/v1/agents"
	for _, step := range []struct {
		method, body string
		list, create int // what the two routes answer afterwards
	}{
		{"GET", "", 500, 201},
		{"PUT", "week9-day2", 404, 404}, // beside the other, at another process
		{"DELETE", "", 200, 201},
		{"PUT", "at: gateway\nrules: [{route: GET /api/v1/agents, status: 503}]", 503, 201},
	} {
		req, err := http.NewRequest(step.method, admin, strings.NewReader(step.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 || !strings.Contains(string(text), `"at":"datalayer"`) {
			t.Errorf("%s %q: %d %s", step.method, step.body, res.StatusCode, text)
		}
		if got := status(t, "GET", agents, key, ""); got != step.list {
			t.Errorf("after %s %q the list answers %d, want %d", step.method, step.body, got, step.list)
		}
		if got := status(t, "POST", agents, key, `{"name":"Ada"}`); got != step.create {
			t.Errorf("after %s %q the creation answers %d, want %d", step.method, step.body, got, step.create)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t, s.Cmd); err != nil {
		t.Errorf("Ctrl-C: %v %s", err, &s.stderr)
	}
}
