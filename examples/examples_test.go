// Package examples holds scenarios as a new user would write them; its tests run
// them.
package examples

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/seed-42693903/lt/fixtures/datalayer"
	"github.com/seed-42693903/lt/fixtures/gateway"
	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/scenarios"
)

var environment = map[string]string{
	"LOGIN_USER": "ann", "LOGIN_PASSWORD": "canary-password", "SIGNING_KEY": "canary-signing-key",
}

// A tour is a run of a scenario by hand: users after one another or together.
type tour struct {
	script   *scenarios.Script
	rs       *metric.Recorders
	snapshot *metric.Snapshot
}

func newTour(t *testing.T, file, target string) *tour {
	t.Helper()
	s, err := scenarios.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	clock := metric.NewClock()
	c, err := client.New(client.Options{Target: u, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) { v, ok := environment[name]; return v, ok }
	script, err := s.Compile(scenarios.CompileOptions{
		Client: c, Clock: clock, Target: u, Seed: 1, Env: lookup, Trace: true, Redactor: client.NewRedactor(s.Secrets(lookup)...),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &tour{script: script, rs: metric.NewRecorders(metric.Closed, script.Rows(), 1)}
}

// run lets users iterate together, and is the outcomes by endpoint and class.
func (r *tour) run(t *testing.T, users, iterations int, seed uint64) map[string]int64 {
	t.Helper()
	clock := metric.NewClock()
	var wg sync.WaitGroup
	for id := range users {
		wg.Go(func() {
			u := r.script.NewUser(id, seed)
			defer u.Close()
			for range iterations {
				u.Iterate(context.Background(), clock.Now(), r.rs.Shard(0))
			}
		})
	}
	wg.Wait()
	r.snapshot = r.rs.Take()
	got := map[string]int64{}
	for _, e := range r.snapshot.Endpoints {
		for class, n := range e.Outcomes {
			got[e.Endpoint.Name()+" "+class.Key()] += n
		}
	}
	return got
}

// allFine fails the test for every class but ok, with what it was.
func (r *tour) allFine(t *testing.T, got map[string]int64, but ...string) {
	t.Helper()
	for key, n := range got {
		if !strings.HasSuffix(key, " ok") && !strings.Contains(strings.Join(but, "\n"), key) {
			t.Errorf("%s: %d", key, n)
		}
	}
	for _, e := range r.snapshot.Exemplars {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, "canary") {
			t.Errorf("a secret in %s", text)
		}
		if e.TraceID == "" {
			t.Errorf("no trace in %+v", e)
		}
		t.Logf("%s %s: %s", e.Endpoint, e.Class, e.Message)
	}
}

// platform is the reference platform behind a login that gives out its key.
func platform(t *testing.T, logins *int) string {
	t.Helper()
	const key = "canary-0123456789abcdef0123456789abcdef"
	dl, err := datalayer.New(datalayer.Config{DB: "sqlite:" + t.TempDir() + "/lt.db", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dl.Close() })
	behind := httptest.NewServer(dl)
	t.Cleanup(behind.Close)
	u, _ := url.Parse(behind.URL)
	gw, err := gateway.New(gateway.Config{
		Upstream: u, UpstreamKey: "k",
		Consumers: []gateway.Consumer{{Name: "dev", Key: key, Role: "developer", Tier: "enterprise"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gw.Close() })
	inner := httptest.NewServer(gw)
	t.Cleanup(inner.Close)
	to, _ := url.Parse(inner.URL)
	proxy := httputil.NewSingleHostReverseProxy(to)
	var mu sync.Mutex
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			proxy.ServeHTTP(w, r)
			return
		}
		var who struct{ User, Password string }
		if json.NewDecoder(r.Body).Decode(&who) != nil || who.User != "ann" || who.Password != environment["LOGIN_PASSWORD"] {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		*logins++
		mu.Unlock()
		// Good for a second: lt asks again after half of it.
		fmt.Fprintf(w, `{"access_token": %q, "expires_in": 1}`, key)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

func TestLogin(t *testing.T) {
	logins := 0
	r := newTour(t, "login/scenario.yaml", platform(t, &logins))
	start := time.Now()
	got := r.run(t, 10, 40, 1)
	r.allFine(t, got)
	took := time.Since(start)
	if most := int(took/(500*time.Millisecond)) + 1; logins < 1 || logins > most {
		t.Errorf("%d logins in %v, want 1 to %d", logins, took, most)
	}
	if got["POST /login ok"] != int64(logins) || got["DELETE /api/v1/agents/{id} ok"] != got["POST /api/v1/agents ok"] || got["POST /api/v1/agents ok"] < 100 {
		t.Errorf("outcomes %v", got)
	}
}

// payments is an API that checks signatures, and keeps what it is sent.
type payments struct {
	mu     sync.Mutex
	nonces map[string]bool
	rows   map[string]map[string]any
	bodies []string
	wrong  int
}

func (p *payments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	h := r.Header
	m := hmac.New(sha256.New, []byte(environment["SIGNING_KEY"]))
	fmt.Fprintf(m, "%s\n%s\n%s\n%s\n%s", r.Method, r.RequestURI, h.Get("X-Time"), h.Get("X-Nonce"), body)
	if h.Get("X-Signature") != hex.EncodeToString(m.Sum(nil)) || p.nonces[h.Get("X-Nonce")] || h.Get("X-Nonce") == "" || h.Get("X-Client") != "shop-1" {
		p.wrong++
		http.Error(w, "bad signature", http.StatusUnauthorized)
		return
	}
	p.nonces[h.Get("X-Nonce")] = true
	if r.Method == "POST" {
		p.bodies = append(p.bodies, string(body))
		row := map[string]any{}
		if json.Unmarshal(body, &row) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		row["id"] = fmt.Sprintf("p%06d", len(p.rows))
		row["receipt"] = map[string]any{"total": row["amount"]}
		p.rows[row["id"].(string)] = row
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(row)
		return
	}
	json.NewEncoder(w).Encode(p.rows[strings.TrimPrefix(r.URL.Path, "/payments/")])
}

func TestSigned(t *testing.T) {
	serve := func() (*payments, string) {
		p := &payments{nonces: map[string]bool{}, rows: map[string]map[string]any{}}
		s := httptest.NewServer(p)
		t.Cleanup(s.Close)
		return p, s.URL
	}
	p, at := serve()
	r := newTour(t, "signed/scenario.yaml", at)
	got := r.run(t, 8, 25, 1)
	r.allFine(t, got)
	if p.wrong > 0 || got["POST /payments ok"] != 200 || got["GET /payments/{id} ok"] != 200 {
		t.Errorf("%d wrong signatures, outcomes %v", p.wrong, got)
	}
	// The same seed sends the same bodies again, another seed others.
	bodies := func(seed uint64) []string {
		p, at := serve()
		r := newTour(t, "signed/scenario.yaml", at)
		r.run(t, 1, 50, seed)
		return p.bodies
	}
	one, again, other := bodies(3), bodies(3), bodies(4)
	if diff := cmp.Diff(one, again); diff != "" || len(one) != 50 {
		t.Errorf("the same seed sent other bodies (-first +second):\n%s", diff)
	}
	if cmp.Equal(one, other) {
		t.Error("another seed sent the same")
	}
}

func TestFeed(t *testing.T) {
	type order struct {
		SKU, Customer, Note string
		Quantity            int
		asked               int
	}
	var mu sync.Mutex
	var orders []*order
	skus := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == "POST" {
			o := &order{}
			if err := json.NewDecoder(r.Body).Decode(o); err != nil {
				t.Error(err)
			}
			skus[o.SKU]++
			orders = append(orders, o)
			w.Header().Set("Location", fmt.Sprintf("/orders/%d", len(orders)-1))
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"id": %d}`, len(orders)-1)
			return
		}
		var id int
		fmt.Sscanf(r.URL.Path, "/orders/%d", &id)
		o := orders[id]
		if strings.HasSuffix(r.URL.Path, "/invoice") {
			if id%4 == 0 {
				t.Error("an invoice of a rejected order")
			}
			fmt.Fprintf(w, `{"lines": [{"quantity": %d}]}`, o.Quantity)
			return
		}
		state := "open"
		if o.asked++; o.asked > id%3 {
			state = map[bool]string{true: "rejected", false: "filled"}[id%4 == 0]
		}
		fmt.Fprintf(w, `{"state": %q, "sku": %q}`, state, o.SKU)
	}))
	defer s.Close()
	r := newTour(t, "feed/scenario.yaml", s.URL)
	got := r.run(t, 20, 10, 1)
	r.allFine(t, got)
	if got["POST /orders ok"] != 200 || got["GET /orders/{id} ok"] != 67+2*67+3*66 || got["GET /orders/{id}/invoice ok"] != 150 {
		t.Errorf("outcomes %v", got)
	}
	// User n begins with row n: 20 users of 10 iterations take the first 29 rows.
	if len(skus) != 29 || skus["SKU-0001"] != 1 || skus["SKU-0010"] != 10 {
		t.Errorf("%d rows were taken: %v", len(skus), skus)
	}
}

func TestHTTPBin(t *testing.T) {
	s := httptest.NewServer(httpbin.New())
	defer s.Close()
	r := newTour(t, "httpbin/scenario.yaml", s.URL)
	got := r.run(t, 5, 40, 1)
	r.allFine(t, got, "GET /delay/5 timeout")
	for _, key := range []string{
		"GET /cookies/set ok", "GET /cookies/set (redirected) ok", "GET /basic-auth/ann/secret-word ok", "GET /bearer ok", "GET /cookies ok",
		"GET /relative-redirect/3 ok", "GET /relative-redirect/3 (redirected) ok", "GET /relative-redirect/1 ok", "GET /redirect-to (redirected) ok",
		"GET /gzip ok", "GET /deflate ok", "POST /post ok", "PUT /put ok", "GET /delay/0.05 ok", "GET /delay/5 timeout", "GET /status/{pick} ok",
	} {
		if got[key] == 0 {
			t.Errorf("never: %s", key)
		}
	}
	if got["GET /relative-redirect/3 (redirected) ok"] != 3*got["GET /relative-redirect/3 ok"] {
		t.Errorf("redirects: %v", got)
	}
}
