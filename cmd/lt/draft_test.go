package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/scenarios"
)

// TestADraftOfAContractRuns: what lt writes from the platform's own contract runs on
// the platform as it is, with every operation and without a failure.
func TestADraftOfAContractRuns(t *testing.T) {
	t.Parallel()
	at, _ := startPlatform(t, "")
	dir := t.TempDir()
	file := filepath.Join(dir, "draft.yaml")
	var stdout, stderr bytes.Buffer
	env := &environ{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string {
		return map[string]string{"LT_API_KEY": smokeKey}[name]
	}}
	if code := execute([]string{"scenarios", "new", file, "--openapi", at + "/openapi.json"}, env); code != exitPass {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "Not carried over") || strings.Contains(string(text), freshText) {
		t.Errorf("%s", text)
	}
	if _, err := scenarios.Load(file); err != nil {
		t.Fatal(err)
	}
	fast := strings.Replace(string(text), "think: 1s-3s", "think: 10ms", 1)
	if err := os.WriteFile(file, []byte(fast), 0o666); err != nil {
		t.Fatal(err)
	}
	code := execute([]string{"run", file, "-u", "10", "--spawn-rate", "10/s", "-d", "6s", "--no-thresholds", "--out", filepath.Join(dir, "out")}, env)
	b, err := os.ReadFile(filepath.Join(dir, "out", "latest", run.ResultFile))
	if err != nil {
		t.Fatalf("exit code %d: %v\n%s", code, err, stderr.String())
	}
	var r run.Result
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if n := r.Totals.Failed + r.Warmup.Failed; n != 0 || r.Totals.Requests < 200 || len(r.Endpoints) != 49 {
		t.Errorf("%d of %d requests failed, %d endpoints\n%s", n, r.Totals.Requests, len(r.Endpoints), stdout.String())
	}
}
