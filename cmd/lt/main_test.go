package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// asLT makes the test binary, and whatever it starts from its own file, be lt.
const asLT = "LT_TEST_BINARY_IS_LT"

func TestMain(m *testing.M) {
	if os.Getenv(asLT) != "" {
		main()
	}
	// A script's lt is this binary under another name; it keeps its environment.
	for _, v := range os.Environ() {
		if filepath.Base(os.Args[0]) == "lt" {
			break
		}
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "LT_") && name != "LT_VERIFY" && name != "LT_SOAK" && name != "LT_BENCH" {
			os.Unsetenv(name)
		}
	}
	testscript.Main(m, map[string]func(){"lt": main})
}

// skipSuite skips what this machine cannot run; in CI that is a failure.
func skipSuite(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("a suite would be skipped: %s", why)
	}
	t.Skip("SKIPPED SUITE: " + why)
}

// lt is a command that runs lt in a directory of its own.
func lt(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asLT+"=1")
	cmd.Dir = t.TempDir()
	return cmd
}

// TestScripts runs testdata/*.txtar: every command, exit code and message.
// In a script, $OK answers 200, $BROKEN 500, $LOCKED 401, $SLOW after 60 ms,
// $KEYED 200 to the key in $KEY, $DEAD not at all; $PPID is a process; `exits N lt ...` is lt with exit
// code N.
func TestScripts(t *testing.T) {
	answer := func(f http.HandlerFunc) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	const key = "canary-0f3b9a7d5c1e"
	ok := answer(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine\n") })
	broken := answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "it broke", 500) })
	locked := answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "who are you?", http.StatusUnauthorized) })
	slow := answer(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(60 * time.Millisecond):
		case <-r.Context().Done():
		}
	})
	// Fails only once the preflight is over, so that there is something to report.
	var n atomic.Int64
	later := answer(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) > 1 {
			http.Error(w, "it broke", 500)
		}
	})
	keyed := answer(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-API-Key") != key {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		// A hostile echo: the key must not get into a report this way either.
		w.WriteHeader(http.StatusTeapot)
		pad, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/pad/"))
		fmt.Fprintf(w, "%*syour key is %s", pad, "", key)
	})
	dead := httptest.NewServer(nil)
	dead.Close()

	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "OK="+ok, "BROKEN="+broken, "LOCKED="+locked, "SLOW="+slow, "LATER="+later,
				"KEYED="+keyed, "KEY="+key, "DEAD="+dead.URL, "PPID="+strconv.Itoa(os.Getpid()), "NO_COLOR=1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits N command...: the command ends with exit code N, or one of N|M: 4 beside
			// it where the machine may be too busy to measure a target.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits N command [args]")
				}
				err := ts.Exec(args[1], args[2:]...)
				code := 0
				if err != nil {
					code = -1
					if e, ok := err.(interface{ ExitCode() int }); ok {
						code = e.ExitCode()
					}
				}
				if !slices.Contains(strings.Split(args[0], "|"), fmt.Sprint(code)) {
					ts.Fatalf("exit code %d, want %s", code, args[0])
				}
			},
			// one PATTERN LINK: a link to the one file that matches.
			"one": func(ts *testscript.TestScript, _ bool, args []string) {
				found, err := filepath.Glob(ts.MkAbs(args[0]))
				if err != nil || len(found) != 1 {
					ts.Fatalf("%s: %q, %v", args[0], found, err)
				}
				ts.Check(os.Symlink(filepath.Base(found[0]), ts.MkAbs(args[1])))
			},
			// replace FILE OLD NEW: every OLD in the file, of which there must be one.
			"replace": func(ts *testscript.TestScript, _ bool, args []string) {
				path := ts.MkAbs(args[0])
				b, err := os.ReadFile(path)
				ts.Check(err)
				if !strings.Contains(string(b), args[1]) {
					ts.Fatalf("%s does not hold %q", args[0], args[1])
				}
				ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(string(b), args[1], args[2])), 0o666))
			},
			// valid DIR...: the run's files keep their schemas.
			"valid": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, dir := range args {
					for _, mistake := range invalidFiles(ts.MkAbs(dir)) {
						ts.Fatalf("%v", mistake)
					}
				}
			},
			// nowhere TEXT DIR: no file under DIR holds the text, in any case of its letters.
			"nowhere": func(ts *testscript.TestScript, _ bool, args []string) {
				files := 0
				err := filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d os.DirEntry, err error) error {
					if err != nil || d.IsDir() || d.Type()&os.ModeSymlink != 0 {
						return err
					}
					files++
					b, err := os.ReadFile(path)
					if strings.Contains(strings.ToLower(string(b)), strings.ToLower(args[0])) {
						return fmt.Errorf("%s holds %q", path, args[0])
					}
					return err
				})
				if err != nil {
					ts.Fatalf("%v", err)
				}
				if files < 5 {
					ts.Fatalf("only %d files were looked at", files)
				}
			},
		},
	})
}
