package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/selftest"
)

// newSelftestStatsCmd is `lt selftest stats`.
func newSelftestStatsCmd(env *environ) *cobra.Command {
	o := selftest.Standard()
	var short bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Measure how often lt's verdicts are right, on simulated runs",
		Long: `Simulate runs whose truth is known, judge them, and print in Markdown how often
the verdicts were right: of thresholds at the very limit, of the intervals drawn
beside percentiles, of comparisons, and of drift. The same seed gives the same
tables, which docs/statistics.md has. Nothing is sent anywhere. It takes some
minutes on two cores; the exit code is 1 where a figure is not as promised.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if short {
				seed := o.Seed
				o = selftest.Short()
				o.Seed = seed
			}
			begin := time.Now()
			tables := selftest.Stats(o, func(title string) {
				fmt.Fprintf(env.Stderr, "lt: simulating %s (%s)\n", title, time.Since(begin).Round(time.Second))
			})
			fmt.Fprintf(env.Stdout, "Made by `%s`.\n\n", command(cmd, o, short))
			if err := selftest.Markdown(env.Stdout, tables); err != nil {
				return err
			}
			var errs []error
			for _, t := range tables {
				for _, s := range t.Broken {
					errs = append(errs, errors.New(s))
				}
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().Uint64Var(&o.Seed, "seed", o.Seed, "seed of the simulations")
	cmd.Flags().BoolVar(&short, "short", false, "fewer repetitions: half a minute")
	return cmd
}

// command is what makes the same tables again.
func command(cmd *cobra.Command, o selftest.Options, short bool) string {
	s := fmt.Sprintf("%s --seed %d", cmd.CommandPath(), o.Seed)
	if short {
		s += " --short"
	}
	return s
}
