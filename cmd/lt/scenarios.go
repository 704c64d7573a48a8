package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/scenarios"
	"github.com/seed-42693903/lt/templates"
)

// newScenariosCmd is `lt scenarios`.
func newScenariosCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List, show and check scenarios",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownSub,
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the built-in scenarios and workloads",
			Args:  noArgs,
			RunE: func(*cobra.Command, []string) error {
				for _, kind := range []string{scenarios.KindScenario, scenarios.KindWorkload} {
					fmt.Fprintf(env.Stdout, "%ss:\n", kind)
					for _, i := range scenarios.Builtin() {
						if i.Kind == kind {
							fmt.Fprintf(env.Stdout, "  %-10s  %s\n", i.Name, i.Description)
						}
					}
				}
				return nil
			},
		},
		newScenariosShowCmd(env),
		newScenariosNewCmd(env),
		&cobra.Command{
			Use:   "validate FILE...",
			Short: "Report every mistake in scenario files",
			Args:  atLeastArgs(1, "a scenario file"),
			RunE: func(_ *cobra.Command, args []string) error {
				var errs []error
				for _, name := range args {
					if _, err := scenarios.Load(name); err != nil {
						errs = append(errs, err)
						continue
					}
					fmt.Fprintf(env.Stdout, "%s: ok\n", name)
				}
				return joinUsage(errs)
			},
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON Schema of scenario files, for editors",
			Args:  noArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := env.Stdout.Write(scenarios.Schema())
				return err
			},
		},
	)
	return cmd
}

// newScenariosShowCmd is `lt scenarios show`.
func newScenariosShowCmd(env *environ) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Print a scenario's file, and the workload that it names",
		Args:  exactArgs(1, "a name (lt scenarios list) or a file"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := scenarios.Resolved(args[0])
			if err != nil {
				return usageErrorf("%w", err)
			}
			_, err = env.Stdout.Write(text)
			return err
		},
	}
}

// newScenariosNewCmd is `lt scenarios new`.
func newScenariosNewCmd(env *environ) *cobra.Command {
	return &cobra.Command{
		Use:   "new [FILE]",
		Short: "Write a commented scenario to start from (scenario.yaml)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "scenario.yaml"
			if len(args) == 1 {
				name = args[0]
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if errors.Is(err, fs.ErrExist) {
				return hintf(usageErrorf("%s exists already", name), "lt scenarios new FILE writes another; nothing was changed")
			}
			if err != nil {
				return err
			}
			_, err = f.Write(templates.Scenario())
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "%s written; try it: lt run %s --reference\n", name, text.Quote(name))
			return nil
		},
	}
}
