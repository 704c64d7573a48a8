package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const recording = `{"log":{"version":"1.2","entries":[
{"startedDateTime":"2026-12-01T10:00:00.000Z","time":50,"request":{"method":"GET","url":"https://shop.example.test/app.css","headers":[]},"response":{"status":200,"content":{"mimeType":"text/css"}}},
{"startedDateTime":"2026-12-01T10:00:00.100Z","time":80,"request":{"method":"POST","url":"https://shop.example.test/login","headers":[{"name":"Content-Type","value":"application/json"},{"name":"Cookie","value":"a=b"}],"postData":{"mimeType":"application/json","text":"{\"user\":\"ann\",\"password\":\"hunter2-canary\"}"}},"response":{"status":200,"content":{"mimeType":"application/json","text":"{\"access_token\":\"canary-1234567890\"}"}}},
{"startedDateTime":"2026-12-01T10:00:02.000Z","time":20,"request":{"method":"POST","url":"https://shop.example.test/orders?dry=no","headers":[{"name":"content-type","value":"application/json"},{"name":"Authorization","value":"Bearer canary-1234567890"},{"name":"X-Tenant","value":"t${1}"}],"postData":{"mimeType":"application/json","text":"{\"sku\":\"a-1\",\"n\":3,\"price\":1.50}"}},"response":{"status":201,"content":{"mimeType":"application/json","text":"{\"data\":{\"id\":\"0b0c5b1e-1111-4222-8333-444455556666\"},\"lines\":[1]}"}}},
{"startedDateTime":"2026-12-01T10:00:03.000Z","time":20,"request":{"method":"GET","url":"https://shop.example.test/orders/0b0c5b1e-1111-4222-8333-444455556666","headers":[]},"response":{"status":200,"content":{"mimeType":"application/json","text":"{\"customer_id\": 4711}"}}},
{"startedDateTime":"2026-12-01T10:00:03.100Z","time":20,"request":{"method":"GET","url":"https://cdn.example.test/x","headers":[]},"response":{"status":200,"content":{"mimeType":"application/json","text":"{}"}}},
{"startedDateTime":"2026-12-01T10:00:03.060Z","time":20,"request":{"method":"GET","url":"https://shop.example.test/customers/4711","headers":[]},"response":{"status":404,"content":{"mimeType":"application/json","text":"{}"}}},
{"startedDateTime":"2026-12-01T10:00:03.200Z","time":20,"request":{"method":"DELETE","url":"https://shop.example.test/orders/0b0c5b1e-1111-4222-8333-444455556666","headers":[]},"response":{"status":204,"content":{}}}
]}}`

// TestDraftHAR: steps in their order with their pauses, ids carried from answers to
// requests, secrets left out, and what was left out said.
func TestDraftHAR(t *testing.T) {
	d, err := DraftHAR("shop.har", []byte(recording))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, d, "har.yaml")
}

func golden(t *testing.T, d *Draft, name string) {
	t.Helper()
	got, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "canary") {
		t.Errorf("a secret stands in the file:\n%s", got)
	}
	path := filepath.Join("testdata", "drafts", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || string(got) != string(want) {
		t.Errorf("%s (%v): got\n%s", path, err, got)
	}
}

func TestDraftCurl(t *testing.T) {
	d, err := DraftCurl([]string{
		`curl -sS -X PUT 'https://api.example.test/orders/1?expand=lines' -H 'Accept: application/json' -H 'X-API-Key: canary-key' -u ann:canary -k -L --json '{"a": [1, true, null, "${x}"]}'`,
		"curl https://api.example.test/form \\\n  -d a=1 -d 'b=x y' --data-urlencode \"c=\u00fc&\" -d token=canary-token",
		`/usr/bin/curl -G https://api.example.test/search -d q=1 -d "q2=a\"b" -Hrange:no -A me`,
		`curl -I https://api.example.test`,
		`curl https://api.example.test/upload -F name=x -F 'photo=@a.jpg' --compressed`,
		`curl -d $'line\nit\'s' -H 'Content-Type: text/plain' https://api.example.test/notes`,
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, d, "curl.yaml")
}

func TestDraftMistakes(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"wget http://a", "does not begin with curl"},
		{"", "does not begin with curl"},
		{"curl", "has no URL"},
		{"curl 'http://a", "a ' has no end"},
		{"curl \"http://a", "a \" has no end"},
		{"curl http://a http://b", "second URL"},
		{"curl http://a | jq", "outside quotes"},
		{"curl --frobnicate http://a", "option --frobnicate"},
		{"curl http://a -H", "-H has no value"},
		{"curl ftp://a/b", "does not speak ftp"},
		{"curl http://", "no URL"},
		{"curl http://a -F x", "want NAME=VALUE"},
		{"curl -X TRACE http://a", "no request that lt can send"},
	} {
		if _, err := DraftCurl([]string{c.line}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.line, err, c.want)
		}
	}
	if _, err := DraftCurl([]string{"curl http://a", "curl http://b", "curl -Z x"}); err == nil || !strings.Contains(err.Error(), "one target") || !strings.Contains(err.Error(), "option -Z") {
		t.Errorf("two mistakes: %v", err)
	}
	for text, want := range map[string]string{
		"":                       "x.har:1: no HAR",
		"{\n}":                   "no request in it",
		"{\n\"log\": [}":         "x.har:2: no HAR",
		`{"log":{"entries":[]}}`: "no request in it",
		`{"log":{"entries":[{"request":{"method":"GET","url":"data:x"}}]}}`:        "no request of an API",
		`{"log":{"entries":[{"request":{"method":"CONNECT","url":"http://a/"}}]}}`: "that lt can send",
	} {
		if _, err := DraftHAR("x.har", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzDraft: whatever curl or a recording says, the draft validates or says why not.
func FuzzDraft(f *testing.F) {
	f.Add("curl -X POST 'http://a/b?c=${d}' -H 'E: $env.F' -d '{\"g\": \"$.h\"}'", recording)
	f.Add("curl http://a/%zz?x=%zz -d @f -F a=b", `{"log":{"entries":[{"request":{"method":"get","url":"http://a/${b}","headers":[{"name":"true","value":"\u0000"}]}}]}}`)
	f.Fuzz(func(t *testing.T, line, har string) {
		try := func(d *Draft, err error) {
			if err == nil {
				_, _ = d.YAML() // it validates what it made
			}
		}
		try(DraftCurl([]string{line}))
		try(DraftHAR("x.har", []byte(har)))
	})
}
