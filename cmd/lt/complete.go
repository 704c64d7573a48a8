package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/importer"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
	"github.com/seed-42693903/lt/scenarios"
)

const filesToo, nothingElse = cobra.ShellCompDirectiveDefault, cobra.ShellCompDirectiveNoFileComp

// addCompletions says what the shells may offer as arguments and flags' values
// of lt's commands. Each is "value\tdescription".
func addCompletions(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if shells, _, err := root.Find([]string{"completion"}); err == nil {
		shells.Args = cobra.ArbitraryArgs
		shells.RunE = unknownSub
	}
	for path, arg := range map[string]cobra.CompletionFunc{
		"run":            completeOnce(runNames, filesToo),
		"smoke":          completeOnce(builtinNames(scenarios.KindScenario), filesToo),
		"report":         completeRun,
		"compare":        completeRuns,
		"review":         completeRuns,
		"baseline set":   completeRun,
		"baseline show":  completeBaseline,
		"baseline rm":    completeBaseline,
		"scenarios show": completeOnce(builtinNames(""), nothingElse),
		"help":           completeHelp,
	} {
		if cmd, _, err := root.Find(strings.Fields(path)); err == nil {
			cmd.ValidArgsFunction = arg
		}
	}
	var formats []string
	for _, f := range report.Formats() {
		formats = append(formats, f.Name+"\t"+f.About)
	}
	all := map[string]cobra.CompletionFunc{
		"workload": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return builtinNames(scenarios.KindWorkload)(), filesToo
		},
		"on-inconclusive": completeFlag([]string{"fail\tNOT PROVEN is exit code 5", "warn\tNOT PROVEN is exit code 0"}, nothingElse),
		"format":          completeFlag(formats, nothingElse),
		"api-key":         completeFlag([]string{"env:LT_API_KEY\tthe key in that variable", "-\tthe key on standard input"}, filesToo),
		"threshold":       completeFlag([]string{"p95 < 500ms", "error_rate < 1%", "p95{GET /orders/*} < 300ms"}, nothingElse),
		"continue":        completeSuite,
		"baseline":        completeRuns,
		"save-baseline":   completeBaseline,
	}
	if cmd, _, err := root.Find([]string{"import"}); err == nil {
		var kinds []string
		for _, f := range importer.Formats() {
			kinds = append(kinds, f.Name+"\t"+f.Tool+": "+f.About)
		}
		_ = cmd.RegisterFlagCompletionFunc("format", completeFlag(kinds, nothingElse))
	}
	for _, cmd := range root.Commands() {
		for name, f := range all {
			if cmd.Flags().Lookup(name) != nil && !(cmd.Name() == "import" && name == "format") {
				_ = cmd.RegisterFlagCompletionFunc(name, f) // an error only for a flag that is not there
			}
		}
	}
}

// builtinNames are the built-in files of a kind, or of all kinds, read only when a
// shell asks for them.
func builtinNames(kind string) func() []string {
	return func() (names []string) {
		for _, b := range scenarios.Builtin() {
			if kind == "" || b.Kind == kind {
				names = append(names, b.Name+"\t"+b.Description)
			}
		}
		return names
	}
}

// runNames are what lt run takes beside files and URLs.
func runNames() []string {
	return append(builtinNames(scenarios.KindScenario)(), suiteName+"\tlight, normal, peak and endurance, with one index", suiteBaseline+"\tsuite, and the index of all runs")
}

// completeFlag offers the names; completeOnce does so for the first argument.
func completeFlag(names []string, more cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return names, more }
}

func completeOnce(names func() []string, more cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, nothingElse
		}
		return names(), more
	}
}

// completeHelp offers commands and topics, which cobra leaves out.
func completeHelp(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	of, _, err := cmd.Root().Find(args)
	if err != nil || len(args) > 0 && of == cmd.Root() {
		return nil, nothingElse
	}
	for _, c := range of.Commands() {
		if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			names = append(names, c.Name()+"\t"+c.Short)
		}
	}
	return names, nothingElse
}

// completeRun offers the runs under --out, the newest first.
func completeRun(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, nothingElse
	}
	out := outDir(cmd)
	names := []string{}
	if _, err := os.Stat(filepath.Join(out, run.LatestLink)); err == nil {
		names = append(names, run.LatestLink+"\tthe newest run")
	}
	for _, pattern := range []string{"*", filepath.Join("suite-*", "*")} {
		for _, path := range newest(filepath.Join(out, pattern, run.PlanFile)) {
			if name, err := filepath.Rel(out, filepath.Dir(path)); err == nil && name != run.LatestLink {
				names = append(names, name)
			}
		}
	}
	return names, filesToo | cobra.ShellCompDirectiveKeepOrder
}

// completeSuite offers the suites under --out, the newest first.
func completeSuite(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return newest(filepath.Join(outDir(cmd), "suite-*")), cobra.ShellCompDirectiveFilterDirs | cobra.ShellCompDirectiveKeepOrder
}

func outDir(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup("out"); f != nil && f.Value.String() != "" {
		return f.Value.String()
	}
	return defaultOut
}

// newest are the paths that match, those with the latest time in their names
// first; at most 50.
func newest(pattern string) []string {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	time := func(path string) string { return path[strings.LastIndexByte(path, '-')+1:] }
	slices.SortStableFunc(found, func(a, b string) int { return strings.Compare(time(b), time(a)) })
	return found[:min(len(found), 50)]
}

// completeBaseline offers the names of the stored baselines.
func completeBaseline(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	dir := run.DefaultStore
	if f := cmd.Flags().Lookup("baselines"); f != nil && f.Value.String() != "" {
		dir = f.Value.String()
	}
	all, _ := run.Store{Dir: dir}.List()
	for _, b := range all {
		names = append(names, b.Name+"\t"+b.Result.Scenario+", "+b.SetAt.Format("2006-01-02"))
	}
	return names, nothingElse
}

// completeRuns offers baselines and runs, for any argument.
func completeRuns(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	baselines, _ := completeBaseline(cmd, nil, word)
	runs, how := completeRun(cmd, nil, word)
	return append(baselines, runs...), how
}
