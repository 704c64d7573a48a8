//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A server is an `lt serve` in a process of its own.
type server struct {
	*exec.Cmd
	out    string // what it had printed when it was ready
	stderr bytes.Buffer
}

// startServe runs `lt serve args` and waits for the line that holds last.
func startServe(t *testing.T, last string, env []string, args ...string) *server {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Cmd: exec.Command(exe, append([]string{"serve"}, args...)...)}
	s.Env = append(os.Environ(), env...)
	s.Stderr = &s.stderr
	stdout, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Process.Kill() })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		s.out += lines.Text() + "\n"
		if strings.Contains(lines.Text(), last) {
			return s
		}
	}
	_ = waitFor(t, s.Cmd)
	t.Fatalf("lt serve %v ended: %s%s", args, s.out, &s.stderr)
	return nil
}

// field is the value after a name in what the server printed.
func (s *server) field(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` +(\S+)`).FindStringSubmatch(s.out)
	if m == nil {
		t.Fatalf("no %q in\n%s", name, s.out)
	}
	return m[1]
}

func TestServeAll(t *testing.T) {
	temp := ownTemp(t)
	s := startServe(t, "Ctrl-C", nil, "all", "--addr", ":0", "--datalayer-addr", "127.0.0.1:0")
	base, key := s.field(t, "gateway"), s.field(t, "key")
	if !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Errorf("without a host it listens on %s", base)
	}
	if got := status(t, "POST", base+"/api/v1/agents", key, `{"name":"Ada"}`); got != 201 {
		t.Errorf("POST: %d", got)
	}
	// The three printed commands work as they are; of the run, the plan is enough here.
	_, try, _ := strings.Cut(s.out, "Try:\n")
	commands := strings.Split(strings.Split(try, "\n\n")[0], "\n")
	if len(commands) != 3 || !strings.Contains(commands[0], "LT_API_KEY="+key) || !strings.HasSuffix(commands[0], " run light --target "+base) {
		t.Fatalf("not the three commands:\n%s", s.out)
	}
	commands[0] += " --dry-run"
	for _, line := range commands {
		if strings.HasPrefix(line, "  curl ") {
			if _, err := exec.LookPath("curl"); err != nil {
				t.Log("no curl here: the printed commands are not run")
				continue
			}
			line = strings.Replace(line, "curl ", "curl -sS --fail ", 1)
		}
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env = temp, append(os.Environ(), asLT+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", line, err, out)
		}
	}
	if err := s.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t, s.Cmd); err != nil {
		t.Errorf("Ctrl-C: %v %s", err, &s.stderr)
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestServeSecondSignal has a request under way that never ends: the first signal waits for it, the second does not.
func TestServeSecondSignal(t *testing.T) {
	temp := ownTemp(t)
	s := startServe(t, "Ctrl-C", nil, "all", "--addr", "127.0.0.1:0", "--datalayer-addr", "127.0.0.1:0")
	base, err := url.Parse(s.field(t, "gateway"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", base.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/agents HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nX-API-Key: %s\r\nContent-Length: 100\r\n\r\n", s.field(t, "key"))
	// The handler asks for the body: it is under way.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatal(line, err)
	}
	if err := s.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the listener closes", func() bool {
		c, err := net.DialTimeout("tcp", base.Host, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if !running(s.Process.Pid) {
		t.Error("it did not wait for the request under way")
	}
	begin := time.Now()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t, s.Cmd); err != nil {
		t.Errorf("second signal: %v %s", err, &s.stderr)
	}
	if took := time.Since(begin); took > 8*time.Second { // the drain has ten
		t.Errorf("the second signal took %s", took)
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestServeHalves runs the two servers apart, with keys from the environment, which are shown nowhere. Both log a request by one
// trace.
func TestServeHalves(t *testing.T) {
	const apiKey, upstreamKey = "canary-of-the-callers", "canary-of-the-gateway"
	env := []string{envAPIKey + "=" + apiKey, envUpstreamKey + "=" + upstreamKey}
	dl := startServe(t, "key", env, "datalayer", "-v", "--addr", "127.0.0.1:0", "--db", "sqlite:"+filepath.Join(t.TempDir(), "lt.db"))
	gw := startServe(t, "key", env, "gateway", "-v", "--addr", "127.0.0.1:0", "--upstream", dl.field(t, "data layer"))
	if got := status(t, "POST", gw.field(t, "gateway")+"/api/v1/agents/", apiKey, `{"name":"Ada"}`); got != 201 {
		t.Errorf("POST through both: %d", got)
	}
	var traces []string
	for _, s := range []*server{gw, dl} {
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := waitFor(t, s.Cmd); err != nil {
			t.Errorf("%v %s", err, &s.stderr)
		}
		if text := s.out + s.stderr.String(); strings.Contains(text, "canary") {
			t.Errorf("a key is shown: %s", text)
		}
		line := regexp.MustCompile(`(?m)request" method=POST path=/\S*agents/? status=201 .*\btrace_id=([0-9a-f]{32})`).FindStringSubmatch(s.stderr.String())
		if line == nil {
			t.Fatalf("the request is not in the log:\n%s", &s.stderr)
		}
		traces = append(traces, line[1])
	}
	if traces[0] != traces[1] {
		t.Errorf("one request has the traces %v", traces)
	}
}

func TestServeMistakes(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, c := range []struct {
		args string
		env  string
		code int
		says string
	}{
		{"nothing", "", exitUsage, "gateway, datalayer or all"},
		{"gateway extra", "", exitUsage, "unexpected argument"},
		{"gateway --addr 127.0.0.1:0", "", exitUsage, "LT_UPSTREAM_KEY is not set"},
		{"gateway --addr 127.0.0.1:0 --upstream ftp://x", "LT_UPSTREAM_KEY", exitUsage, "such as http://127.0.0.1:8001"},
		{"gateway --addr 0.0.0.0:0", "LT_UPSTREAM_KEY", exitUsage, "set LT_API_KEY to a key of your own"},
		{"datalayer --addr nonsense", "", exitUsage, "write HOST:PORT"},
		{"datalayer --addr 127.0.0.1:0 --db mysql:x", "", exitUsage, "sqlite:PATH"},
		{"all --faults nobody", "", exitUsage, "built in are degrading"},
		{"gateway --faults week9-day3", "", exitUsage, "this profile sits at the datalayer"},
		{"datalayer --faults stall?perod=1s", "", exitUsage, "it has length, period"},
		{"datalayer --addr 127.0.0.1:0 --admin 0.0.0.0:0", "", exitUsage, "loopback only"},
		{"all --db lt.db", "", exitUsage, "sqlite:PATH"},
		{"all --db sqlite:" + filepath.Join(t.TempDir(), "no", "lt.db") + " --addr 127.0.0.1:0 --datalayer-addr 127.0.0.1:0", "", exitError, "--db sqlite:PATH"},
		{"all --addr " + busy.Addr().String(), "", exitError, "takes a free port"},
	} {
		var out, stderr bytes.Buffer
		code := execute(append([]string{"serve"}, strings.Fields(c.args)...), &environ{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &stderr,
			Getenv: func(name string) string {
				if name == c.env {
					return "a-key"
				}
				return ""
			},
		})
		if code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("lt serve %s: exit %d, want %d, with %q:\n%s", c.args, code, c.code, c.says, &stderr)
		}
	}
}

func TestLifelineMistakes(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp := ownTemp(t)
	for stdin, says := range map[string]string{
		"":                                       "no configuration came",
		"{}":                                     "no configuration came", // the line has no end: its writer died
		"{\n":                                    "configuration",
		"{\"adress\":\"x\"}\n":                   "adress",
		"{\"addr\":\"127.0.0.1:0\"}\n":           "Key is empty",
		"{\"addr\":\"nowhere\",\"key\":\"k\"}\n": "nowhere",
	} {
		// In a process of its own, for it turns signals off.
		cmd := exec.Command(exe, "serve", "datalayer", "--lifeline")
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != exitError || !strings.Contains(string(out), says) {
			t.Errorf("%q: %v, want it to say %q: %s", stdin, err, says, out)
		}
	}
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
