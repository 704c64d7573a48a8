package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/smoke"
)

// TestHostileBodies: what a target answers harms no report of a smoke.
func TestHostileBodies(t *testing.T) {
	const evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x1b]0;owned\a ```\n# heading\n</code></details>|@team \u202e ::error::x ]]>"
	contract, err := smoke.ParseContract("api.json", []byte(`{"openapi":"3.0.3","info":{"title":"<script>alert(2)</script>","version":"\u001b[31m1"},"paths":{
		"/json":{"get":{"responses":{"200":{"description":"ok"}}}},"/html":{"get":{"responses":{"200":{"description":"ok"}}}},
		"/bytes":{"get":{"responses":{"200":{"description":"ok"}}}},"/headers":{"get":{"responses":{"200":{"description":"ok"}}}},
		"/endless":{"get":{"responses":{"200":{"description":"ok"}}}},"/<script>alert(3)</script>":{"get":{"responses":{"200":{"description":"ok"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/json":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(500)
			json.NewEncoder(w).Encode(map[string]any{"detail": evil, "code": evil, "errors": []any{map[string]any{"field": evil, "message": evil}}})
		case "/html":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(500)
			io.WriteString(w, evil)
		case "/bytes":
			w.WriteHeader(500)
			w.Write(bytes.Repeat([]byte{0xff, 0xfe, 0x00, 0x80, '<'}, 500))
		case "/headers":
			w.Header().Set("Allow", "<script>alert(4)</script>")
			w.Header().Set("Via", "<script>alert(5)</script>")
			w.Header().Set("X-Upstream-Status", "500")
			w.WriteHeader(405)
		case "/endless": // a gigabyte is announced; nobody reads so much
			w.Header().Set("Content-Length", "1073741824")
			w.WriteHeader(200)
			for chunk := bytes.Repeat([]byte("x"), 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		default:
			http.NotFound(w, q)
		}
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Target: u, Clock: metric.NewClock(), Timeout: 20 * time.Second, MaxBody: smoke.MaxBody})
	if err != nil {
		t.Fatal(err)
	}
	r, err := smoke.Run(t.Context(), smoke.Config{Target: u, Client: c, Contract: contract, Generate: true, Seed: 1, Redactor: client.NewRedactor()})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Blockers) < 5 {
		t.Fatalf("%d blockers", len(r.Blockers))
	}
	r.Labels = map[string]string{"evil": evil}
	r.Notes = append(r.Notes, evil)
	r.Changes = &smoke.Changes{Baseline: evil, Fixed: []string{evil}, New: []string{evil}, Still: []string{evil}}
	formats := append(SmokeFormats(), SmokeFormat{"terminal", "", SmokeTerminal})
	for _, f := range formats {
		var b bytes.Buffer
		if err := f.Render(&b, r, Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if !utf8.ValidString(text) || b.Len() > 1<<20 || b.Len() < 500 {
			t.Errorf("%s: %d bytes, valid UTF-8: %v", f.Name, b.Len(), utf8.ValidString(text))
		}
		if i := strings.IndexFunc(text, func(r rune) bool {
			return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r == 0x202e && f.Name != "json"
		}); i >= 0 {
			t.Errorf("%s: a control character at %d: %q", f.Name, i, text[max(0, i-40):min(len(text), i+40)])
		}
		switch f.Name {
		case "html":
			if m := regexp.MustCompile(`(?i)<(script|img|iframe|object)`).FindString(text); m != "" {
				t.Errorf("html: %s", m)
			}
		case "markdown":
			if m := regexp.MustCompile(`(?i)<(script|img)`).FindString(text); m != "" {
				t.Errorf("markdown: %s", m)
			}
			if n := strings.Count(text, "<details>") - strings.Count(text, "</details>"); n != 0 {
				t.Errorf("markdown: %d details stay open", n)
			}
		case "junit":
			d := xml.NewDecoder(&b)
			for {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("junit: %v", err)
				}
			}
		case "json":
			var back smoke.Result
			if err := json.Unmarshal(b.Bytes(), &back); err != nil || len(back.Blockers) != len(r.Blockers) {
				t.Errorf("json: %v", err)
			}
		case "terminal":
			if regexp.MustCompile(`(?m)^\s*::`).MatchString(text) {
				t.Error("terminal: a line that GitHub's runner takes for a command")
			}
		}
	}
}

// TestSmokeGolden: what the reports of a smoke look like.
func TestSmokeGolden(t *testing.T) {
	took, upstream := 12.5, 3.25
	code := 6
	exemplar := func(name, method, path string, status int) *smoke.Exchange {
		return &smoke.Exchange{Exemplar: metric.Exemplar{
			Endpoint: name, Class: "status_500", Phase: "body", Status: status, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", ServiceTime: 12 * time.Millisecond,
			Message: "500 Internal Server Error", Request: method + " " + path + " HTTP/1.1\nHost: gateway.example.test\nX-API-Key: ***\nContent-Type: application/json",
			RequestBody: `{"name":"lt-smoke-1"}`, Response: "HTTP/1.1 500 Internal Server Error\nContent-Type: application/problem+json", ResponseBody: `{"title":"Internal Server Error"}`,
		}}
	}
	r := &smoke.Result{
		Schema: 1, LT: "v0.1.0", RunID: "20261122T010203Z-0a1b2c", Target: "https://gateway.example.test", StartedAt: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC),
		DurationS: .7, Seed: 7, Command: "lt smoke --target https://gateway.example.test", ExitCode: &code, Requests: 20, Failed: 2,
		Contract: &smoke.ContractInfo{Source: "api.yaml", Title: "Agents", Version: "1.2", OpenAPI: "3.0.3", Operations: 6},
		Rows:     smoke.Rows{Created: 2, Deleted: 1, Left: 1},
		Health: []smoke.Check{
			{Name: "live", State: "ok", Text: "GET /health/live: 200", TimeMS: &took},
			{Name: "tls", State: "warning", Text: "the certificate ends in 9 days, on 2026-12-01"},
			{Name: "ready", State: "absent", Text: "no path for it was found"},
		},
		Operations: []smoke.Operated{
			{Name: "GET /agents", Method: "GET", Path: "/agents", State: smoke.Present, Status: 200, TimeMS: &took, UpstreamMS: &upstream, Requests: 1, Weight: .2},
			{Name: "POST /agents", Method: "POST", Path: "/agents", State: smoke.Broken, Fault: smoke.FaultAPI, Hop: "upstream", HopEvidence: []string{"X-Upstream-Status: 405"}, Status: 500, UpstreamStatus: 405, Reason: "500 Internal Server Error", TimeMS: &took, Requests: 1, Failed: 1, Weight: .2, Blocker: "B1"},
			{Name: "GET /agents/{id}", Method: "GET", Path: "/agents/{id}", State: smoke.NotExercised, Reason: "there is no value for the parameter id: POST /agents failed", ExplainedBy: "POST /agents", Weight: .2},
			{Name: "GET /slow", Method: "GET", Path: "/slow", State: smoke.Slow, Status: 200, Reason: "answered after 1.2s", TimeMS: &took, Requests: 1, Weight: .2},
			{Name: "GET /gone", Method: "GET", Path: "/gone", State: smoke.Missing, Fault: smoke.FaultAPI, Hop: "gateway", Status: 404, Reason: "404 Not Found; the contract documents this route", Requests: 1, Failed: 1, Weight: .2, Blocker: "B2"},
			{Name: "GET /odd", Method: "GET", Path: "/odd", State: smoke.NotExercised, Reason: "there is no value for the parameter id: no operation creates or lists one", Weight: .2},
		},
		Blockers: []smoke.Blocker{
			{
				ID: "B1", Priority: "P0", Title: "POST /agents: 405 behind a 500", Endpoints: []string{"POST /agents"}, State: smoke.Broken, Fault: smoke.FaultAPI, Hop: "upstream",
				Evidence: []string{"X-Upstream-Status: 405"}, Status: 500, Upstream: 405, Message: "500 Internal Server Error", Requests: 1, Failed: 1, Share: .4, AlsoFails: []string{"GET /agents/{id}"},
				Hints: []string{"405 behind a 500: the gateway calls a route of the upstream that does not take POST"}, Exemplar: exemplar("POST /agents", "POST", "/agents", 500),
			},
			{
				ID: "B2", Priority: "P0", Title: "GET /gone: missing (404)", Endpoints: []string{"GET /gone"}, State: smoke.Missing, Fault: smoke.FaultAPI, Hop: "gateway",
				Evidence: []string{"the same answer as for a path that nobody serves"}, Status: 404, Message: "404 Not Found; the contract documents this route", Requests: 1, Failed: 1, Share: .2,
			},
		},
		Changes: &smoke.Changes{Baseline: "smoke.json", Fixed: []string{"GET /slow: was broken (500)"}, New: []string{"GET /gone: missing (404), was present (200)"}, Still: []string{"POST /agents: broken (500)"}},
	}
	r.Blockers[0].Exemplar.Direct = &smoke.DirectExchange{Exemplar: exemplar("POST /plans", "POST", "/plans", 405).Exemplar, Base: "http://upstream.example.test:8001"}
	r.Finish()
	for name, render := range map[string]func(io.Writer, *smoke.Result, Options) error{
		"smoke.terminal": SmokeTerminal, "smoke.markdown": SmokeMarkdown, "smoke.junit": SmokeJUnit, "smoke.html": SmokeHTML,
	} {
		var b bytes.Buffer
		if err := render(&b, r, Options{Dir: "lt-results/smoke-20261122T010203Z"}); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
	var b bytes.Buffer
	if err := SmokeMarkdown(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"405 behind a 500", "curl -i -X POST https://gateway.example.test/agents", "http://upstream.example.test:8001/plans", "$LT_DIRECT_KEY", "4 of 6", "4bf92f3577b34da6a3ce929d0e0e4736"} {
		if want == "4 of 6" {
			want = "5 of 6 operations would work (now 2)"
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("blockers.md lacks %q", want)
		}
	}
}
