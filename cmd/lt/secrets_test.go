package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/report"
)

// forms are the texts in which a secret may come back.
func forms(s string) map[string]string {
	inJSON, _ := json.Marshal(s)
	return map[string]string{
		"raw": s, "query": url.QueryEscape(s), "path": url.PathEscape(s), "json": strings.Trim(string(inJSON), `"`),
		"base64": base64.StdEncoding.EncodeToString([]byte(s)), "base64url": base64.RawURLEncoding.EncodeToString([]byte(s)),
		"basic": base64.StdEncoding.EncodeToString([]byte("user:" + s)), "hex": hex.EncodeToString([]byte(s)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(s))),
	}
}

// TestSecretsStandNowhere: a target that gives every secret back, in every form
// and place, gets none of them into a file or onto a line.
func TestSecretsStandNowhere(t *testing.T) {
	secrets := map[string]string{
		"key": `cAnary/0f3b+9a7d"5c1e&Zz`, "query": "qCanary-77aa=?/bb 12", "header": "hCanary.e1f2'a3b4", "env": "eCanary~61c8<d9>e0",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, s := range secrets {
			for form, text := range forms(s) {
				w.Header().Set("X-Echo-"+name+"-"+form, text)
			}
		}
		if r.URL.Path == "/json" {
			w.WriteHeader(418)
			json.NewEncoder(w).Encode(map[string]any{"detail": fmt.Sprint("you sent ", secrets), "echo": secrets})
			return
		}
		w.WriteHeader(500)
		for _, s := range secrets {
			for form, text := range forms(s) {
				fmt.Fprintf(w, "%s %s\n", form, text)
			}
		}
		r.Header.Write(w)
		io.WriteString(w, r.URL.String())
		io.Copy(w, r.Body)
	}))
	t.Cleanup(server.Close)
	scenario := `
load: {users: 2, spawn_rate: 100, duration: 1s, warmup: 0s}
headers: {X-Token: "$env.MY_SECRET", X-Q: "$env.MY_QUERY"}
personas:
  one:
    tasks:
      - {name: a, steps: [{post: "/json?token=fixedCanary99&x=1", json: {password: $env.MY_SECRET, key: "${uuid}"}}]}
      - {name: b, steps: [{get: "/text?sig=sigCanary0815", name: "/text"}]}
`
	for name, args := range map[string][]string{
		"url":      {"run", server.URL + "/json?a=1&api_key=" + url.QueryEscape(secrets["query"]), "-u", "2", "-d", "1s", "-X", "POST", "-H", "X-Token: " + secrets["env"], "--body", "password=bodyCanary42&x=1"},
		"scenario": {"run", "mine.yaml", "--target", server.URL, "-v"},
		"bad":      {"run", server.URL + "/?api_key=" + url.QueryEscape(secrets["query"]), "--target", "http://x/?token=" + url.QueryEscape(secrets["header"]), "--users", "none"},
		"refused":  {"run", "http://127.0.0.1:1/?api_key=" + url.QueryEscape(secrets["query"])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := lt(t, append(args, "-H", "Authorization: Bearer "+secrets["header"], "--label", "oops="+secrets["key"])...)
			cmd.Env = append(cmd.Env, "LT_API_KEY="+secrets["key"], "MY_SECRET="+secrets["env"], "MY_QUERY="+secrets["query"], "GITHUB_STEP_SUMMARY="+filepath.Join(cmd.Dir, "step.md"))
			if err := os.WriteFile(filepath.Join(cmd.Dir, "mine.yaml"), []byte(scenario), 0o644); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err == nil {
				t.Error("the run passed")
			}
			texts := map[string][]byte{"stdout": out.Bytes(), "stderr": errs.Bytes()}
			runs := 0
			err := filepath.WalkDir(cmd.Dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() || d.Name() == "mine.yaml" {
					return err
				}
				runs++
				texts[d.Name()], err = os.ReadFile(path)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if load := name == "url" || name == "scenario"; load {
				if runs < 9 {
					t.Errorf("only %d files were looked at\n%s", runs, errs.String())
				}
				for _, f := range report.Formats() {
					again := lt(t, "report", "latest", "--format", f.Name, "-v")
					again.Dir = cmd.Dir
					b, err := again.CombinedOutput()
					if err != nil {
						t.Fatal(err)
					}
					texts["report "+f.Name] = b
				}
			}
			for where, b := range texts {
				lower := bytes.ToLower(b)
				for which, s := range secrets {
					for form, text := range forms(s) {
						if bytes.Contains(lower, []byte(strings.ToLower(text))) {
							t.Errorf("%s: the %s secret stands there, %s: %s", where, which, form, around(b, lower, text))
						}
					}
				}
				if i := bytes.Index(lower, []byte("canary")); i >= 0 {
					t.Errorf("%s: a part of a secret stands there: %s", where, around(b, lower, "canary"))
				}
			}
		})
	}
}

// around is the text near what was found.
func around(b, lower []byte, text string) string {
	i := bytes.Index(lower, []byte(strings.ToLower(text)))
	return fmt.Sprintf("%q", b[max(0, i-60):min(len(b), i+60)])
}
