package scenarios

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// A gateway is what the api workload asks for, in memory, strict about what it
// is sent. It keeps every request.
type gateway struct {
	*httptest.Server
	mu       sync.Mutex
	rows     map[string]map[string]map[string]any // resource -> id -> row
	requests []string                             // "POST /api/v1/agents/ {...}"
	problems []string                             // what no valid client would send
	fail     func(r *http.Request) (status int, body string)
	made     int
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{rows: map[string]map[string]map[string]any{"agents": {}, "goals": {}, "tasks": {}}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

var gatewayIDs = map[string]string{"agents": "id", "goals": "goal_id", "tasks": "task_id"}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	if g.fail != nil {
		if status, text := g.fail(r); status != 0 {
			w.WriteHeader(status)
			io.WriteString(w, text)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.HasPrefix(r.URL.Path, "/health/") {
		io.WriteString(w, `{"status":"ok"}`)
		return
	}
	resource, id, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/v1/"), "/"), "/")
	rows := g.rows[resource]
	if rows == nil {
		g.problem("no resource %q", resource)
		http.NotFound(w, r)
		return
	}
	row, found := rows[id]
	if id != "" && !found {
		g.problem("%s %s: unknown id", r.Method, r.URL.Path)
		http.NotFound(w, r)
		return
	}
	var doc map[string]any
	if r.Method == "POST" || r.Method == "PATCH" {
		if err := json.Unmarshal(body, &doc); err != nil || r.Header.Get("Content-Type") != "application/json" {
			g.problem("%s %s: %v in %q", r.Method, r.URL.Path, err, body)
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
	}
	switch r.Method {
	case "POST":
		g.made++
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", g.made)
		doc[gatewayIDs[resource]] = id
		rows[id] = doc
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(doc)
	case "GET":
		if id == "" {
			io.WriteString(w, "[]")
		} else {
			json.NewEncoder(w).Encode(row)
		}
	case "PATCH":
		json.NewEncoder(w).Encode(row)
	case "DELETE":
		delete(rows, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (g *gateway) problem(format string, args ...any) {
	g.problems = append(g.problems, fmt.Sprintf(format, args...))
}

// sync orders what the test and the handler do one after the other, which the race
// detector cannot see in a connection.
func (g *gateway) sync() {
	g.mu.Lock()
	defer g.mu.Unlock()
}

// taken are the requests since the last call.
func (g *gateway) taken() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.requests
	g.requests = nil
	return l
}

// compiled is s for the server at base; change may alter the options.
func compiled(t testing.TB, s *Scenario, base string, change func(*CompileOptions)) *Script {
	t.Helper()
	script, err := compile(s, base, change)
	if err != nil {
		t.Fatal(err)
	}
	return script
}

func compile(s *Scenario, base string, change func(*CompileOptions)) (*Script, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	clock := metric.NewClock()
	c, err := client.New(client.Options{Target: u, Clock: clock})
	if err != nil {
		return nil, err
	}
	opts := CompileOptions{Client: c, Clock: clock, Target: u, Seed: 1}
	if change != nil {
		change(&opts)
	}
	return s.Compile(opts)
}

func parsed(t testing.TB, text string) *Scenario {
	t.Helper()
	s, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recorder counts the samples of a script that a test runs by hand.
func recorder(script *Script) (*metric.Recorders, *metric.Recorder) {
	rs := metric.NewRecorders(metric.Closed, script.Rows(), 1)
	return rs, rs.Shard(0)
}
