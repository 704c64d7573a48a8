package client

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSecretsOfJSON(t *testing.T) {
	r := NewRedactor() // no value is known: only names tell
	for in, want := range map[string]string{
		`{"user":"ann","password":"hunter2"}`:                                    `{"user":"ann","password":"***"}`,
		`{ "api_key" : "k" , "n": 1 }`:                                           `{ "api_key" : "***" , "n": 1 }`,
		`{"a":[{"b":{"client_secret":"x\"y\\"}}],"c":2}`:                         `{"a":[{"b":{"client_secret":"***"}}],"c":2}`,
		`{"token":123456,"id":7}`:                                                `{"token":"***","id":7}`,
		`{"token":null,"secret":true,"id":7}`:                                    `{"token":null,"secret":true,"id":7}`,
		`{"password":"","id":"x"}`:                                               `{"password":"","id":"x"}`,
		`{"credentials":{"login":"ann","pin":-1.5e3,"more":["a","b"]},"id":"x"}`: `{"credentials":{"login":"***","pin":"***","more":["***","***"]},"id":"x"}`,
		`[{"Authorization":"Bearer abc"},{"accessToken":"def"}]`:                 `[{"Authorization":"***"},{"accessToken":"***"}]`,
		`{"pass\u0077ord":"hunter2","n":1}`:                                      `{"pass\u0077ord":"***","n":1}`,
		`{"new_password":"a","db-secret":"b","X-Api-Key":"c"}`:                   `{"new_password":"***","db-secret":"***","X-Api-Key":"***"}`,
		// Cut off, within a value and before it.
		`{"id":1,"password":"hunt`:      `{"id":1,"password":"***`,
		`{"id":1,"password":"hunt\`:     `{"id":1,"password":"***`,
		`{"id":1,"password":`:           `{"id":1,"password":`,
		`{"credentials":["a","b`:        `{"credentials":["***","***`,
		`{"credentials":{"user":"a","x`: `{"credentials":{"user":"***","***`,
		`{"pin":1,"secret":12`:          `{"pin":1,"secret":"***"`,
		// No JSON, or other text around it.
		`it"s {"password":"x"} of "y`:    `it"s {"password":"***"} of "y`,
		`password: hunter2`:              `password: hunter2`,
		`"password":`:                    `"password":`,
		`{"tokens":3,"max_token_n":"x"}`: `{"tokens":3,"max_token_n":"x"}`,
		`{"monkey":"see"}`:               `{"monkey":"see"}`,
		// JSON within a text of JSON.
		`{"log":"sent {\"password\":\"hunter2\",\"n\":1}"}`: `{"log":"sent {\"password\":\"***\",\"n\":1}"}`,
		`{"log":"sent {\"token\":17}"}`:                     `{"log":"sent {\"token\":***}"}`,
		// Forms.
		`user=ann&password=hunter2&n=1`: `user=ann&password=***&n=1`,
		`client_secret=x`:               `client_secret=***`,
		`user%5Bpassword%5D=x&n=1`:      `user%5Bpassword%5D=***&n=1`,
	} {
		got := r.RedactString(in)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
		if json.Valid([]byte(in)) != json.Valid([]byte(got)) {
			t.Errorf("%s was JSON, %s is not", in, got)
		}
		if again := r.RedactString(got); again != got {
			t.Errorf("masked again, %s became %s", got, again)
		}
	}
}

func FuzzSecretsOfJSON(f *testing.F) {
	f.Add(`{"a":[{"password":"x"}],"token":1,"credentials":{"b":["c",1,null]}}`)
	f.Add(`{"log":"{\"password\":\"x\"}"}`)
	r := NewRedactor()
	f.Fuzz(func(t *testing.T, s string) {
		got := r.RedactString(s)
		if strings.ContainsAny(s, "=") { // parameters, of which JSON knows nothing
			return
		}
		if json.Valid([]byte(s)) && !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON as %s", s, got)
		}
	})
}

func BenchmarkRedactJSON(b *testing.B) {
	body := []byte(`{"items":[` + strings.Repeat(`{"id":"0b51","name":"thing","price":12.5,"tags":["a","b"]},`, 70) + `{"password":"x"}]}`)
	r := NewRedactor("a-key-that-is-known")
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r.Redact(body)
	}
}
