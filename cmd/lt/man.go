package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-42693903/lt/internal/run"
)

// newManCmd is `lt man DIR`, which make man calls: one page for each command and
// help topic.
func newManCmd(env *environ) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write lt's manual pages",
		Hidden: true,
		Args:   exactArgs(1, "a directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return err
			}
			cmd.Root().InitDefaultHelpCmd()
			cmd.Root().InitDefaultCompletionCmd()
			for _, c := range documented(cmd.Root()) {
				name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
				if err := run.WriteFile(filepath.Join(args[0], name), func(w io.Writer) error { return manPage(w, c) }); err != nil {
					return err
				}
				fmt.Fprintln(env.Stdout, name)
			}
			return nil
		},
	}
}

// documented are the commands and topics that help shows, in its order.
func documented(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			out = append(out, documented(c)...)
		}
	}
	return out
}

// manPage writes the manual page of one command in roff's man macros.
func manPage(w io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, ".SH %s\n", title) }
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"lt manual\"\n", roffWord(strings.ToUpper(strings.ReplaceAll(cmd.CommandPath(), " ", "-"))), roffWord("lt "+version()))
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", roff(strings.ReplaceAll(cmd.CommandPath(), " ", "-")), roff(cmd.Short))
	if cmd.Runnable() {
		section("SYNOPSIS")
		fmt.Fprintf(&b, ".B %s\n", roff(cmd.UseLine()))
	}
	if cmd.Long != "" {
		section("DESCRIPTION")
		roffText(&b, cmd.Long)
	}
	options := func(title string, flags *pflag.FlagSet) {
		if !flags.HasAvailableFlags() {
			return
		}
		section(title)
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			name := "--" + f.Name
			if f.Shorthand != "" {
				name = "-" + f.Shorthand + ", " + name
			}
			kind, usage := pflag.UnquoteUsage(f)
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR", roff(name))
			if kind != "" {
				fmt.Fprintf(&b, " \\fI%s\\fR", roff(kind))
			}
			fmt.Fprintf(&b, "\n%s\n", roff(usage))
		})
	}
	options("OPTIONS", cmd.NonInheritedFlags())
	options("OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		section("EXAMPLES")
		roffText(&b, cmd.Example)
	}
	var also []string
	if cmd.HasParent() {
		also = append(also, cmd.Parent().CommandPath())
	}
	for _, c := range documented(cmd)[1:] {
		if c.Parent() == cmd {
			also = append(also, c.CommandPath())
		}
	}
	if len(also) > 0 {
		section("SEE ALSO")
		for i, name := range also {
			comma := ","
			if i == len(also)-1 {
				comma = ""
			}
			fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(strings.ReplaceAll(name, " ", "-")), comma)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// roffText writes text whose indented lines stand as they are.
func roffText(b *strings.Builder, text string) {
	asIs := false
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !asIs:
			b.WriteString(".PP\n.nf\n")
		case !indented && asIs:
			b.WriteString(".fi\n")
		}
		asIs = indented
		if line == "" {
			b.WriteString(".PP\n")
		} else {
			b.WriteString(roff(line) + "\n")
		}
	}
	if asIs {
		b.WriteString(".fi\n")
	}
}

// roff is one line of text in which nothing is a command.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// roffWord is an argument of a macro.
func roffWord(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }
