package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

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
	var openapi, har string
	var curl []string
	cmd := &cobra.Command{
		Use:   "new [FILE]",
		Short: "Write a scenario to start from (scenario.yaml)",
		Long: `Write a scenario to start from: a commented one for lt's own reference platform, or one
made of what there is already: an OpenAPI contract (each collection is created, read,
changed and removed, with the ids that answers tell), a recording of a browser or proxy
(HAR), or commands of curl. What could not be carried over stands in comments.`,
		Example: `  lt scenarios new
  lt scenarios new orders.yaml --openapi https://api.example.test/openapi.json
  lt scenarios new flow.yaml --har recording.har
  lt scenarios new one.yaml --curl "curl -X POST https://api.example.test/orders --json '{\"sku\": \"a1\"}'"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "scenario.yaml"
			if len(args) == 1 {
				name = args[0]
			}
			sources := 0
			for _, flag := range []string{"openapi", "har", "curl"} {
				if cmd.Flags().Changed(flag) {
					sources++
				}
			}
			if sources > 1 {
				return usageErrorf("a scenario is made of one thing: --openapi, --har or --curl")
			}
			yaml, try := templates.Scenario(), "--reference"
			if sources > 0 {
				draft, err := newDraft(cmd.Context(), env, openapi, har, curl)
				if err != nil {
					return err
				}
				if yaml, err = draft.YAML(); err != nil {
					return usageErrorf("%w", err)
				}
				if try = ""; draft.Target == "" {
					try = "--target URL"
				}
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if errors.Is(err, fs.ErrExist) {
				return hintf(usageErrorf("%s exists already", name), "lt scenarios new FILE writes another; nothing was changed")
			}
			if err != nil {
				return err
			}
			_, err = f.Write(yaml)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			fmt.Fprintln(env.Stdout, strings.TrimRight(fmt.Sprintf("%s written; try it: lt run %s %s", name, text.Quote(name), try), " "))
			return nil
		},
	}
	cmd.Flags().StringVar(&openapi, "openapi", "", "of the operations of an OpenAPI document (3.0, 3.1): `FILE|URL`")
	cmd.Flags().StringVar(&har, "har", "", "of the requests of a recording: `FILE`")
	cmd.Flags().StringArrayVar(&curl, "curl", nil, "of a command of curl (repeatable): `'curl ...'`")
	return cmd
}
