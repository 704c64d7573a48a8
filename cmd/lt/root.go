package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seed-42693903/lt/internal/client"
)

// An environ is all that a command sees of the world around it.
type environ struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string

	// Tests only: how hosts are looked up, and what counts as a public address.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Public func(netip.Addr) bool

	redactor *client.Redactor // of the secrets that this command was given
	warned   map[string]bool

	unknownFlags []error // on the command line
}

// lookup is a variable that is set and not empty.
func (e *environ) lookup(name string) (string, bool) {
	v := e.Getenv(name)
	return v, v != ""
}

// execute runs lt with the given arguments and returns its exit code.
func execute(args []string, env *environ) int {
	ignoreBrokenPipes()
	root := newRootCmd(env)
	args, env.unknownFlags = takeUnknownFlags(root, args)
	root.SetArgs(args)
	err := errors.Join(append(slices.Clip(env.unknownFlags), root.Execute())...)
	return printError(env.redacted(env.Stderr), err)
}

func newRootCmd(env *environ) *cobra.Command {
	root := &cobra.Command{
		Use:   "lt",
		Short: "Load-test an API and get a verdict that can be defended",
		Long: `lt runs light, normal, peak and endurance load against an API, measures
honestly, and says PASS, FAIL, NOT PROVEN or INVALID, and why.

Start here:
  lt run peak --reference --duration 30s    a whole run against lt's own platform
  lt run https://api.example.test/health    one request in a loop
  lt scenarios list                         what there is to run`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          unknownSub,
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Annotations[readsAll] != "" { // it tells of them with all else that is wrong
			return nil
		}
		return errors.Join(env.unknownFlags...)
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hintf(usageErrorf("%s", err), "%s --help lists the flags", cmd.CommandPath())
	})
	root.SetHelpCommand(newHelpCmd())
	scenariosCmd := newScenariosCmd(env)
	scenariosCmd.Long = scenariosPage
	root.AddCommand(
		newRunCmd(env),
		newSmokeCmd(env),
		newReportCmd(env),
		newCompareCmd(env),
		newReviewCmd(env),
		newBaselineCmd(env),
		newAlertsCmd(env),
		newImportCmd(env),
		scenariosCmd,
		newServeCmd(env),
		newSelftestCmd(env),
		newVersionCmd(env),
		newManCmd(env),
		newExitCodesTopic(),
		newThresholdsTopic(),
	)
	addCompletions(root)
	return root
}

func newVersionCmd(env *environ) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print lt's version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Stdout, "lt", version())
			return err
		},
	}
}

// version is the module's version and, between releases, the commit that lt was
// built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && !strings.Contains(v, s.Value[:min(12, len(s.Value))]) {
			v += "-" + s.Value[:min(12, len(s.Value))]
		}
		if s.Key == "vcs.modified" && s.Value == "true" && !strings.HasSuffix(v, "+dirty") {
			v += "+dirty"
		}
	}
	return v
}

// noArgs, exactArgs and atLeastArgs are cobra's, with messages in lt's form.
func noArgs(cmd *cobra.Command, args []string) error { return exactArgs(0, "")(cmd, args) }

func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return hintf(usageErrorf("%s needs %s", cmd.CommandPath(), what), "usage: %s", cmd.UseLine())
		case len(args) > n:
			return hintf(usageErrorf("%s: unexpected argument %q", cmd.CommandPath(), args[n]), "usage: %s", cmd.UseLine())
		}
		return nil
	}
}

func atLeastArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return exactArgs(n, what)(cmd, args)
		}
		return nil
	}
}

// terminal is the file behind w if that is a terminal that can be drawn on.
func (e *environ) terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd())) && e.Getenv("TERM") != "dumb"
}
