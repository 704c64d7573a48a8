package scenarios

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-42693903/lt/internal/client"
)

// wires are the requests of the first task of persona 0, as user 0 sends them,
// with the variables and the environment given.
func wires(t *testing.T, text string, vars map[string]slot, change func(*CompileOptions)) []string {
	t.Helper()
	script := compiled(t, parsed(t, text), "http://api.test:81/base/", func(o *CompileOptions) {
		o.Env = func(name string) (string, bool) {
			v, ok := map[string]string{"A": `a "quoted" & b`}[name]
			return v, ok
		}
		if change != nil {
			change(o)
		}
	})
	u := script.newSession(script.personas[0], 0, 1)
	for i := range u.slots {
		u.slots[i] = slot{slotText, []byte("é/ \"x\"\n?")}
	}
	var l []string
	for i := range u.persona.tasks[0].steps {
		r := &u.persona.tasks[0].steps[i]
		l = append(l, string(u.prepare(r).Wire))
	}
	return l
}

func head(wire string) []string {
	h, _, _ := strings.Cut(wire, "\r\n\r\n")
	var l []string
	for _, line := range strings.Split(h, "\r\n") {
		if !strings.HasPrefix(line, "User-Agent: ") && !strings.HasPrefix(line, "Host: ") {
			l = append(l, line)
		}
	}
	return l
}

// Every value is written as its place asks, so that none can make another
// request than meant.
func TestEncoding(t *testing.T) {
	got := wires(t, `
personas:
  a:
    start: [{get: /v, save: {v: $.v}}]
    tasks:
      - steps:
          - post: "/ö/${v}?a=${v}&b=1"
            query: {"c d": "${v}", e: "${env.A}"}
            headers: {X-V: "v ${v}"}
            json: {text: "<${v}>", alone: "${v}", env: $env.A, "k\"": null, list: [1, 0x10, 1.50, true, yes, 2020-01-01, "$${v}"]}
          - {put: /raw, body: "raw ${v}"}
          - {get: /fixed}
`, nil, nil)
	if diff := cmp.Diff([]string{
		"POST /base/%C3%B6/%C3%A9%2F%20%22x%22%0A%3F?a=%C3%A9%2F+%22x%22%0A%3F&b=1&c+d=%C3%A9%2F+%22x%22%0A%3F&e=a+%22quoted%22+%26+b HTTP/1.1",
		`X-V: v é/ "x" ?`, "Content-Type: application/json", "Content-Length: 134",
	}, head(got[0])); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
	_, body, _ := strings.Cut(got[0], "\r\n\r\n")
	want := `{"text":"<é/ \"x\"\n?>","alone":"é/ \"x\"\n?","env":"a \"quoted\" & b","k\"":null,"list":[1,16,1.50,true,"yes","2020-01-01","${v}"]}`
	if body != want {
		t.Errorf("body\n%s\nwant\n%s", body, want)
	}
	if !strings.HasSuffix(got[1], "\r\n\r\nraw é/ \"x\"\n?") {
		t.Errorf("raw body: %q", got[1])
	}
	if diff := cmp.Diff([]string{"GET /base/fixed HTTP/1.1"}, head(got[2])); diff != "" {
		t.Errorf("fixed (-want +got):\n%s", diff)
	}
}

func TestValues(t *testing.T) {
	got := wires(t, `
personas:
  a:
    tasks:
      - post: /
        json:
          pick: ${pick("a", 2, true)}
          picked: <${pick("a\"")}>
          int: ${int(-3, 3)}
          one: ${int(7, 7)}
          wide: ${int(-9223372036854775807, 9223372036854775807)}
          float: ${float(0.5, 1)}
          uuid: ${uuid}
          user: ${user}
          count: ${counter}
          again: n${counter}
          now: ${now}
          unix: ${now.unix}
          ms: ${now.unix_ms}
          word: ${fake.word}
          default: ${env.MISSING ?? "x"}
          number: ${env.MISSING ?? 5}
          text: ${env.A}
`, nil, nil)[0]
	_, body, _ := strings.Cut(got, "\r\n\r\n")
	want := regexp.MustCompile(`^\{"pick":("a"|2|true),"picked":"<a\\">","int":-?[0-3],"one":7,"wide":-?\d{10,19},"float":0\.[5-9]\d{3},` +
		`"uuid":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}","user":0,"count":\d,"again":"n\d",` +
		`"now":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","unix":\d{10},"ms":\d{13},"word":"[^"]+","default":"x","number":5,"text":"a \\"quoted\\" & b"\}$`)
	if !want.MatchString(body) {
		t.Errorf("body %s", body)
	}
}

func TestAuth(t *testing.T) {
	const key = "k-123456"
	for _, c := range []struct{ auth, key, want string }{
		{"", "", ""},
		{"", key, "X-API-Key: k-123456"},
		{"auth: bearer", "", ""},
		{"auth: bearer", key, "Authorization: Bearer k-123456"},
		{"auth: {bearer: $env.A}", "", `Authorization: Bearer a "quoted" & b`},
		{"auth: {bearer: $env.A}", key, "Authorization: Bearer k-123456"},
		{"auth: {api_key: own}", "", "X-API-Key: own"},
		{"auth: {header: X-Token}", key, "X-Token: k-123456"},
		{"auth: {header: {X-Token: $env.A}}", "", `X-Token: a "quoted" & b`},
		{"auth: {header: {X-Token: $env.A}}", key, "X-Token: k-123456"},
		{"auth: {basic: {user: me, password: pw}}", "", "Authorization: Basic bWU6cHc="},
		{"auth: {basic: {user: me}}", "", "Authorization: Basic bWU6"},
		{"auth: basic", "me:pw", "Authorization: Basic bWU6cHc="},
		{"headers: {x-api-key: other}", key, "x-api-key: other"},
	} {
		got := head(wires(t, c.auth+"\npersonas: {a: {tasks: [{get: /}]}}", nil, func(o *CompileOptions) { o.Key = c.key })[0])
		want := []string{"GET /base/ HTTP/1.1"}
		if c.want != "" {
			want = append(want, c.want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, key %q (-want +got):\n%s", c.auth, c.key, diff)
		}
	}
}

// A step's header stands before the persona's, that before the scenario's, and
// the run's before all; a header waits until its variable is there.
func TestHeaders(t *testing.T) {
	s := parsed(t, `
headers: {X-A: scenario, X-B: scenario, X-C: scenario, X-D: scenario}
personas:
  a:
    headers: {X-B: persona, X-C: persona, X-Session: "${token}"}
    start: [{post: /login, headers: {X-C: step}, save: {token: $.t}}]
    tasks: [{get: /}]
`)
	script := compiled(t, s, "http://127.0.0.1:1", func(o *CompileOptions) {
		o.Headers = []client.Header{{Name: "x-d", Value: "run"}, {Name: "Host", Value: "other.test"}}
	})
	u := script.newSession(script.personas[0], 0, 1)
	u.slots[0] = slot{slotText, []byte("t1")}
	if diff := cmp.Diff([]string{
		"POST /login HTTP/1.1", "x-d: run", "X-C: step", "X-B: persona", "X-A: scenario", "Content-Length: 0",
	}, head(string(u.prepare(&u.persona.start[0]).Wire))); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	wire := string(u.prepare(&u.persona.tasks[0].steps[0]).Wire)
	if diff := cmp.Diff([]string{
		"GET / HTTP/1.1", "x-d: run", "X-B: persona", "X-C: persona", "X-Session: t1", "X-A: scenario",
	}, head(wire)); diff != "" {
		t.Errorf("task (-want +got):\n%s", diff)
	}
	if !strings.Contains(wire, "Host: other.test\r\n") {
		t.Errorf("host: %q", wire)
	}
}

func TestCompileMistakes(t *testing.T) {
	s := parsed(t, "auth: {bearer: $env.TOKEN}\npersonas: {a: {tasks: [{get: '/${env.WHERE}', headers: {X-A: $env.B}}]}}")
	_, err := compile(s, "http://127.0.0.1:1", func(o *CompileOptions) {
		o.Headers = []client.Header{{Name: "Content-Length", Value: "5"}}
	})
	var ms Mistakes
	if !errors.As(err, &ms) || len(ms) != 4 {
		t.Fatalf("Compile = %v", err)
	}
	want := "test.yaml:1:16: the environment has no TOKEN: set it, or give another value with ${env.TOKEN ?? \"value\"}"
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	const key = "secret-\r\nX: y"
	_, err = compile(s, "http://127.0.0.1:1", func(o *CompileOptions) { o.Key = key })
	if err == nil || strings.Contains(err.Error(), "secret-") {
		t.Errorf("a key with a line break: %v", err)
	}
	if got := s.Env(); !cmp.Equal(got, []string{"B", "TOKEN", "WHERE"}) {
		t.Errorf("Env = %v", got)
	}
}

func TestSecrets(t *testing.T) {
	s := parsed(t, `
auth: {basic: {user: me, password: pass-word}}
headers: {Authorization: "Bearer tok-1"}
personas: {a: {headers: {Cookie: c=1}, tasks: [{get: /, headers: {X-Api-Key: $env.A, X-B: open}}]}}
`)
	got := s.Secrets(func(string) (string, bool) { return "from-env", true })
	if diff := cmp.Diff([]string{"from-env", "me", "pass-word", "tok-1", "c=1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFromURL(t *testing.T) {
	g := newGateway(t)
	s, err := FromURL(g.URL+"/health/live?x=${y}&z=%20", "", []client.Header{{Name: "X-A", Value: "${b}"}}, []byte("${body}"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Target != g.URL || !strings.HasPrefix(s.Name, "url-127.0.0.1") {
		t.Errorf("target %s, name %s", s.Target, s.Name)
	}
	script := compiled(t, s, g.URL+"/ignored", nil)
	rs, rec := recorder(script)
	u := script.NewUser(0, 1)
	defer u.Close()
	if think := u.Iterate(context.Background(), 0, rec); think != 0 {
		t.Errorf("think time %v", think)
	}
	if diff := cmp.Diff([]string{"POST /health/live?x=${y}&z=%20 ${body}"}, g.taken()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"POST /health/live ok": 1}, outcomes(rs)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for raw, want := range map[string]string{
		"ftp://a/": "lt speaks http and https", "http://": "names no host", "http://u:p@a/": "user or password", "::": "is no URL",
	} {
		if _, err := FromURL(raw, "", nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("FromURL(%q) = %v", raw, err)
		}
	}
	if _, err := FromURL("http://a/", "GE T", nil, nil); err == nil {
		t.Error("a method with a space was taken")
	}
}
