package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManPagesAreComplete: every command and topic that help shows has a page, and
// every flag stands in its command's.
func TestManPagesAreComplete(t *testing.T) {
	dir := t.TempDir()
	env := &environ{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}
	if code := execute([]string{"man", dir}, env); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	root := newRootCmd(env)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	pages := 0
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" {
			return
		}
		pages++
		b, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Error(err)
			return
		}
		if !bytes.Contains(b, []byte(".SH NAME\n")) || !bytes.Contains(b, []byte(roff(c.Short))) {
			t.Errorf("%s: no name", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !bytes.Contains(b, []byte(roff("--"+f.Name)+`\fR`)) {
				t.Errorf("%s: no --%s", c.CommandPath(), f.Name)
			}
		})
		for _, line := range strings.Split(string(b), "\n") {
			if strings.HasPrefix(line, ".") && !strings.HasPrefix(line, ".SH ") && !strings.HasPrefix(line, ".TH ") && !strings.HasPrefix(line, ".B") &&
				line != ".PP" && line != ".nf" && line != ".fi" && line != ".TP" {
				t.Errorf("%s: a text became a macro: %q", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
	if files, _ := filepath.Glob(filepath.Join(dir, "*.1")); len(files) != pages {
		t.Errorf("%d pages for %d commands", len(files), pages)
	}
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{".x": `\&.x`, "'x": `\&'x`, `a\b`: `a\eb`, "--x": `\-\-x`, "a\nb": "a b"} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
