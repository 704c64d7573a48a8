package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
)

// newSelftestCmd is `lt selftest`: by itself it runs the oracles; further
// self-tests are commands under it.
func newSelftestCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Hold lt's measurements on this machine against known truths",
		Long: `Run loads whose response times are known beforehand against a server within lt,
and compare what lt measures with the truth: exact pacing, a server that freezes,
a constant delay, and a queue. It takes about 45 seconds, wants an otherwise idle
machine and talks to 127.0.0.1 only.

Exit 0: every figure is within its bound. Exit 1: one is not; on a busy machine,
try again when it is idle.`,
		Example: `  lt selftest
  lt selftest --json`,
		Args: noArgs,
	}
	cmd.AddCommand(newSelftestStatsCmd(env))
	asJSON := cmd.Flags().Bool("json", false, "print the figures as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return selftestOraclesRun(cmd, env, *asJSON)
	}
	return cmd
}

func selftestOraclesRun(cmd *cobra.Command, env *environ, asJSON bool) error {
	signals := listen(cmd.Context())
	defer signals.end()
	ctx, cancel := signals.untilFirst()
	defer cancel()
	fmt.Fprintf(env.Stderr, "lt: selftest on %d processors, %s %s/%s; about 45 s\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	all, wrong := []oracleFinding{}, 0
	err := runOracles(ctx, selftestOracles(), func(o *oracle, found []oracleFinding) {
		all = append(all, found...)
		for _, f := range found {
			if !f.Pass {
				wrong++
			}
		}
		if !asJSON {
			printFindings(env.Stdout, o, found)
		}
	})
	if err != nil {
		return signals.ended(err)
	}
	if asJSON {
		enc := json.NewEncoder(env.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"pass": wrong == 0, "findings": all}); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return &cliError{code: exitError, err: hintf(errors.New(figureCount(wrong, "figure")+" outside the bounds"),
			"run it again on an idle machine; if it stays so, this machine cannot measure as finely as lt promises")}
	}
	fmt.Fprintf(env.Stderr, "lt: all %d figures are within their bounds\n", len(all))
	return nil
}

func figureCount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}

// printFindings is an oracle's figures as a table.
func printFindings(w io.Writer, o *oracle, found []oracleFinding) {
	fmt.Fprintf(w, "%s: %s\n", o.name, o.about)
	fmt.Fprintf(w, "  %-34s %12s %12s   %s\n", "", "truth", "measured", "allowed")
	for _, f := range found {
		word := "ok"
		if !f.Pass {
			word = "WRONG"
			if f.Busy {
				word = "WRONG (the machine was busy)"
			}
		}
		if f.Unit == "count" {
			fmt.Fprintf(w, "  %-34s %12.0f %12.0f   exactly%-14s %s\n", f.Figure, f.Truth, f.Measured, "", word)
		} else {
			fmt.Fprintf(w, "  %-34s %9.2f ms %9.2f ms   %-21s %s\n", f.Figure, f.Truth, f.Measured, fmt.Sprintf("%.2f to %.2f", max(f.Low, 0), f.High), word)
		}
	}
}
