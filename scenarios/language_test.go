package scenarios

import (
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/metric"
)

// A bench runs iterations of a scenario against a handler, and keeps what came.
type bench struct {
	t        *testing.T
	server   *httptest.Server
	mu       sync.Mutex
	requests []string // "POST /x?y body"
	script   *Script
	rs       *metric.Recorders
	rec      *metric.Recorder
}

func newBench(t *testing.T, text string, files map[string]string, handler http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{t: t}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.requests = append(b.requests, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		b.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		handler(w, r)
	}))
	t.Cleanup(b.server.Close)
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "test.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b.script = compiled(t, s, b.server.URL, func(o *CompileOptions) {
		o.Env = func(name string) (string, bool) { return "env-" + name, name != "NONE" }
	})
	b.rs, b.rec = recorder(b.script)
	return b
}

// run is n iterations of user 0, and what came and became of them.
func (b *bench) run(n int) (requests []string, classes map[string]int64) {
	u := b.script.NewUser(0, 1)
	defer u.Close()
	for range n {
		u.Iterate(context.Background(), b.script.clock.Now(), b.rec)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	requests, b.requests = b.requests, nil
	return requests, outcomes(b.rs)
}

func (b *bench) want(n int, requests []string, classes map[string]int64) {
	b.t.Helper()
	got, became := b.run(n)
	if diff := cmp.Diff(requests, got); diff != "" {
		b.t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(classes, became); diff != "" {
		b.t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func reply(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }
}

func TestBodies(t *testing.T) {
	var kinds []string
	b := newBench(t, `
personas:
  a:
    tasks:
      - name: all
        steps:
          - {post: /form, form: {a b: "${user} & c", d: "${env.X}"}}
          - {post: /raw, body: "x${counter}", headers: {Content-Type: text/plain}}
          - {put: /file, body: {file: order.xml}}
          - {post: /parts, multipart: {title: "t ${counter}", doc: {file: order.xml, filename: "a\"b.xml"}}}
          - {post: /list, json: {some: ["${repeat(2, 2)}", "${counter}"], none: ["${repeat(0, 0)}", x], more: [1, "${repeat(1, 1)}", {a: "${uuid}"}, 2]}}
`, map[string]string{"order.xml": "<order/>"}, func(w http.ResponseWriter, r *http.Request) {
		kind := r.Header.Get("Content-Type")
		if strings.HasPrefix(kind, "multipart/") {
			if err := r.ParseMultipartForm(1 << 20); err != nil {
				t.Error(err)
			} else if f, h, err := r.FormFile("doc"); err != nil {
				t.Error(err)
			} else {
				data, _ := io.ReadAll(f)
				kind = fmt.Sprintf("multipart %s %q %s %s", r.FormValue("title"), strings.ReplaceAll(h.Filename, "%22", `"`), h.Header.Get("Content-Type"), data)
			}
		}
		kinds = append(kinds, kind)
	})
	requests, classes := b.run(1)
	if len(requests) != 5 || classes["POST /list ok"] != 1 {
		t.Fatalf("%q %v", requests, classes)
	}
	for i, want := range map[int]string{
		0: "POST /form a+b=0+%26+c&d=env-X", 1: "POST /raw x1", 2: "PUT /file <order/>",
	} {
		if requests[i] != want {
			t.Errorf("%q, want %q", requests[i], want)
		}
	}
	list := strings.TrimPrefix(requests[4], "POST /list ")
	var doc map[string][]any
	if err := json.Unmarshal([]byte(list), &doc); err != nil || len(doc["some"]) != 2 || len(doc["none"]) != 0 || len(doc["more"]) != 3 {
		t.Errorf("%s: %v", list, err)
	}
	want := []string{"application/x-www-form-urlencoded", "text/plain", "text/xml; charset=utf-8", `multipart t 2 "a\"b.xml" text/xml; charset=utf-8 <order/>`, "application/json"}
	if kinds[2] == "application/xml" { // the system's table of types decides
		want[2], want[3] = "application/xml", `multipart t 2 "a\"b.xml" application/xml <order/>`
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

func TestExpressions(t *testing.T) {
	b := newBench(t, `
feeds: {rows: rows.csv}
personas:
  a:
    tasks:
      - name: all
        steps:
          - {get: /first, save: {n: $.n, order: $.order, none: $.order.id}}
          - {post: "/x/${order.id + 1}", json: {sum: "${n * 2 + user}", up: "${upper(feed.rows.name)}!", qty: "${number(feed.rows.qty) + 1}", deep: "${order}", cond: "${n > 1 ? 'many' : 'one'}", sha: "${sha256('a')}", b: "${base64(env.U + ':' + env.P)}"}}
          - {get: /never, when: n > 5}
          - {get: /once, when: "n > 1 and env.X == 'env-X'", set: {m: "${n + 1}", text: "m${n}", copy: "${order}"}}
          - {get: "/set/${m + 1}/${text}/${copy.id}"}
          - {post: /sign, json: {a: "${none}"}, headers: {X-Sig: "${hmac(env.KEY, request.method + request.path + request.body)}"}}
          - {get: "/jwt/${jwt({'sub': 'me'}, 'k')}"}
          - {get: /null, save: {nothing: $.maybe}}
          - {get: "/${nothing}"}
`, map[string]string{"rows.csv": "name,qty\nbolt,3\nnut,4\n"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sign" {
			m := hmac.New(sha256.New, []byte("env-KEY"))
			m.Write([]byte(`POST/sign{"a":7}`))
			if want := hex.EncodeToString(m.Sum(nil)); want != r.Header.Get("X-Sig") {
				t.Errorf("signature %s, want %s", r.Header.Get("X-Sig"), want)
			}
		}
		io.WriteString(w, `{"n": 2, "order": {"id": 7}}`)
	})
	b.want(1, []string{
		"GET /first",
		`POST /x/8 {"sum":4,"up":"BOLT!","qty":4,"deep":{"id": 7},"cond":"many","sha":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb","b":"ZW52LVU6ZW52LVA="}`,
		"GET /once", "GET /set/4/m2/7", `POST /sign {"a":7}`,
		"GET /jwt/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJtZSJ9.Uo5-5eDMC_S0GhDXj34XXDmfujkklKXLMI2dAvB6fqk", "GET /null",
	}, map[string]int64{
		"GET /first ok": 1, "POST /x/{order} ok": 1, "GET /once ok": 1, "GET /set/{m}/{text}/{copy} ok": 1, "POST /sign ok": 1,
		"GET /jwt/{expression} ok": 1, "GET /null extract": 1,
	})
}

// A value that is not there costs the step, which says so, and no request.
func TestUnmade(t *testing.T) {
	b := newBench(t, `
personas: {a: {tasks: [{steps: [{get: /a, save: {n: $.n}}, {get: "/b/${n.x.y}"}]}]}}
`, nil, reply(`{"n": 1}`))
	b.want(1, []string{"GET /a"}, map[string]int64{"GET /a ok": 1, "GET /b/{n} extract": 1})
}

func TestFeeds(t *testing.T) {
	text := func(order string) string {
		return "feeds: {r: {file: r.jsonl, order: " + order + "}}\npersonas: {a: {tasks: [{steps: [{get: '/${feed.r.id}'}, {post: /, json: {i: '${feed.r.id}', t: '${feed.r.t}'}}]}]}}"
	}
	files := map[string]string{"r.jsonl": `{"id": 1, "t": "a"}` + "\n\n" + `{"t": "b", "id": 2}` + "\n" + `{"id": 3, "t": "c"}`}
	for order, want := range map[string]string{
		"sequential": "/1 /2 /3 /1", "unique": "/1 /1 /1 /1", "random": "",
	} {
		b := newBench(t, text(order), files, reply("{}"))
		requests, _ := b.run(4)
		var got []string
		for i := 0; i < len(requests); i += 2 {
			path := strings.TrimPrefix(requests[i], "GET ")
			got = append(got, path)
			if !strings.HasPrefix(requests[i+1], `POST / {"i":`+path[1:]+`,"t":"`) {
				t.Errorf("another row within an iteration: %q", requests[i:i+2])
			}
		}
		if all := strings.Join(got, " "); want != "" && all != want {
			t.Errorf("%s: %s, want %s", order, all, want)
		}
	}
	b := newBench(t, text("sequential"), files, reply("{}"))
	u := b.script.NewUser(1, 1)
	defer u.Close()
	u.Iterate(context.Background(), 0, b.rec)
	if b.requests[0] != "GET /2" {
		t.Errorf("user 1 begins with %s", b.requests[0])
	}
}

func TestFeedMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(outside, []byte("a\n1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.csv")); err != nil {
		t.Skip(err)
	}
	write("short.csv", "a,b\n1,2\n3\n")
	write("empty.csv", "a\n")
	write("names.csv", "a b,c\n1,2\n")
	write("twice.csv", "a,a\n1,2\n")
	write("good.csv", "a\n1\n")
	write("bad.jsonl", "{\"a\": 1}\n[]\n")
	write("other.jsonl", "{\"a\": 1}\n{\"b\": 1}\n")
	for file, want := range map[string]string{
		"link.csv":    "scenario.yaml:1:12: the file `link.csv` cannot be opened: links may not lead out of the scenario's folder",
		"god.csv":     "scenario.yaml:1:12: the file `god.csv` is not in the scenario's folder, did you mean `good.csv`?",
		"short.csv":   "short.csv:3:1: the row has 1 fields; the first line names 2",
		"empty.csv":   "empty.csv:1:1: the feed has no rows: the first line names the columns, each line after it is a row",
		"names.csv":   "names.csv:1:1: the first line names the columns, and `a b` is no name: use letters, digits and _",
		"twice.csv":   "twice.csv:1:1: two columns are called `a`",
		"bad.jsonl":   "bad.jsonl:2:1: each line is a JSON object, and this is none",
		"other.jsonl": "other.jsonl:2:1: the row has other names than the first: those are a",
		"good.csv":    "scenario.yaml:2:32: the feed `r` has no column `missing`; good.csv has a",
	} {
		write("scenario.yaml", "feeds: {r: "+file+"}\npersonas: {a: {tasks: [{get: '/${feed.r.missing}'}]}}")
		_, err := Load(filepath.Join(dir, "scenario.yaml"))
		if got := strings.ReplaceAll(fmt.Sprint(err), dir+string(filepath.Separator), ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", file, got, want)
		}
	}
	write("scenario.yaml", "feeds: {r: {file: good.csv, order: unique}}\npersonas: {a: {tasks: [{get: '/${feed.r.a}'}]}}")
	s, err := Load(filepath.Join(dir, "scenario.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = compile(s, "http://127.0.0.1:1", func(o *CompileOptions) { o.Users = 2 })
	if err == nil || !strings.Contains(err.Error(), "the feed `r` has 1 rows, one for each user, and there are up to 2 users") {
		t.Errorf("two users of one row: %v", err)
	}
}

func TestPoll(t *testing.T) {
	n := 0
	handler := func(w http.ResponseWriter, r *http.Request) {
		n++
		fmt.Fprintf(w, `{"state": "%s", "n": %d}`, map[bool]string{true: "done", false: "busy"}[n%3 == 0], n)
	}
	text := `
personas: {a: {tasks: [{name: wait, steps: [{get: /job, poll: {until: "$.state == 'done'", every: 1ms, limit: %s}, save: {n: $.n}}, {get: "/after/${n}"}]}]}}
`
	b := newBench(t, fmt.Sprintf(text, "3"), nil, handler)
	b.want(1, []string{"GET /job", "GET /job", "GET /job", "GET /after/3"}, map[string]int64{"GET /job ok": 3, "GET /after/{n} ok": 1})
	n = 0
	b = newBench(t, fmt.Sprintf(text, "2"), nil, handler)
	b.want(1, []string{"GET /job", "GET /job"}, map[string]int64{"GET /job ok": 1, "GET /job check": 1})
	n = -1 << 40
	b = newBench(t, strings.Replace(fmt.Sprintf(text, "20ms"), "done", "never", 1), nil, handler)
	if got, classes := b.run(1); len(got) < 2 || classes["GET /job check"] != 1 {
		t.Errorf("%d requests, %v", len(got), classes)
	}
	for _, e := range b.rs.Take().Exemplars {
		t.Log(e.Message)
	}
}

func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("X-Own") != "" {
			t.Errorf("credentials went to another origin: %v", r.Header)
		}
		if r.Header.Get("X-Open") != "yes" {
			t.Errorf("header X-Open did not: %v", r.Header)
		}
		io.WriteString(w, "other")
	}))
	defer other.Close()
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/start":
			http.SetCookie(w, &http.Cookie{Name: "c", Value: "1", Path: "/"})
			w.Header().Set("Location", "end?x=1")
			w.WriteHeader(302)
		case "/keep":
			w.Header().Set("Location", "/end")
			w.WriteHeader(307)
		case "/loop":
			w.Header().Set("Location", "/loop")
			w.WriteHeader(302)
		case "/away":
			w.Header().Set("Location", other.URL+"/x")
			w.WriteHeader(302)
		case "/end":
			if r.Header.Get("Authorization") != "Bearer tok" {
				t.Error("no credential on the same origin")
			}
			io.WriteString(w, "end")
		}
	}
	auth := "auth: {bearer: tok}\nallow_targets: [127.0.0.1]\nheaders: {X-Own: $env.X, X-Open: 'yes'}\n"
	b := newBench(t, auth+"personas: {a: {tasks: [{post: /start, json: {}, redirect: same-origin, check: \"body == 'end'\"}]}}", nil, handler)
	b.want(1, []string{"POST /start {}", "GET /end?x=1"}, map[string]int64{"POST /start ok": 1, "POST /start (redirected) ok": 1})
	b = newBench(t, auth+"personas: {a: {tasks: [{post: /keep, json: {}, redirect: same-origin}]}}", nil, handler)
	b.want(1, []string{"POST /keep {}", "POST /end {}"}, map[string]int64{"POST /keep ok": 1, "POST /keep (redirected) ok": 1})
	b = newBench(t, auth+"redirect: follow 2\npersonas: {a: {tasks: [{get: /loop}]}}", nil, handler)
	b.want(1, []string{"GET /loop", "GET /loop", "GET /loop"}, map[string]int64{"GET /loop ok": 1, "GET /loop (redirected) ok": 1, "GET /loop (redirected) status_302": 1})
	b = newBench(t, auth+"redirect: same-origin\npersonas: {a: {tasks: [{get: /away}]}}", nil, handler)
	b.want(1, []string{"GET /away"}, map[string]int64{"GET /away status_302": 1})
	b = newBench(t, auth+"redirect: follow 5\npersonas: {a: {tasks: [{get: /away}]}}", nil, handler)
	b.want(1, []string{"GET /away"}, map[string]int64{"GET /away ok": 1, "GET /away (redirected) ok": 1})
	b = newBench(t, strings.Replace(auth, "127.0.0.1", "api.example.test", 1)+"redirect: follow 5\npersonas: {a: {tasks: [{get: /away}]}}", nil, handler)
	b.want(1, []string{"GET /away"}, map[string]int64{"GET /away status_302": 1})
	b = newBench(t, auth+"personas: {a: {tasks: [{get: /away, expect: 302, check: 'header(\"Location\") startsWith \"http\"'}]}}", nil, handler)
	b.want(1, []string{"GET /away"}, map[string]int64{"GET /away ok": 1})
}

func TestCookies(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "a b", Path: "/"})
			http.SetCookie(w, &http.Cookie{Name: "deep", Value: "1", Path: "/deep"})
			return
		}
		io.WriteString(w, r.Header.Get("Cookie"))
	}
	steps := "personas: {a: {tasks: [{steps: [{get: /none, check: \"body == ''\"}, {get: /set}, {get: /x, check: \"body == want\"}, {get: '/deep/${1 + 1}', check: \"body startsWith want\"}]}], start: [{get: /s, set: {want: '%s'}}]}}"
	b := newBench(t, fmt.Sprintf(steps, `sid="a b"`), nil, handler)
	if _, classes := b.run(1); classes["GET /x ok"] != 1 || classes["GET /none ok"] != 1 {
		t.Errorf("%v %v", classes, b.rs.Take().Exemplars)
	}
	b = newBench(t, "cookies: false\n"+fmt.Sprintf(steps, ""), nil, handler)
	if _, classes := b.run(1); classes["GET /x ok"] != 1 {
		t.Errorf("%v", classes)
	}
}

func TestCompressed(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "" {
			io.WriteString(w, `{"plain": true}`)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		if r.URL.Path == "/bomb" {
			for range 20 {
				z.Write(make([]byte, 1<<20))
			}
		}
		io.WriteString(z, `{"packed": true}`)
		z.Close()
	}
	b := newBench(t, "personas: {a: {tasks: [{steps: [{get: /, check: $.plain}, {get: /z, compressed: true, check: $.packed}, {get: /bomb, compressed: true}]}]}}", nil, handler)
	b.want(1, []string{"GET /", "GET /z", "GET /bomb"}, map[string]int64{"GET / ok": 1, "GET /z ok": 1, "GET /bomb too_large": 1})
}

func TestSetup(t *testing.T) {
	b := newBench(t, `
setup:
  - {post: /made, json: {}, save: {made: $.id}}
personas: {a: {tasks: [{get: "/${made}/x", save: {made: $.id}}, {get: "/${made}/x"}]}}
teardown:
  - {delete: "/never/${gone}", when: 1 == 2, set: {gone: x}}
  - {get: /fails, expect: 404}
  - {delete: "/${made}"}
`, nil, reply(`{"id": "id1"}`))
	e := b.script.Setup(context.Background())
	if e.Requests != 1 || e.Created != 1 || e.Failure != nil {
		t.Errorf("setup %+v", e)
	}
	b.want(1, []string{"POST /made {}", "GET /id1/x"}, map[string]int64{"GET /{made}/x ok": 1})
	e = b.script.Teardown(context.Background())
	if e.Requests != 2 || e.Deleted != 1 || e.Failed != 1 || e.Failure == nil || !strings.Contains(e.Failure.Message, "200 OK") {
		t.Errorf("teardown %+v %+v", e, e.Failure)
	}
	if n := len(b.script.Rows()); n != 2 {
		t.Errorf("%d rows", n)
	}
	// What setup did not make, teardown does not touch.
	b = newBench(t, "setup: [{post: /fails, expect: 201, save: {made: $.id}}]\npersonas: {a: {tasks: [{get: '/${made}'}]}}\nteardown: [{delete: '/${made}'}]", nil, reply("{}"))
	if e := b.script.Setup(context.Background()); e.Failed != 1 || e.Failure.Step != "setup" {
		t.Errorf("setup %+v", e)
	}
	if e := b.script.Teardown(context.Background()); e.Requests != 0 {
		t.Errorf("teardown %+v", e)
	}
}

// A login is done once, again before the token expires, and once after a token
// was refused; never more often.
func TestLogin(t *testing.T) {
	logins, refuse := 0, false
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			logins++
			fmt.Fprintf(w, `{"access_token": "tok-%06d", "expires_in": 3600}`, logins)
			return
		}
		if refuse || r.Header.Get("Authorization") != fmt.Sprintf("Bearer tok-%06d", logins) {
			w.WriteHeader(401)
			io.WriteString(w, "token "+r.Header.Get("Authorization"))
		}
	}
	b := newBench(t, `
auth: {login: {post: /login, json: {user: $env.U, password: "pass-literal"}, token: $.access_token, refresh_before: 60s, share: run}}
personas: {a: {tasks: [{get: /x}]}}
`, nil, handler)
	b.want(3, []string{`POST /login {"user":"env-U","password":"pass-literal"}`, "GET /x", "GET /x", "GET /x"}, map[string]int64{"POST /login ok": 1, "GET /x ok": 3})
	// Another user shares it.
	b.want(1, []string{"GET /x"}, map[string]int64{"GET /x ok": 1})
	k := b.script.login.shared
	old := *k.now.Load()
	// Nearly over: one more login.
	old.refresh = 1
	k.now.Store(&old)
	b.want(2, []string{`POST /login {"user":"env-U","password":"pass-literal"}`, "GET /x", "GET /x"}, map[string]int64{"POST /login ok": 1, "GET /x ok": 2})
	// A young token that is refused leads to no login, an old one to one.
	refuse = true
	_, classes := b.run(5)
	if diff := cmp.Diff(map[string]int64{"GET /x status_401": 5}, classes); diff != "" {
		t.Error(diff)
	}
	old = *k.now.Load()
	old.got -= time.Hour
	k.now.Store(&old)
	_, classes = b.run(20)
	if diff := cmp.Diff(map[string]int64{"GET /x status_401": 20, "POST /login ok": 1}, classes); diff != "" {
		t.Error(diff)
	}
}

// However many users need a token, one login at a time gets it.
func TestLoginTogether(t *testing.T) {
	var mu sync.Mutex
	logins := 0
	b := newBench(t, `
auth: {login: {post: /login, form: {user: a}, token: header.X-Token, expires: 1h, share: run, header: X-Auth}}
personas: {a: {tasks: [{get: /x}]}}
`, nil, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/login" {
			logins++
			w.Header().Set("X-Token", "t0123456")
		} else if r.Header.Get("X-Auth") != "t0123456" {
			w.WriteHeader(401)
		}
	})
	var wg sync.WaitGroup
	for id := range 50 {
		wg.Go(func() {
			u := b.script.NewUser(id, 1)
			defer u.Close()
			for range 3 {
				u.Iterate(context.Background(), b.script.clock.Now(), b.rec)
			}
		})
	}
	wg.Wait()
	if got := outcomes(b.rs); logins != 1 || got["GET /x ok"] != 150 {
		t.Errorf("%d logins, %v", logins, got)
	}
}

func TestLoginFails(t *testing.T) {
	b := newBench(t, `
auth: {login: {post: /login, json: {password: "hunter2-literal"}, token: $.token}}
personas: {a: {tasks: [{get: /x}]}}
`, nil, reply(`{"tokn": "canary-token"}`))
	u := b.script.NewUser(0, 1)
	defer u.Close()
	u.Iterate(context.Background(), b.script.clock.Now(), b.rec)
	e := b.rs.Take().Exemplars[0]
	if e.Class != "extract" || e.Message != "no token in the answer to the login: nothing at $.token: the answer has tokn" {
		t.Errorf("%+v", e)
	}
	if s := fmt.Sprintf("%+v", e); strings.Contains(s, "canary-token") || strings.Contains(s, "hunter2") {
		t.Errorf("a secret in %s", s)
	}
	// The next tries wait: no storm.
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	u.Iterate(ctx, b.script.clock.Now(), b.rec)
	if len(b.requests) != 1 {
		t.Errorf("%d logins", len(b.requests))
	}
}

func TestLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{"60": time.Minute, "0.5": 500 * time.Millisecond, "x": 0, "-1": 0, "": 0} {
		if got := lifetime(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	hour := time.Now().Add(time.Hour)
	for _, text := range []string{fmt.Sprint(hour.Unix()), fmt.Sprint(hour.UnixMilli()), hour.Format(time.RFC3339)} {
		if got := lifetime(text); got < 59*time.Minute || got > 61*time.Minute {
			t.Errorf("%s is %v", text, got)
		}
	}
}

// Each request carries a trace of its own, the same for the same seed, and bodies
// are the same without.
func TestTrace(t *testing.T) {
	var traces []string
	b := newBench(t, "personas: {a: {tasks: [{steps: [{get: /x}, {post: /y, json: {a: '${uuid}'}}]}]}}", nil, func(w http.ResponseWriter, r *http.Request) {
		traces = append(traces, r.Header.Get("Traceparent"))
		w.WriteHeader(500)
		_ = r
	})
	plain, _ := b.run(2)
	u, _ := url.Parse(b.server.URL)
	s, err := Parse("t.yaml", []byte("personas: {a: {tasks: [{steps: [{get: /x, expect: 500}, {post: /y, json: {a: '${uuid}'}}]}]}}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = u
	b.script = compiled(t, s, b.server.URL, func(o *CompileOptions) { o.Trace = true })
	b.rs, b.rec = recorder(b.script)
	traces = nil
	u1 := b.script.NewUser(0, 1)
	for range 2 {
		u1.Iterate(context.Background(), b.script.clock.Now(), b.rec)
	}
	u1.Close()
	_ = plain
	seen := map[string]bool{}
	for _, tr := range traces {
		if len(tr) != 55 || !strings.HasPrefix(tr, "00-") || !strings.HasSuffix(tr, "-01") || seen[tr[3:35]] {
			t.Errorf("traceparent %q", tr)
		}
		seen[tr[3:35]] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d traces", len(seen))
	}
	found := false
	for _, e := range b.rs.Take().Exemplars {
		found = found || seen[e.TraceID]
	}
	if !found {
		t.Error("no exemplar has the trace of its request")
	}
	first := strings.Join(traces, " ")
	traces = nil
	u2 := b.script.NewUser(0, 1)
	defer u2.Close()
	for range 2 {
		u2.Iterate(context.Background(), b.script.clock.Now(), b.rec)
	}
	if strings.Join(traces, " ") != first {
		t.Error("the same seed made other traces")
	}
}
