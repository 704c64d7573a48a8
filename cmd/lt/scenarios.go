package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/scenarios"
)

// newScenariosCmd is `lt scenarios`.
func newScenariosCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List, show and check scenarios",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
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
		&cobra.Command{
			Use:   "show NAME",
			Short: "Print a built-in scenario's file, to start one of your own from",
			Args:  exactArgs(1, "a name (lt scenarios list)"),
			RunE: func(_ *cobra.Command, args []string) error {
				b, ok := scenarios.Source(args[0])
				if !ok {
					_, err := scenarios.Load(args[0])
					if err == nil {
						err = fmt.Errorf("%s is a file, not a built-in scenario", args[0])
					}
					return usageErrorf("%w", err)
				}
				_, err := env.Stdout.Write(b)
				return err
			},
		},
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
	)
	return cmd
}
