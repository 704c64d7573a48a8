package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// ltCommand is a command of lt in a document: alone on its line, in YAML, or in
// Jenkins's sh '...'.
var ltCommand = regexp.MustCompile(`(?m)^\s*(?:- |run: |- run: |sh ')?(lt (?:run|report) .+?)'?$`)

// TestCommandsOfTheCIDocumentWork takes each command of docs/ci.md to the point
// where load would start.
func TestCommandsOfTheCIDocumentWork(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	doc, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := ltCommand.FindAllStringSubmatch(string(doc), -1)
	if len(commands) < 6 {
		t.Fatalf("%d commands: %q", len(commands), commands)
	}
	for _, c := range commands {
		text := c[1]
		if strings.Count(text, "'")%2 == 1 { // the quote was a part of it
			text += "'"
		}
		words := shellWords(t, text, map[string]string{
			"TARGET": server.URL, "GITHUB_SHA": "4f2a91c", "CI_COMMIT_SHA": "4f2a91c", "GIT_COMMIT": "4f2a91c", "VERSION": "1.2.3",
		})
		cmd := lt(t, append(words[1:], "--dry-run")...)
		if words[1] == "report" { // of a run that is there
			first := lt(t, "run", server.URL, "-u", "1", "-d", "1s", "-q")
			cmd = lt(t, words[1:]...)
			first.Dir = cmd.Dir
			_ = first.Run() // of a target that finds nothing: the report is what counts
		}
		for i, w := range words {
			if w == "--continue" { // a suite's directory, as the command says
				light := filepath.Join(cmd.Dir, words[i+1], "light")
				if err := os.MkdirAll(light, 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(light, "run.json"), []byte(`{"schema": 1}`), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", text, err, out)
		}
	}
}

// shellWords are the words of a simple command: quotes and variables, no more.
func shellWords(t *testing.T, text string, env map[string]string) (words []string) {
	t.Helper()
	word, quoted, open := "", false, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case open != 0 && c == open:
			open = 0
		case open == 0 && (c == '\'' || c == '"'):
			open, quoted = c, true
		case open == 0 && c == ' ':
			if word != "" || quoted {
				words = append(words, word)
			}
			word, quoted = "", false
		case open != '\'' && c == '$':
			name := regexp.MustCompile(`^[A-Z_]+`).FindString(text[i+1:])
			value, ok := env[name]
			if !ok {
				t.Fatalf("%s: no value for $%s", text, name)
			}
			word += value
			i += len(name)
		default:
			word += string(c)
		}
	}
	return append(words, word)
}

// TestActionIsSound: the action and the release's configuration are YAML, no input
// of the action is a part of a script, and what they name exists.
func TestActionIsSound(t *testing.T) {
	read := func(name string, v any) string {
		b, err := os.ReadFile("../../" + name)
		if err == nil {
			err = yaml.Unmarshal(b, v)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return string(b)
	}
	var action struct {
		Inputs map[string]struct{ Description string }
		Runs   struct {
			Using string
			Steps []struct {
				Uses, Run, Shell string
				Env              map[string]string
			}
		}
	}
	text := read("action.yml", &action)
	if action.Runs.Using != "composite" || len(action.Runs.Steps) < 3 {
		t.Errorf("%+v", action)
	}
	for _, s := range action.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("an input is a part of a script: %s", s.Run)
		}
		if s.Run != "" && s.Shell == "" {
			t.Errorf("no shell for: %s", s.Run)
		}
	}
	for name, in := range action.Inputs {
		if in.Description == "" || !strings.Contains(text, "inputs."+name) {
			t.Errorf("the input %s is not described or not used", name)
		}
	}
	for _, s := range action.Runs.Steps {
		if strings.Contains(s.Run, "INPUT_SCENARIO") {
			actionRuns(t, s.Run)
		}
	}
	var release map[string]any
	if read(".goreleaser.yaml", &release); release["version"] != 2 {
		t.Errorf("version %v", release["version"])
	}
	dockerfile, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FROM scratch", "ca-certificates.crt", "USER 65532:65532", "ENTRYPOINT [\"/usr/local/bin/lt\"]"} {
		if !strings.Contains(string(dockerfile), want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
}

// actionRuns runs the action's script as GitHub does.
func actionRuns(t *testing.T, script string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		skipSuite(t, "the action's script needs bash")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for _, c := range []struct {
		threshold string
		code      int
	}{{"p95 < 5s", 0}, {"p95 < 1us", 99}} {
		dir := t.TempDir()
		if err := os.Symlink(exe, filepath.Join(dir, "lt")); err != nil {
			skipSuite(t, err.Error())
		}
		cmd := exec.Command(bash, "-e", "-o", "pipefail", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), asLT+"=1", "RUNNER_TEMP="+dir, "GITHUB_SHA=4f2a91c", "GITHUB_OUTPUT="+filepath.Join(dir, "output"),
			"INPUT_SCENARIO="+server.URL, "INPUT_TARGET=", "INPUT_OUT=kept", "INPUT_ARGS=-u\n2\n-d\n1s\n\n--threshold\n"+c.threshold+"\n")
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.code {
			t.Errorf("exit code %d, want %d\n%s", got, c.code, out)
		}
		b, err := os.ReadFile(filepath.Join(dir, "output"))
		if want := fmt.Sprintf("exit-code=%d\n", c.code); err != nil || string(b) != want {
			t.Errorf("%v: output %q, want %q", err, b, want)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "kept", "latest", "result.json")); err != nil || !strings.Contains(string(b), `"commit": "4f2a91c"`) {
			t.Errorf("%v: the result has no label of the commit", err)
		}
	}
}
