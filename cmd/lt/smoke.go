package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/smoke"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
	"github.com/seed-42693903/lt/scenarios"
)

// newSmokeCmd is `lt smoke`.
func newSmokeCmd(env *environ) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "smoke [SCENARIO|FILE]",
		Short: "Find what is broken before any load, and the hop to blame",
		Long: `Try every operation of an API once, with data that its contract allows, and
report what is missing, refused or broken, whose fault it is, and at which hop:
client, network, gateway or upstream.

The contract is the target's own /openapi.json, or --openapi. With a scenario or
--workload the steps of its users are tried instead, and held against the contract.
What was created is deleted again.

Exit code 0: all good; 6: there are blockers; 3: there is no target.`,
		Example: `  lt smoke --target http://127.0.0.1:8009 --api-key env:MY_KEY
  lt smoke --reference --faults week9-day3
  lt smoke --workload api --direct http://127.0.0.1:8001 --direct-key env:L01 --direct-map /api/v1/=/
  lt smoke --openapi api.yaml --safe --min-coverage 90%`,
		Args: maxArgs(1),
	}
	s := newSettings(cmd, env)
	addSmokeFlags(s)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := parseSmokeOptions(s, args)
		if err != nil {
			return err
		}
		k := &smoker{env: env, o: o, settings: s, args: args}
		return k.run(cmd.Context())
	}
	return cmd
}

// maxArgs is cobra's, with messages in lt's form.
func maxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return exactArgs(n, "")(cmd, args)
		}
		return nil
	}
}

// A smoker is one `lt smoke` on its way from options to an exit code.
type smoker struct {
	env      *environ
	o        *smokeOptions
	settings *settings
	args     []string
	signals  *interrupts
	guard    *guard
	client   *client.Client
	result   *smoke.Result
}

func (k *smoker) run(parent context.Context) error {
	k.signals = listen(parent)
	defer k.signals.end()
	ctx, end := k.signals.untilFirst()
	defer end()
	if k.o.reference {
		ref, err := startReference(ctx, k.env.Stderr, k.o.faults)
		if err != nil {
			return k.signals.ended(err)
		}
		defer ref.Stop()
		if err := k.o.useReference(k.env, ref); err != nil {
			return err
		}
	}
	if err := k.smoke(ctx); err != nil {
		return k.signals.ended(err)
	}
	dir, err := run.CreateSmoke(k.o.out, k.result.StartedAt)
	if err != nil {
		return hintf(fmt.Errorf("make the smoke's directory: %w", err), "--out DIR says where results go")
	}
	loadCode := exitPass
	if k.o.load && k.result.Verdict == verdict.Pass {
		if loadCode, err = k.load(dir); err != nil {
			return err
		}
	}
	code := k.code()
	if code == exitPass {
		code = loadCode
	}
	k.result.ExitCode = &code
	errs := k.write(dir)
	if len(errs) > 0 {
		code = exitError
	}
	fmt.Fprintf(k.env.Stderr, "exit %d: %s\n", code, meaning(code))
	return &cliError{code: code, err: errors.Join(errs...)}
}

func (k *smoker) code() int {
	if k.result.Verdict != verdict.Pass {
		return exitContract
	}
	return exitPass
}

// smoke does the smoke, again while nothing answers and --wait lasts.
func (k *smoker) smoke(ctx context.Context) error {
	deadline := time.Now().Add(k.o.wait)
	for {
		err := k.once(ctx)
		var absent *smoke.NotReadyError
		if !errors.As(err, &absent) {
			return err
		}
		if time.Now().After(deadline) {
			return hintf(notReadyf("%w", err), "--target URL says where, --wait 60s waits for it, --reference tries lt against its own platform")
		}
		if k.o.wait > 0 {
			k.env.warn(fmt.Sprintf("the target is not ready; waiting up to %s for it", short(k.o.wait)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(waitStep):
		}
	}
}

// once does the smoke once.
func (k *smoker) once(ctx context.Context) error {
	clock := metric.NewClock()
	k.guard = newGuard(k.env, k.o.runOptions)
	k.guard.open.Store(true) // one request at a time is a light load
	opts := k.o.clientOptions(k.env, k.guard, clock)
	opts.MaxBody = smoke.MaxBody
	var err error
	if k.client, err = client.New(opts); err != nil {
		return usageErrorf("%w", err)
	}
	cfg := smoke.Config{
		Target: k.o.target, Client: k.client, Key: k.o.apiKey, Headers: k.o.headers, Redactor: k.o.redactor,
		Safe: k.o.safe, Probe: k.o.probe, Seed: k.o.seed, Gate: k.o.gate,
	}
	if !k.o.seeded {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}
		cfg.Seed = binary.LittleEndian.Uint64(b[:]) >> 11
	}
	if cfg.Contract, err = k.contract(ctx); err != nil {
		return err
	}
	cfg.Generate = !k.o.scenarioGiven || k.o.openapi != ""
	if k.o.scenarioGiven {
		if cfg.Scenario, err = k.scenario(clock, cfg.Seed); err != nil {
			return err
		}
	}
	if k.o.direct != nil {
		opts.Target = k.o.direct
		direct, err := client.New(opts)
		if err != nil {
			return usageErrorf("--direct: %w", err)
		}
		cfg.Direct = &smoke.Direct{Base: k.o.direct, Client: direct, Key: k.o.directKey, Map: k.o.directMap}
	}
	if k.o.target.Scheme == "https" {
		cfg.CheckTLS = k.certificate
	}
	result, err := smoke.Run(ctx, cfg)
	if err != nil {
		return err
	}
	result.LT, result.Labels, result.Reference, result.Insecure = version(), k.o.labels, k.o.reference, k.o.insecure
	result.RunID = run.NewRunID(result.StartedAt, cfg.Seed)
	result.Command = k.o.command
	if k.o.baseline != "" {
		before, err := smoke.Load(k.o.baseline)
		if err != nil {
			return usageErrorf("--baseline: %w", err)
		}
		result.Against(before, k.o.baseline)
	}
	k.result = result
	return nil
}

// contract reads --openapi, or asks the target for its own. It is nil where there
// is none and a scenario does without.
func (k *smoker) contract(ctx context.Context) (*smoke.Contract, error) {
	if at := k.o.openapi; at != "" {
		return readContract(at, func(u *url.URL) ([]byte, error) { return k.fetch(ctx, u) })
	}
	u := *k.o.target
	u.Path = strings.TrimRight(u.Path, "/") + "/openapi.json"
	data, err := k.fetch(ctx, &u)
	var absent *smoke.NotReadyError
	if errors.As(err, &absent) {
		return nil, err
	}
	if err == nil {
		var c *smoke.Contract
		if c, err = smoke.ParseContract(u.String(), data); err == nil {
			return c, nil
		}
	}
	if k.o.scenarioGiven {
		k.env.warn(fmt.Sprintf("there is no contract to judge by: %s: %s", u.String(), err))
		return nil, nil
	}
	return nil, hintf(usageErrorf("there is no contract: %s: %w", u.String(), err),
		"--openapi FILE|URL gives one; lt smoke SCENARIO or --workload api does without")
}

// readContract reads what --openapi names: a file, or what fetch brings.
func readContract(at string, fetch func(*url.URL) ([]byte, error)) (*smoke.Contract, error) {
	var data []byte
	var err error
	if strings.Contains(at, "://") {
		u, parseErr := url.Parse(at)
		if parseErr != nil || u.Host == "" {
			return nil, usageErrorf("--openapi %q: not a URL", at)
		}
		if u.User != nil {
			return nil, credentialsInURL()
		}
		if data, err = fetch(u); err != nil {
			return nil, usageErrorf("--openapi %s: %w", at, err)
		}
	} else if data, err = os.ReadFile(at); err != nil {
		return nil, usageErrorf("--openapi: %w", err)
	}
	c, err := smoke.ParseContract(at, data)
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	return c, nil
}

// fetch reads a document from a URL, with the credential where it is the target's.
func (k *smoker) fetch(ctx context.Context, u *url.URL) ([]byte, error) {
	opts := k.o.clientOptions(k.env, k.guard, metric.NewClock())
	var headers []client.Header
	if u.Host == k.o.target.Host && u.Scheme == k.o.target.Scheme {
		if k.o.apiKey != "" {
			headers = append(headers, client.Header{Name: "X-API-Key", Value: k.o.apiKey})
		}
		headers = append(headers, k.o.headers...)
	}
	data, err := fetchDocument(ctx, opts, u, headers)
	var absent *smoke.NotReadyError
	if errors.As(err, &absent) {
		absent.Reason = k.o.redactor.RedactString(absent.Reason)
	}
	return data, err
}

// fetchDocument reads a document from a URL. The error is a *[smoke.NotReadyError]
// where nothing answers.
func fetchDocument(ctx context.Context, opts client.Options, u *url.URL, headers []client.Header) ([]byte, error) {
	opts.Target, opts.MaxBody = u, 64<<20
	c, err := client.New(opts)
	if err != nil {
		return nil, err
	}
	wire, err := client.AppendRequest(nil, "GET", u.RequestURI(), u.Host, headers, nil)
	if err != nil {
		return nil, err
	}
	conn := c.NewConn()
	defer conn.Close()
	var resp client.Response
	defer resp.Release()
	var sample metric.Sample
	conn.Exchange(ctx, &client.Request{Wire: wire, Keep: true}, &resp, &sample)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case sample.Status == 0:
		return nil, &smoke.NotReadyError{Reason: fmt.Sprintf("nothing answers at %s: %s", u.Redacted(), firstCause(resp.Err, sample))}
	case sample.Outcome != metric.OK:
		return nil, fmt.Errorf("it answers %d", sample.Status)
	}
	return append([]byte(nil), resp.Body...), nil
}

func firstCause(err error, s metric.Sample) string {
	if err != nil {
		return printable(err.Error())
	}
	return s.Class().Key()
}

// scenario is what the smoke sends of the scenario.
func (k *smoker) scenario(clock metric.Clock, seed uint64) (*smoke.Scenario, error) {
	o := k.o.runOptions
	script, err := o.scenario.Compile(scenarios.CompileOptions{
		Client: k.client, Clock: clock, Target: o.target, Key: o.apiKey, Headers: o.headers,
		Timeout: o.timeout, Redactor: o.redactor, Env: o.lookup, Trace: true, Users: 1,
	})
	if err != nil {
		return nil, usageErrorf("%w", err)
	}
	name := o.scenario.Name
	if o.scenario.Workload != "" {
		name = "workload " + o.scenario.Workload
	}
	return &smoke.Scenario{
		Name: name, Endpoints: declared(o.scenario, script),
		Run: func(ctx context.Context, observe func(*smoke.Observed)) {
			defer func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownTime)
				defer cancel()
				script.Teardown(ctx)
			}()
			if e := script.Setup(ctx); e.Failure != nil {
				observe(&smoke.Observed{
					Endpoint: e.Failure.Endpoint, Step: e.Failure.Step, Message: "setup: " + e.Failure.Message,
					Sample: &metric.Sample{Outcome: metric.Extract}, Response: &client.Response{},
				})
			}
			script.Rehearse(ctx, func(r *scenarios.Rehearsed) {
				observe(&smoke.Observed{
					Endpoint: r.Endpoint, Step: r.Step, Wire: r.Wire, Sample: r.Sample, Response: r.Response, Message: r.Message,
				})
			})
		},
	}, nil
}

// declared are the endpoints of a scenario with their shares of its requests.
func declared(sc *scenarios.Scenario, script *scenarios.Script) []smoke.Declared {
	weight := map[string]float64{}
	total := 0.0
	for _, p := range sc.Describe().Personas {
		sum := 0.0
		for _, t := range p.Tasks {
			sum += float64(t.Weight)
		}
		for _, t := range p.Tasks {
			for _, step := range t.Steps {
				w := float64(p.Weight) * float64(t.Weight) / max(sum, 1)
				if strings.HasPrefix(step, "pause ") {
					continue
				}
				weight[step] += w
				total += w
			}
		}
	}
	at := map[metric.Endpoint]int{}
	var out []smoke.Declared
	for _, row := range script.Rows() {
		i, ok := at[row.Endpoint]
		if !ok {
			i = len(out)
			at[row.Endpoint] = i
			out = append(out, smoke.Declared{Endpoint: row.Endpoint, Weight: weight[row.Endpoint.Name()] / max(total, 1)})
		}
		out[i].Steps = append(out[i].Steps, row.Step)
	}
	return out
}

// write writes the smoke's files, smoke.json last, the copies that were asked for,
// and the summary on stdout.
func (k *smoker) write(dir *run.Dir) (errs []error) {
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	piped := false
	opts := report.Options{Dir: dir.Path, Verbose: k.o.verbose}
	for _, f := range report.SmokeFormats() {
		if f.File == "" {
			continue
		}
		render := func(w io.Writer) error { return f.Render(w, k.result, opts) }
		switch path := k.o.copies[f.Name]; path {
		case "":
		case "-":
			piped = true
			add(render(k.env.Stdout))
		default:
			err := os.MkdirAll(filepath.Dir(path), 0o777)
			if err == nil {
				err = run.WriteFile(path, render)
			}
			add(err)
		}
		add(dir.Write(f.File, render))
	}
	if !k.o.quiet && !piped {
		opts.Color, opts.Width = k.o.color(k.env)
		add(report.SmokeTerminal(k.env.Stdout, k.result, opts))
	}
	return errs
}
