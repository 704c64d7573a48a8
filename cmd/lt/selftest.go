package main

import "github.com/spf13/cobra"

// newSelftestCmd is `lt selftest`: lt measures itself.
func newSelftestCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Measure lt itself",
		Args:  exactArgs(0, ""),
	}
	cmd.AddCommand(newSelftestStatsCmd(env))
	return cmd
}
