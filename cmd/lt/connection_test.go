package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-42693903/lt/internal/run"
)

// TestRunOverHTTP2: a run over HTTP/2, verified by its own CA and through
// --resolve, speaks it to the end, and its plan says so. A server of HTTP/1.1 alone
// is not ready.
func TestRunOverHTTP2(t *testing.T) {
	var second, other atomic.Int64
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && r.Host == "api.example.com" {
			second.Add(1)
		} else {
			other.Add(1)
		}
	})
	serve := func(http2 bool) (s *httptest.Server, ca string) {
		s = httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = http2
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		t.Cleanup(s.Close)
		ca = filepath.Join(t.TempDir(), "ca.pem")
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
		if err := os.WriteFile(ca, block, 0o600); err != nil {
			t.Fatal(err)
		}
		return s, ca
	}
	for _, http2 := range []bool{true, false} {
		s, ca := serve(http2)
		out := t.TempDir()
		var stdout, stderr bytes.Buffer
		_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
		code := execute([]string{
			"run", "https://api.example.com/", "-u", "4", "-d", "1s", "--no-thresholds", "-H", "Host: api.example.com",
			"--http", "2", "--connections", "2", "--cacert", ca, "--connect-to", "api.example.com:443:far.test:" + port, "--resolve", "far.test:" + port + ":127.0.0.1", "--out", out,
		}, &environ{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" }})
		if !http2 {
			if code != exitNotReady || !strings.Contains(stderr.String(), "without --http 2 lt speaks HTTP/1.1") {
				t.Errorf("exit %d: %s", code, &stderr)
			}
			continue
		}
		if code != 0 && code != exitInvalid || second.Load() == 0 || other.Load() > 0 {
			t.Fatalf("exit %d, %d requests over HTTP/2, %d others: %s", code, second.Load(), other.Load(), &stderr)
		}
		b, err := os.ReadFile(filepath.Join(out, run.LatestLink, run.PlanFile))
		if err != nil {
			t.Fatal(err)
		}
		var plan run.Plan
		if err := json.Unmarshal(b, &plan); err != nil || plan.HTTP != "2" || plan.Connections != 2 || !strings.Contains(plan.Command, "--http 2 --connections 2") {
			t.Errorf("%v: %+v", err, plan)
		}
	}
}
