package smoke

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// newClient is a client for a server of the test.
func newClient(t testing.TB, target string) (*url.URL, *client.Client) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Target: u, Clock: metric.NewClock(), Timeout: 20 * time.Second, MaxBody: MaxBody})
	if err != nil {
		t.Fatal(err)
	}
	return u, c
}

// smoked is a smoke of a server by a document; change may alter what is done.
func smoked(t testing.TB, document string, h http.Handler, change func(*Config)) *Result {
	t.Helper()
	c, err := ParseContract("api.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return smokedBy(t, c, h, change)
}

func smokedBy(t testing.TB, c *Contract, h http.Handler, change func(*Config)) *Result {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	u, cl := newClient(t, server.URL)
	cfg := Config{Target: u, Client: cl, Contract: c, Generate: true, Seed: 1, Redactor: client.NewRedactor()}
	if change != nil {
		change(&cfg)
	}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Operations) < len(c.Operations) {
		t.Errorf("%d of %d operations are accounted for", len(r.Operations), len(c.Operations))
	}
	for _, o := range r.Operations {
		if !slices.Contains(append(stateOrder, Undocumented), o.State) || o.State == NotExercised && o.Reason == "" {
			t.Errorf("%s: state %q, reason %q", o.Name, o.State, o.Reason)
		}
	}
	return r
}

// row is the row of an operation.
func row(t testing.TB, r *Result, name string) Operated {
	t.Helper()
	for _, o := range r.Operations {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("there is no row %s", name)
	return Operated{}
}

// A mock serves what a document promises, with data made from its schemas, and
// holds what it is sent against them.
type mock struct {
	c   *Contract
	mu  sync.Mutex
	bad []string // requests that break the document
	e   *engine
}

func newMock(c *Contract) *mock {
	return &mock{c: c, e: &engine{cfg: Config{Contract: c, Redactor: client.NewRedactor()}}}
}

func (m *mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.EscapedPath(), m.c.BasePath())
	o := m.c.Find(r.Method, path)
	if o == nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(404)
		io.WriteString(w, `{"error":"no route"}`)
		return
	}
	req := request{Method: r.Method, Target: r.RequestURI, Body: body}
	for k := range r.Header {
		req.Headers = append(req.Headers, client.Header{Name: k, Value: r.Header.Get(k)})
	}
	if why := m.e.breaks(o, &req); why != "" {
		m.bad = append(m.bad, o.Name()+": "+why)
		w.WriteHeader(422)
		return
	}
	status := 200
	for _, s := range expected(o) {
		if n, err := strconv.Atoi(s); err == nil && n < 300 {
			status = n
			break
		}
	}
	var content []byte
	if ref := o.Op.Responses.Value(strconv.Itoa(status)); ref != nil && ref.Value != nil {
		name, media := chooseMedia(ref.Value.Content)
		if name != "" {
			w.Header().Set("Content-Type", strings.ReplaceAll(name, "*/*", "application/json"))
			g := &generator{contract: m.c, rng: rand.New(rand.NewPCG(1, 2)), run: "m", now: time.Now(), answer: true}
			if jsonMedia(name) && media.Schema != nil {
				if v, err := g.value(media.Schema, "", 0, false, nil); err == nil {
					content, _ = json.Marshal(v)
				}
			} else {
				content = []byte("text")
			}
		}
	}
	w.WriteHeader(status)
	if status != 204 {
		_, _ = w.Write(content)
	}
}
