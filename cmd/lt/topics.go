package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
)

// newHelpCmd is `lt help`: cobra's own takes a name that it does not know for
// success.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND|TOPIC]",
		Short: "Help about a command or topic",
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			of, rest, err := root.Find(args)
			if err == nil && (len(rest) == 0 || of != root && !of.HasSubCommands()) {
				of.InitDefaultHelpFlag()
				return of.Help()
			}
			if len(rest) == 0 {
				of, rest = root, args
			}
			path := strings.TrimPrefix(of.CommandPath(), "lt")
			hint := "lt --help lists the commands and topics"
			if near := nearestSub(of, rest[0]); near != "" {
				hint = fmt.Sprintf("did you mean `lt help%s %s`?", path, near)
			}
			return hintf(usageErrorf("there is no help on %q", strings.TrimSpace(path+" "+rest[0])), "%s", hint)
		},
	}
}

// unknownSub runs a command that has others below it: its help, or, for a name
// that it does not know, a mistake.
func unknownSub(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	hint := cmd.CommandPath() + " --help lists the commands"
	if near := nearestSub(cmd, args[0]); near != "" {
		hint = fmt.Sprintf("did you mean `%s %s`?", cmd.CommandPath(), near)
	}
	what := "command"
	if cmd.HasParent() {
		what = cmd.Name() + " command"
	}
	return hintf(usageErrorf("there is no %s %q", what, args[0]), "%s", hint)
}

// nearestSub is the command below cmd that name is likely a slip of.
func nearestSub(cmd *cobra.Command, name string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return text.Nearest(name, names)
}

// newExitCodesTopic is `lt help exit-codes`.
func newExitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Exit codes of lt:\n\n")
	for _, m := range exitMeaning {
		fmt.Fprintf(&b, "%5d  %s\n", m.code, m.meaning)
	}
	b.WriteString(`
Several at once: 2, 3, 1, then 99 by the target's own failures (5xx, refused,
reset, broken answers: a slow generator cannot make these), 130 and 143, 4, 99 by
latency or throughput, 98, 5.`)
	return &cobra.Command{Use: "exit-codes", Short: "What lt's exit codes mean", Long: b.String()}
}

// newThresholdsTopic is `lt help thresholds`: the metric table.
func newThresholdsTopic() *cobra.Command {
	units := map[string]string{
		verdict.UnitMS: "duration", verdict.UnitRatio: "share", verdict.UnitPerSecond: "per second", verdict.UnitCount: "number",
	}
	var b strings.Builder
	b.WriteString(`A threshold is a metric, an operator (< <= > >= ==) and a limit with its unit. It
stands in a scenario's thresholds, or after --threshold, where it replaces one of
the same metric and scope.

Metrics:

`)
	row := func(name, unit, example string) { fmt.Fprintf(&b, "  %-14s%-12s%s\n", name, unit, example) }
	row("metric", "limit", "example")
	for _, m := range verdict.Metrics() {
		name := m.Name
		if m.Name == "p95" {
			name = "p1 to p99.99"
		}
		row(name, units[m.Unit], m.Example)
		fmt.Fprintf(&b, "  %14s%s\n", "", m.About)
		if m.Whole {
			fmt.Fprintf(&b, "  %14sof the whole run only\n", "")
		}
	}
	b.WriteString(`
Scopes, of all but those on the whole run:

  p95{GET /orders/*} < 300ms        these endpoints together; * is any text
  p95{each GET /orders/*} < 300ms   each of them by itself
  error_rate{*} < 1%                each endpoint by itself

How they are judged: p95 < 500ms says that at least 95 % of the attempted requests
were answered rightly within 500 ms, so that a failure is slower than any limit. A
threshold on the whole run passes if the data show that it holds, fails if they
show that it is broken, and is NOT PROVEN between the two. One on endpoints must
not be shown to be broken. The defaults are error_rate < 1%, p95 < 500ms and
error_rate{*} < 1%.

k6's spelling is read too:

`)
	for _, k := range verdict.K6Spellings() {
		fmt.Fprintf(&b, "  %-32s%s\n", k.K6, k.LT)
	}
	b.WriteString(`  p(95)<500, med, avg, rate       p95, p50, mean, error_rate

What differs from k6: a bare number of a duration is milliseconds, as there, but
durations with units are read too. http_req_duration counts failures as slower than
any limit, and the connecting. A tag in braces is the endpoint's name ({name:...});
other tags are refused. No data is never a pass. There is no abortOnFail.`)
	return &cobra.Command{Use: "thresholds", Short: "The metrics that a run can be judged by", Long: b.String()}
}

// scenariosPage is `lt help scenarios`: the language in a page.
const scenariosPage = `List, show and check scenarios.

A scenario is a YAML file that says what users do and how many there are. It is run
by lt run FILE; lt scenarios new writes one to start from.

  target: https://api.example.test
  labels: {service: orders}
  headers: {X-API-Key: $env.MY_KEY}
  load: {users: 50, spawn_rate: 5/s, duration: 5m, warmup: 10s}
  thresholds: ["p95 < 500ms", "p95{GET /orders/*} < 300ms"]
  allow_targets: [api.example.test]
  personas:
    buyer:
      weight: 1
      think: 1s-3s
      start:                               # once per user
        - {post: /login, json: {user: $env.U}, save: {token: $.access_token}}
      tasks:                               # one of them per iteration, by weight
        - name: order
          weight: 3
          steps:
            - {post: /orders, json: {sku: "${pick('a', 'b')}"}, expect: 201, save: {id: $.id}, push: {orders: $.id}}
            - pause: 500ms
            - {get: "/orders/${id}", check: ["$.id == id"]}
        - {take: {id: orders}, delete: "/orders/${id}"}

load is users (with spawn_rate and duration), rate (200/s, an open model) or stages.
A persona is a kind of user; a task is drawn by weight in each iteration; its steps
are requests and pauses. A step has one of get, post, put, patch, delete, head and
options with its path, and may have json or body, headers, expect (the status, or
a list; 2xx unless it says otherwise), check (what must hold of the answer), save
(values of the answer for later steps), push, pick and take (pools of values; a task
whose pool is empty is skipped), when, poll and redirect. ${...} stands for a value,
$env.NAME for one of the environment.

auth logs in once for a run or a user and keeps the token fresh; feeds are rows of CSV
or JSON-lines files; setup and teardown are steps once for a run. docs/scenarios.md in
the repository tells of every key.

Every mistake is reported at once, with its line: lt scenarios validate FILE.`
