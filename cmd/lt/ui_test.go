//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// TestARunChangedInTheLiveView has a run paused, changed and stopped by hand: it
// is marked as edited, does not pass and takes no part in comparisons.
func TestARunChangedInTheLiveView(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine\n") }))
	defer target.Close()
	at := freeAddress(t)
	s := start(t, "run", target.URL, "-u", "2", "-d", "2m", "--warmup", "1s", "--threshold", "error_rate < 50%", "--ui="+at)
	s.running(2)

	// Three that read nothing, and one that reads.
	for range 3 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /events HTTP/1.1\r\nHost: %s\r\n\r\n", at)
	}
	res, err := http.Get("http://" + at + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	end := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if lines.Text() == "event: end" && lines.Scan() {
				break
			}
		}
		report, err := http.Get("http://" + at + "/report")
		if err != nil {
			end <- err.Error()
			return
		}
		defer report.Body.Close()
		b, _ := io.ReadAll(report.Body)
		end <- lines.Text() + string(b)
	}()

	page, err := http.Get("http://" + at + "/")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(page.Body)
	page.Body.Close()
	token := regexp.MustCompile(`"token":"(\w+)"`).FindSubmatch(b)
	if token == nil {
		t.Fatalf("no token in %s", b)
	}
	control := func(body string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+at+"/control", strings.NewReader(body))
		req.Header.Set("X-LT-Token", string(token[1]))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != 204 {
			text, _ := io.ReadAll(res.Body)
			t.Fatalf("%s: %s: %s", body, res.Status, text)
		}
	}
	noted := func(event string) {
		t.Helper()
		s.until(event, func() bool {
			b, err := os.ReadFile(s.latest(run.IntervalsFile))
			return err == nil && bytes.Contains(b, []byte(event))
		})
	}
	control(`{"do": "set", "to": 5}`)
	noted(`"kind":"users","note":"5"`)
	control(`{"do": "pause"}`)
	noted(`"kind":"pause"`)
	control(`{"do": "resume"}`)
	noted(`"kind":"resume"`)
	control(`{"do": "stop"}`)
	if code := s.exit(interruptGrace + 5*time.Second); code != exitInterrupted {
		t.Errorf("exit %d\n%s", code, s.stderr.String())
	}
	if got := <-end; !strings.Contains(got, `"verdict":"inconclusive"`) || !strings.Contains(got, "<!doctype html>") || !strings.Contains(got, "changed by hand") {
		t.Errorf("the viewer's end: %.300s", got)
	}
	if n := strings.Count(s.stderr.String(), "live view at http://"+at+"/"); n != 1 {
		t.Errorf("the URL is printed %d times:\n%s", n, s.stderr.String())
	}

	r := s.result()
	if !r.Edited || r.Interrupted != run.StoppedByHand || r.Verdict != verdict.Inconclusive || !strings.Contains(r.Reasons[0], "changed by hand (users 5 at ") {
		t.Errorf("edited %v, interrupted %q, %s: %v", r.Edited, r.Interrupted, r.Verdict, r.Reasons)
	}
	if r.Totals.Pace != nil {
		t.Errorf("pace %v of a plan that was not followed", *r.Totals.Pace)
	}
	if strings.Contains(r.Command, "--ui") {
		t.Errorf("the command that repeats the run: %s", r.Command)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	compare := exec.Command(exe, "compare", "latest", "latest", "--force")
	compare.Dir, compare.Env = s.Dir, append(os.Environ(), asLT+"=1")
	out, err := compare.CombinedOutput()
	if err == nil || compare.ProcessState.ExitCode() != exitUsage || !bytes.Contains(out, []byte("takes no part: its load was changed by hand")) {
		t.Errorf("compare: %v\n%s", err, out)
	}
}

// TestBusyAddresses: a run that cannot be shown as asked does not start.
func TestBusyAddresses(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine\n") }))
	defer target.Close()
	busy := target.Listener.Addr().String()
	for _, flag := range []string{"--ui", "--prometheus"} {
		s := start(t, "run", target.URL, "-u", "1", "-d", "1s", "--no-preflight", flag+"="+busy)
		code := s.exit(10 * time.Second)
		if out := s.stderr.String(); code != exitError || !strings.Contains(out, "lt: error: "+flag+": listen tcp") || !strings.Contains(out, "lt: hint: "+flag) {
			t.Errorf("%s: exit %d\n%s", flag, code, out)
		}
	}
}
