package scenarios

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Preflight sends each persona's first requests and deletes nothing.
func TestPreflight(t *testing.T) {
	g := newGateway(t)
	s, err := Load("api")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range compiled(t, s, g.URL, nil).Preflight(context.Background()) {
		got = append(got, p.Persona+": "+p.Endpoint.Name()+" "+p.Class.Key())
		if p.Requests != 1 || p.Message != "" || p.Status != 201 {
			t.Errorf("probe %+v", p)
		}
	}
	want := []string{
		"agents: POST /api/v1/agents/ ok",
		"goals: POST /api/v1/agents/ ok", "goals: POST /api/v1/goals/ ok",
		"tasks: POST /api/v1/agents/ ok", "tasks: POST /api/v1/tasks/ ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPreflightFails(t *testing.T) {
	g := newGateway(t)
	g.fail = func(r *http.Request) (int, string) { return 401, `{"code":"E9103","title":"missing credentials"}` }
	s, err := Load("api")
	if err != nil {
		t.Fatal(err)
	}
	probes := compiled(t, s, g.URL, nil).Preflight(context.Background())
	if len(probes) != 3 {
		t.Fatalf("%d probes; a persona should end with its first failure", len(probes))
	}
	want := "401 Unauthorized: E9103: missing credentials (no credential was sent)"
	if p := probes[0]; p.Status != 401 || p.Class.Key() != "status_401" || p.Message != want {
		t.Errorf("probe %+v", p)
	}
	// Nothing listens there.
	g.Close()
	p := compiled(t, s, g.URL, nil).Preflight(context.Background())[0]
	if p.Class.Key() != "refused" || p.Requests != 1 || !strings.Contains(p.Message, "refused") {
		t.Errorf("probe %+v", p)
	}
}

// A persona of which every first request deletes or needs a pool is said to be
// untried.
func TestPreflightUntried(t *testing.T) {
	g := newGateway(t)
	s := parsed(t, "personas: {a: {tasks: [{delete: /x}, {get: /y, pick: {i: p}, query: {i: '${i}'}}, {steps: [{delete: /z}, {get: /q, push: {p: $.id}}]}]}}")
	probes := compiled(t, s, g.URL, nil).Preflight(context.Background())
	if len(probes) != 1 || probes[0].Requests != 0 || probes[0].Message == "" || len(g.taken()) != 0 {
		t.Errorf("probes %+v", probes)
	}
}
