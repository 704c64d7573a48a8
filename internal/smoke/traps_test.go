package smoke

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/client"
)

// traps holds what documents get wrong or clever: circular references, oneOf with a
// discriminator, no operationId, servers with variables, path styles, multipart.
const traps = `
openapi: 3.0.3
info: {title: traps, version: "1"}
servers:
  - url: "{scheme}://{host}/{base}/v2"
    variables: {scheme: {default: https}, host: {default: api.example.test}, base: {default: shop}}
paths:
  /nodes:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}
      responses: {"201": {description: made, content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}}
  /nodes/{nodeId}:
    parameters: [{name: nodeId, in: path, required: true, schema: {type: string}}]
    get: {responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Node"}}}}}}
    delete: {responses: {"204": {description: gone}}}
  /pets:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}}
      responses: {"200": {description: ok}}
  /styles/{label}/{matrix}/{list}:
    get:
      parameters:
        - {name: label, in: path, required: true, style: label, schema: {type: string, enum: [red]}}
        - {name: matrix, in: path, required: true, style: matrix, schema: {type: integer, minimum: 7}}
        - {name: list, in: path, required: true, schema: {type: array, items: {type: string, enum: [a]}}}
        - {name: filter, in: query, required: true, style: deepObject, explode: true, schema: {type: object, required: [from], properties: {from: {type: string, format: date}}}}
        - {name: X-Tenant, in: header, required: true, schema: {type: string, pattern: "^t-[0-9]{4}$"}}
      responses: {"200": {description: ok}}
  /upload:
    post:
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema: {type: object, required: [file, note], properties: {file: {type: string, format: binary}, note: {type: string}}}
      responses: {"200": {description: ok}}
  /form:
    post:
      requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object, required: [a b], properties: {a b: {type: string, enum: ["1&2"]}}}}}}
      responses: {"200": {description: ok}}
  /endless:
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Endless"}}}}
      responses: {"200": {description: ok}}
components:
  schemas:
    Node:
      type: object
      required: [name, children]
      properties:
        id: {type: string, format: uuid, readOnly: true}
        name: {type: string, minLength: 3, maxLength: 20}
        children: {type: array, items: {$ref: "#/components/schemas/Node"}}
        parent: {$ref: "#/components/schemas/Node"}
    Endless: {type: object, required: [next], properties: {next: {$ref: "#/components/schemas/Endless"}}}
    Pet:
      oneOf: [{$ref: "#/components/schemas/Dog"}, {$ref: "#/components/schemas/Cat"}]
      discriminator: {propertyName: kind, mapping: {woof: "#/components/schemas/Dog", miau: "#/components/schemas/Cat"}}
    Base: {type: object, required: [kind], properties: {kind: {type: string}}}
    Dog: {allOf: [{$ref: "#/components/schemas/Base"}, {type: object, required: [barks], properties: {barks: {type: boolean}}}]}
    Cat: {allOf: [{$ref: "#/components/schemas/Base"}, {type: object, required: [lives], properties: {lives: {type: integer, minimum: 1, maximum: 9, multipleOf: 3}}}]}
`

func TestTraps(t *testing.T) {
	c, err := ParseContract("api.yaml", []byte(traps))
	if err != nil {
		t.Fatal(err)
	}
	m := newMock(c)
	seen := map[string]string{}
	r := smokedBy(t, c, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		seen[q.URL.EscapedPath()] = q.URL.RawQuery + "|" + q.Header.Get("X-Tenant") + "|" + q.Header.Get("Content-Type") + "|" + string(body)
		q.Body = io.NopCloser(strings.NewReader(string(body)))
		m.ServeHTTP(w, q)
	}), nil)
	if len(m.bad) > 0 {
		t.Errorf("requests that break the document: %q", m.bad)
	}
	for _, o := range r.Operations {
		if o.Name == "POST /endless" {
			if o.State != NotExercised || !strings.Contains(o.Reason, "without an end") {
				t.Errorf("%s: %s: %s", o.Name, o.State, o.Reason)
			}
		} else if o.State != Present {
			t.Errorf("%s: %s: %s", o.Name, o.State, o.Reason)
		}
	}
	for path, want := range map[string]string{
		"/shop/v2/pets":                    `"kind":"woof"`,
		"/shop/v2/styles/.red/;matrix=7/a": `^filter%5Bfrom%5D=\d{4}-\d\d-\d\d\|t-\d{4}\|`,
		"/shop/v2/upload":                  `(?s)multipart/form-data; boundary=.*name="file"; filename=.*name="note"`,
		"/shop/v2/form":                    `a\+b=1%262`,
		"/shop/v2/nodes":                   `"name":"lt-smoke`,
	} {
		if !regexp.MustCompile(want).MatchString(seen[path]) {
			t.Errorf("%s: %q was sent, want %s", path, seen[path], want)
		}
	}
}

// TestNullTypes of 3.1, and const, examples and exclusive bounds as numbers.
func TestNullTypes(t *testing.T) {
	c, err := ParseContract("api.json", []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{
		"requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["n","c","x","u"],"properties":{
			"n":{"type":["null","string"],"minLength":4},"c":{"const":"k"},"x":{"type":"number","exclusiveMinimum":3,"exclusiveMaximum":3.6},"u":{"anyOf":[{"type":"null"},{"type":"integer","minimum":5}]}}}}}},
		"responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":["object","null"],"properties":{"n":{"type":["string","null"]}}}}}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	r := smokedBy(t, c, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if q.Method == "POST" {
			json.NewDecoder(q.Body).Decode(&got)
			io.WriteString(w, `{"n":null}`)
			return
		}
		http.NotFound(w, q)
	}), nil)
	x, _ := got["x"].(float64)
	if n, _ := got["n"].(string); row(t, r, "POST /a").State != Present || len(n) < 4 || got["c"] != "k" || x <= 3 || x >= 3.6 || got["u"] != 5.0 {
		t.Errorf("%+v was sent; %+v", got, row(t, r, "POST /a"))
	}
}

// TestForms have a field where the contract wants a body and no field of it; lists
// are fields that repeat. A default that its own schema does not allow is not sent.
func TestForms(t *testing.T) {
	c, err := ParseContract("api.yaml", []byte(`openapi: 3.0.3
info: {title: t, version: '1'}
paths:
  /search: {post: {requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object, additionalProperties: false, properties: {start: {type: string}, limit: {type: integer}}}}}}, responses: {'200': {description: ok}}}}
  /list: {post: {requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object, required: [m], properties: {m: {type: array, minItems: 2, items: {type: string, enum: [a]}}}}}}}, responses: {'200': {description: ok}}}}
  /defaults: {post: {requestBody: {required: true, content: {application/json: {schema: {type: object, required: [spec], properties: {spec: {default: {}, allOf: [{type: object, required: [size], properties: {size: {type: integer, default: 3}}}]}}}}}}, responses: {'200': {description: ok}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	r := smokedBy(t, c, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		if q.Method == "POST" {
			got[q.URL.Path] = string(b)
		}
	}), nil)
	for path, want := range map[string]string{"/search": `^(limit|start)=`, "/list": `^m=a&m=a$`, "/defaults": `^\{"spec":\{"size":3\}\}$`} {
		if o := row(t, r, "POST "+path); o.State != Present || !regexp.MustCompile(want).MatchString(got[path]) {
			t.Errorf("%s: %q was sent, want %s; %s: %s", path, got[path], want, o.State, o.Reason)
		}
	}
}

// TestMalformed: line and column, and what is wrong.
func TestMalformed(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "  \n", `^api\.yaml:1:1: .*empty`},
		{"JSON", "{\n  \"openapi\": \"3.0.0\",\n  \"info\": {]\n}", `^api\.yaml:3:12: not JSON`},
		{"YAML", "openapi: 3.0.0\ninfo:\n  title: [a\npaths: {}\n", `^api\.yaml:\d+:\d+: not YAML`},
		{"no OpenAPI", "hello: world\npaths: {/a: {get: {responses: {}}}}\n", `^api\.yaml:\d+:\d+: .*OpenAPI`},
		{"Swagger", `{"swagger":"2.0","info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"ok"}}}}}}`, `Swagger 2\.0`},
		{"no paths", "openapi: 3.0.0\ninfo: {title: x, version: '1'}\n", `no paths`},
		{"wrong type", "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /a:\n    get:\n      parameters:\n        - {name: q, in: query, schema: {type: string, minLength: long}}\n      responses: {'200': {description: ok}}\n", `^api\.yaml:7:\d+: schema`},
		{"too deep", `{"openapi":"3.0.0","info":{"title":"[[\"{","version":"1"},"paths":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, `^api\.yaml: the document nests 601 levels deep`},
		{"lost reference", "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /a:\n    get:\n      responses:\n        '200':\n          $ref: '#/components/responses/Lost'\n", `^api\.yaml:8:17: \$ref #/components/responses/Lost`},
		{"no components", "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /b~/a:\n    get:\n      responses: {'200': {$ref: '#/paths/~1b~0~1a/get/responses/201'}, '201': {description: ok}}\n    post:\n      responses:\n        '200':\n          $ref: '#/components/responses/Lost'\n", `^api\.yaml:10:17: \$ref #/components/responses/Lost`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseContract("api.yaml", []byte(c.text))
			if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestGreedySchemas ask for more than anybody has; lt says that it makes none.
func TestGreedySchemas(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{"text", `{"type":"string","minLength":100000000000}`, "longer than lt makes"},
		{"texts", `{"type":"array","minItems":900,"items":{"type":"string","minLength":1000000}}`, "more than 4 MB"},
		{"lists of lists", `{"type":"array","minItems":900,"items":{"type":"array","minItems":900,"items":{"type":"array","minItems":900,"items":{"type":"integer"}}}}`, "more than 4 MB"},
		{"a long text", `{"type":"string","minLength":500000}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			contract, err := ParseContract("api.json", []byte(`{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{
				"requestBody":{"required":true,"content":{"application/json":{"schema":`+c.schema+`}}},"responses":{"200":{"description":"ok"}}}}}}`))
			if err != nil {
				t.Fatal(err)
			}
			g := &generator{contract: contract, rng: rand.New(rand.NewPCG(1, 2)), run: "m", now: time.Now()}
			_, err = g.body(contract.Operations[0].Body.Content["application/json"], false, nil)
			if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestReferencesStayBesideTheDocument: parts in files under its directory are read,
// others and other hosts' are not.
func TestReferencesStayBesideTheDocument(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "api", "parts"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "api", "parts", "a.yaml"), []byte("type: object\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.yaml"), []byte("type: object\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for ref, ok := range map[string]bool{"parts/a.yaml": true, "../secret.yaml": false, "http://127.0.0.1:1/a.yaml": false, "file:///etc/hostname": false} {
		doc := fmt.Sprintf("openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: ok, content: {application/json: {schema: {$ref: %q}}}}}}}}\n", ref)
		_, err := ParseContract(filepath.Join(dir, "api", "api.yaml"), []byte(doc))
		if (err == nil) != ok {
			t.Errorf("$ref %s: %v", ref, err)
		}
	}
}

// TestSecuritySchemes: each scheme's credential comes where the contract wants it,
// and no token stands in the result.
func TestSecuritySchemes(t *testing.T) {
	const key = "canary-user:canary-password"
	doc := `
openapi: 3.0.3
info: {title: locked, version: "1"}
paths:
  /header: {get: {security: [{header: []}], responses: {"200": {description: ok}}}}
  /query: {get: {security: [{query: []}], responses: {"200": {description: ok}}}}
  /cookie: {get: {security: [{cookie: []}], responses: {"200": {description: ok}}}}
  /basic: {get: {security: [{basic: []}], responses: {"200": {description: ok}}}}
  /bearer: {get: {security: [{bearer: []}], responses: {"200": {description: ok}}}}
  /oauth: {get: {security: [{oauth: [read]}], responses: {"200": {description: ok}}}}
  /both: {get: {security: [{header: [], query: []}], responses: {"200": {description: ok}}}}
  /open: {get: {responses: {"200": {description: ok}}}}
  /broken: {get: {security: [{oauth: [read]}], responses: {"200": {description: ok}}}}
components:
  securitySchemes:
    header: {type: apiKey, in: header, name: X-Secret}
    query: {type: apiKey, in: query, name: api_key}
    cookie: {type: apiKey, in: cookie, name: sid}
    basic: {type: http, scheme: basic}
    bearer: {type: http, scheme: bearer}
    oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: /token, scopes: {read: all}}}}
`
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(key))
	tokens := 0
	r := smoked(t, doc, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		cookie, _ := q.Cookie("sid")
		ok := map[string]bool{
			"/header": q.Header.Get("X-Secret") == key, "/query": q.URL.Query().Get("api_key") == key,
			"/cookie": cookie != nil && cookie.Value == "canary-user%3Acanary-password", "/basic": q.Header.Get("Authorization") == basic,
			"/bearer": q.Header.Get("Authorization") == "Bearer "+key, "/oauth": q.Header.Get("Authorization") == "Bearer canary-token",
			"/both": q.Header.Get("X-Secret") == key && q.URL.Query().Get("api_key") == key, "/open": q.Header.Get("Authorization") == "",
		}[q.URL.Path]
		switch {
		case q.URL.Path == "/token":
			tokens++
			if q.FormValue("grant_type") != "client_credentials" || q.FormValue("scope") != "read" || q.Header.Get("Authorization") != basic {
				w.WriteHeader(400)
			}
			io.WriteString(w, `{"access_token":"canary-token","token_type":"bearer"}`)
		case q.URL.Path == "/broken":
			w.WriteHeader(500)
			io.WriteString(w, "you sent "+q.Header.Get("Authorization")) // a hostile echo
		case strings.HasPrefix(q.URL.Path, "/lt-smoke"), strings.HasPrefix(q.URL.Path, "/health"), strings.HasSuffix(q.URL.Path, "z"):
			w.WriteHeader(404)
		case !ok:
			w.WriteHeader(401)
		}
	}), func(cfg *Config) { cfg.Key, cfg.Redactor = key, client.NewRedactor(key) })
	for _, o := range r.Operations {
		if want := map[bool]State{true: Broken, false: Present}[o.Path == "/broken"]; o.State != want {
			t.Errorf("%s: %s: %s", o.Name, o.State, o.Reason)
		}
	}
	if tokens != 1 {
		t.Errorf("%d tokens were fetched", tokens)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"canary-token", "canary-password", strings.TrimPrefix(basic, "Basic ")} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s stands in the result", secret)
		}
	}
}

// TestFaults: whose fault, and which state, for what an API can do wrong.
func TestFaults(t *testing.T) {
	doc := `
openapi: 3.0.3
info: {title: faults, version: "1"}
paths:
  /missing: {get: {responses: {"200": {description: ok}}}}
  /method: {post: {responses: {"200": {description: ok}}}}
  /later: {get: {responses: {"200": {description: ok}}}}
  /type: {get: {responses: {"200": {description: ok, content: {application/json: {schema: {type: object}}}}}}}
  /schema: {get: {responses: {"200": {description: ok, content: {application/json: {schema: {type: object, required: [a], properties: {a: {type: integer}}}}}}}}}
  /status: {get: {responses: {"200": {description: ok}}}}
  /moved: {get: {responses: {"200": {description: ok}}}}
  /cut: {get: {responses: {"200": {description: ok}}}}
  /refused: {post: {requestBody: {required: true, content: {application/json: {schema: {type: object, required: [size], properties: {size: {type: integer}}}}}}, responses: {"200": {description: ok}}}}
  /odd/{nobody}: {delete: {parameters: [{name: nobody, in: path, required: true, schema: {type: integer}}], responses: {"204": {description: ok}}}}
`
	r := smoked(t, doc, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/method":
			w.Header().Set("Allow", "GET, PUT")
			w.WriteHeader(405)
		case "/later":
			w.WriteHeader(501)
		case "/type":
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<p>hello</p>")
		case "/schema":
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"a":"text"}`)
		case "/status":
			w.WriteHeader(206)
		case "/moved":
			http.Redirect(w, q, "/elsewhere", http.StatusFound)
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/refused":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(422)
			io.WriteString(w, `{"detail":[{"loc":["body","size"],"msg":"too small"}]}`)
		default:
			http.NotFound(w, q)
		}
	}), nil)
	for name, want := range map[string]struct {
		state State
		fault Fault
		says  string
	}{
		"GET /missing":         {Missing, FaultAPI, "404"},
		"POST /method":         {WrongMethod, FaultAPI, "GET, PUT"},
		"GET /later":           {Unimplemented, FaultAPI, "501"},
		"GET /type":            {OffContract, FaultAPI, "text/html"},
		"GET /schema":          {OffContract, FaultAPI, "a: "},
		"GET /status":          {OffContract, FaultAPI, "206"},
		"GET /moved":           {OffContract, FaultAPI, ""},
		"GET /cut":             {NoAnswer, FaultNetwork, ""},
		"POST /refused":        {Refused, FaultAPI, "size"},
		"DELETE /odd/{nobody}": {NotExercised, "", "no operation creates"},
	} {
		if o := row(t, r, name); o.State != want.state || o.Fault != want.fault || !strings.Contains(o.Reason, want.says) {
			t.Errorf("%s: %s, fault %q, %q; want %+v", name, o.State, o.Fault, o.Reason, want)
		}
	}
	if row(t, r, "POST /method").Allow != "GET, PUT" {
		t.Error("no Allow")
	}
	i := slices.IndexFunc(r.Blockers, func(b Blocker) bool { return slices.Contains(b.Endpoints, "POST /refused") })
	if i < 0 || !strings.Contains(strings.Join(r.Blockers[i].Hints, " "), "size") {
		t.Errorf("blockers %+v", r.Blockers)
	}
}

// TestMapping of paths to the upstream's.
func TestMapping(t *testing.T) {
	m, err := ParseMapping("# tasks\nPOST /api/v1/tasks=/plans/tasks\n/api/v1/data/ = /\n/api/v1/=/ # the rest\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"POST", "/api/v1/tasks/", "/plans/tasks"}, {"GET", "/api/v1/tasks", "/tasks"}, {"GET", "/api/v1/data/records/7", "/records/7"}, {"GET", "/health", "/health"},
	} {
		if got := m.Apply(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s -> %s, want %s", c[0], c[1], got, c[2])
		}
	}
	for _, bad := range []string{"/a", "a=/b", "/a/=/b", "GET a=b"} {
		if _, err := ParseMapping(bad); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzContract: whatever a document holds, it is read and planned, or refused.
func FuzzContract(f *testing.F) {
	f.Add([]byte(traps))
	f.Add([]byte(`{"openapi":"3.1.0","info":{},"paths":{"/{a}/{":{"get":{"responses":{}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseContract("api.yaml", data)
		if err != nil {
			return
		}
		if p := NewPlan(c); len(p.Steps) != len(c.Operations) {
			t.Errorf("%d of %d operations are planned", len(p.Steps), len(c.Operations))
		}
	})
}
