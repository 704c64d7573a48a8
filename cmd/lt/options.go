package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed-42693903/lt/fixtures/faults"
	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/probe"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/report"
	"github.com/seed-42693903/lt/scenarios"
)

const (
	defaultTarget = "http://127.0.0.1:8009"
	defaultOut    = "lt-results"
	urlUsers      = 10
	urlDuration   = 10 * time.Second
)

// runOptions are everything that a run's command line, environment and scenario
// decide, checked and complete.
type runOptions struct {
	scenario       *scenarios.Scenario
	isURL          bool
	target         *url.URL
	reference      bool
	faults         string
	profile        load.Profile
	ownLoad        bool // the scenario's load as it is, so that its thresholds for it hold
	thresholds     []verdict.Threshold
	headers        []client.Header
	apiKey         string
	inURL          []string // secrets in the query of a URL that is run, and in its body
	redactor       *client.Redactor
	insecure       bool
	conn           connection
	timeout        time.Duration
	connectTimeout time.Duration
	labels         map[string]string
	wait           time.Duration
	seeded         bool
	noPreflight    bool
	smokeFirst     bool
	noTrace        bool
	dryRun         bool
	confirmed      string        // host
	ui             *string       // where to show the run; empty: at the default; nil: nowhere
	linger         time.Duration // how long the view stays after the run
	prometheus     string        // address to serve the run's metrics at
	otlp           *string       // where to send them; empty: where OpenTelemetry's variables say
	out            string
	copies         map[string]string // format -> path
	seed           uint64
	onInconclusive string
	firstLook      time.Duration // of a run that may go on once; 0: it may not
	quiet, verbose bool
	brief          bool // in a suite: the index says the rest
	noColor        bool
	command        string

	places                 places
	baseline, saveBaseline string
	requireBaseline        bool
	class                  string                      // of the runner; empty: as the machine says
	lookup                 func(string) (string, bool) // of the environment
	scrape                 []*url.URL                  // pages of metrics
	watched                []probe.Source              // processes
	watchedPIDs            []int
}

func addRunFlags(s *settings) {
	f := s.flags
	s.text("target", "", "URL", "base URL of the target (default "+defaultTarget+")")
	f.Bool("reference", false, "start lt's own reference platform, and aim at it")
	s.text("faults", "", "NAME|FILE", "fault profile of the reference platform")
	s.text("workload", "", "NAME|FILE", "what the users do: health, api, or the personas of a file")
	s.text("users", "u", "N", "virtual users (also -c)")
	s.text("concurrency", "c", "N", "same as --users")
	f.Lookup("concurrency").Hidden = true
	s.text("spawn-rate", "", "RATE", "users started per second")
	s.text("duration", "d", "DURATION", "total duration, ramp included")
	s.text("rate", "", "RATE", "open model: iterations per second, such as 200/s")
	s.text("max-users", "", "N", "open model: users at most (default 10000)")
	s.text("arrivals", "", "even|poisson", "open model: iterations start evenly spaced (default), or at random")
	f.Bool("open", false, "open model at the rate that the users would ask for: users / mean think time")
	s.list("stage", "", "DURATION:TARGET", "linear ramp to TARGET users, or iterations/s with --open (repeatable)")
	s.text("warmup", "", "DURATION", "time before the figures start")
	s.text("timeout", "", "DURATION", "of a request, from sent to its last byte (default 30s)")
	s.text("connect-timeout", "", "DURATION", "of a connection (default 5s)")
	s.text("api-key", "", "env:NAME|@FILE|-|KEY", "the API key (or LT_API_KEY)")
	s.list("header", "H", "'NAME: VALUE'", "header of every request (repeatable)")
	s.text("method", "X", "METHOD", "with a URL: the method")
	s.text("body", "", "TEXT|@FILE", "with a URL: the request's body")
	f.BoolP("insecure", "k", false, "do not verify TLS certificates; stamped on the report")
	addConnectionFlags(s)
	s.list("threshold", "", "'p95 < 500ms'", "replaces one of the same metric and scope, else adds (repeatable)")
	f.Bool("no-thresholds", false, "drop all thresholds but those of --threshold")
	s.text("on-inconclusive", "", "fail|warn", "whether NOT PROVEN fails (exit 5, the default) or only warns (exit 0)")
	s.text("extend", "", "FACTORx", "go on once, to FACTOR times the duration (2x), if the run is not decided by then")
	s.list("label", "", "NAME=VALUE", "label of the run, such as commit=4f2a91c (repeatable)")
	addWatchFlags(s)
	s.text("wait", "", "DURATION", "wait so long for the target to answer")
	f.Bool("no-preflight", false, "send no request before the load")
	f.Bool("smoke-first", false, "try every step once before the load, and stop there (exit 6) when something is broken")
	f.Bool("no-trace", false, "send no traceparent header")
	f.Bool("dry-run", false, "print the plan and stop; with -v the first requests of each persona too")
	s.text("confirm-target", "", "HOST", "allow more than 50 requests/s to this public host")
	s.text("out", "", "DIR", "where results go (default "+defaultOut+")")
	addBaselineFlags(s)
	for _, r := range report.Formats() {
		if r.File != "" {
			s.text(r.Name, "", "PATH", "write "+r.File+" there too (- for stdout): "+r.About)
		}
	}
	addUIFlags(s)
	addExportFlags(s)
	s.text("seed", "", "N", "seed of everything random (default: a new one, reported)")
	f.BoolP("quiet", "q", false, "print no progress and no summary")
	f.BoolP("verbose", "v", false, "print more of the summary")
	f.Bool("no-color", false, "no colours (also NO_COLOR)")
}

// parseRunOptions reads everything and reports every mistake at once.
func parseRunOptions(s *settings, what string) (*runOptions, error) {
	s.fromEnv("api-key", "concurrency")
	o := &runOptions{
		lookup: s.env.lookup, reference: s.boolean("reference"), insecure: s.boolean("insecure"), noPreflight: s.boolean("no-preflight"),
		smokeFirst: s.boolean("smoke-first"),
		noTrace:    s.boolean("no-trace"),
		dryRun:     s.boolean("dry-run"), quiet: s.boolean("quiet"), verbose: s.boolean("verbose"), noColor: s.boolean("no-color"),
		faults: s.str("faults"), confirmed: s.str("confirm-target"), out: s.str("out"),
		timeout: s.duration("timeout", client.DefaultTimeout), connectTimeout: s.duration("connect-timeout", client.DefaultConnectTimeout),
		wait: s.duration("wait", 0), labels: s.pairs("label"), seed: s.seed("seed", 0), seeded: s.given("seed"), onInconclusive: s.str("on-inconclusive"),
		copies: map[string]string{},
	}
	for _, f := range report.Formats() {
		if f.File != "" {
			o.copies[f.Name] = s.str(f.Name)
		}
	}
	if o.out == "" {
		o.out = defaultOut
	}
	if o.onInconclusive != "" && o.onInconclusive != "fail" && o.onInconclusive != "warn" {
		s.mistake("%s %q: want fail or warn", s.origin("on-inconclusive"), o.onInconclusive)
	}
	for name, d := range map[string]time.Duration{"timeout": o.timeout, "connect-timeout": o.connectTimeout} {
		if d == 0 {
			s.mistake("--%s 0s: a request needs some time", name)
		}
	}
	if o.faults != "" && !o.reference {
		s.mistakes = append(s.mistakes, hintf(usageErrorf("--faults %s: only the reference platform fails by order", o.faults), "add --reference"))
	} else if o.faults != "" {
		if _, err := loadFaults(o.faults, faults.Gateway, faults.Datalayer); err != nil {
			s.mistakes = append(s.mistakes, err)
		}
	}
	if !s.suite {
		for _, name := range []string{"cooldown", "continue"} {
			if s.given(name) {
				s.mistakes = append(s.mistakes, hintf(usageErrorf("--%s is for a suite", name), "lt run suite"))
			}
		}
	}
	o.parseBaseline(s)
	o.class = s.env.Getenv("LT_ENV_CLASS")
	o.parseHeaders(s)
	o.parseExport(s)
	o.parseUI(s)
	o.parseKey(s)
	o.parseScenario(s, what)
	o.parseWatched(s)
	if o.scenario != nil {
		o.parseTarget(s)
		o.parseConnection(s)
		o.parseLoad(s)
		o.parseExtend(s)
		o.parseThresholds(s)
		for k, v := range o.scenario.Labels {
			if _, ok := o.labels[k]; !ok {
				o.labels[k] = v
			}
		}
	}
	o.redact(s.env)
	if err := errors.Join(s.mistakes...); err != nil {
		return nil, err
	}
	o.command = o.repeat(s, what)
	return o, nil
}

func (o *runOptions) parseHeaders(s *settings) {
	for _, h := range s.flag("header").values {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			s.mistake("-H: want 'NAME: VALUE' such as 'Accept: application/json'")
			continue
		}
		if _, err := client.AppendRequest(nil, "GET", "/", "host", []client.Header{{Name: name, Value: value}}, nil); err != nil {
			s.mistake("-H %s: %w", name, err)
			continue
		}
		o.headers = append(o.headers, client.Header{Name: name, Value: value})
	}
}

// parseKey reads --api-key, or LT_API_KEY, which holds the key itself.
func (o *runOptions) parseKey(s *settings) {
	if s.key != "" { // of a suite's first scenario: standard input gives it once
		o.apiKey = s.key
		return
	}
	defer func() { s.key = o.apiKey }()
	v := s.str("api-key")
	if !s.given("api-key") {
		o.apiKey = s.env.Getenv("LT_API_KEY")
		return
	}
	var err error
	switch {
	case v == "":
		err = errors.New("is empty")
	case v == "-":
		var line string
		line, err = bufio.NewReader(io.LimitReader(s.env.Stdin, 64<<10)).ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			err = nil
		} else if err == nil || err == io.EOF {
			err = errors.New("-: there is no key on standard input")
		}
		o.apiKey = line
	case strings.HasPrefix(v, "env:"):
		name := strings.TrimPrefix(v, "env:")
		if o.apiKey = s.env.Getenv(name); o.apiKey == "" {
			err = fmt.Errorf("env:%s: that variable is not set", name)
		}
	case strings.HasPrefix(v, "@"):
		var b []byte
		b, err = os.ReadFile(strings.TrimPrefix(v, "@"))
		if o.apiKey = strings.TrimSpace(string(b)); err == nil && o.apiKey == "" {
			err = fmt.Errorf("%s: the file is empty", v)
		}
	default:
		o.apiKey = v
		s.env.warn("a key on the command line can be read by every user of this machine; --api-key env:NAME and @FILE cannot")
	}
	if err != nil {
		s.mistake("--api-key: %w", err)
	}
	if o.apiKey != "" {
		if _, err := client.AppendRequest(nil, "GET", "/", "host", []client.Header{{Name: "X-API-Key", Value: o.apiKey}}, nil); err != nil {
			s.mistake("the API key cannot be sent in a header: it holds a character that none may have")
		}
	}
}

// parseScenario finds out what is to be run.
func (o *runOptions) parseScenario(s *settings, what string) {
	var err error
	if o.isURL = strings.Contains(what, "://"); o.isURL {
		var body []byte
		if v := s.str("body"); strings.HasPrefix(v, "@") {
			if body, err = os.ReadFile(strings.TrimPrefix(v, "@")); err != nil {
				s.mistake("--body: %w", err)
			}
		} else if v != "" {
			body = []byte(v)
		}
		method := strings.ToUpper(s.str("method"))
		if method == "" {
			method = "GET"
			if body != nil {
				method = "POST"
			}
		}
		if s.typed["target"] {
			s.mistake("--target is the URL's own when a URL is run")
		}
		if s.typed["workload"] {
			s.mistake("--workload: a URL has no personas")
		}
		if u, err := url.Parse(what); err == nil {
			o.inURL = append(formSecrets(u.RawQuery), formSecrets(string(body))...)
			if u.User != nil {
				s.mistakes = append(s.mistakes, credentialsInURL())
				return
			}
		}
		o.scenario, err = scenarios.FromURL(what, method, nil, body)
	} else {
		for _, name := range []string{"method", "body"} {
			if s.typed[name] {
				s.mistake("--%s is for running a URL; a scenario's steps say theirs", name)
			}
		}
		o.scenario, err = scenarios.Load(what)
	}
	if err != nil {
		err = usageErrorf("%w", err)
		if what == "smoke" {
			err = hintf(err, "smoke is a command of its own: lt smoke, with its load lt smoke --load")
		}
		s.mistakes = append(s.mistakes, err)
		o.scenario = nil
		return
	}
	if w := s.str("workload"); w != "" && !o.isURL {
		if err := o.scenario.SetWorkload(w); err != nil {
			s.mistakes = append(s.mistakes, usageErrorf("%w", err))
		}
	}
}

func credentialsInURL() error {
	return hintf(usageErrorf("the URL carries a user name or password, which would end up in reports"),
		"use --api-key, or -H 'Authorization: ...'")
}

func (o *runOptions) parseTarget(s *settings) {
	text := o.scenario.Target
	origin := "the scenario's target"
	if s.exclude("reference", "target") {
		s.mistake("--reference and %s exclude each other: the reference platform is the target", s.origin("target"))
	}
	o.reference = s.boolean("reference")
	if s.given("target") && !o.isURL {
		text, origin = s.str("target"), s.origin("target")
	}
	if o.reference {
		if o.isURL {
			s.mistake("--reference and a URL exclude each other: the URL is the target")
		}
		text = "http://127.0.0.1:1" // until it has been started
	}
	if text == "" {
		text, origin = defaultTarget, "the default target"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		s.mistake("%s: not a URL", origin)
	case u.User != nil:
		s.mistakes = append(s.mistakes, credentialsInURL())
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		s.mistake("%s %q: want a URL such as http://127.0.0.1:8009", origin, text)
	case (u.RawQuery != "" || u.Fragment != "") && !o.isURL:
		s.mistake("%s %q: a base URL has no query and no fragment", origin, text)
	default:
		o.target = u
	}
}

// useReference aims the run at the platform that has been started for it.
func (o *runOptions) useReference(env *environ, ref *reference) error {
	u, err := url.Parse(ref.URL)
	if err != nil {
		return err
	}
	o.target = u
	o.apiKey = ref.Key
	o.redact(env)
	return nil
}

// parseThresholds is default < scenario < flag; each replaces one of the same
// metric and scope.
func (o *runOptions) parseThresholds(s *settings) {
	parse := func(texts []string, source, origin string) (out []verdict.Threshold) {
		for _, text := range texts {
			t, err := verdict.ParseThreshold(text)
			if err != nil {
				s.mistake("%s%w", origin, err)
				continue
			}
			t.Source = source
			out = append(out, t)
		}
		return out
	}
	o.thresholds = verdict.Default()
	o.thresholds = verdict.Merge(o.thresholds, parse(o.scenario.Thresholds, "scenario", ""))
	if o.ownLoad {
		o.thresholds = verdict.Merge(o.thresholds, parse(o.scenario.Load.Thresholds, "scenario", ""))
	}
	if s.boolean("no-thresholds") {
		o.thresholds = nil
	}
	given := parse(s.flag("threshold").values, "flag", "")
	o.noteK6(s)
	for i, t := range given {
		if len(verdict.Merge(given[:i], []verdict.Threshold{t})) == i {
			s.mistakes = append(s.mistakes, hintf(usageErrorf("--threshold %q: there is another one on the same metric", t.Expression), "a run has one limit for a metric and scope"))
		}
	}
	o.thresholds = verdict.Merge(o.thresholds, given)
}

// color says whether to colour what goes to stdout, and how wide it is.
func (o *runOptions) color(env *environ) (color bool, width int) {
	f, ok := env.terminal(env.Stdout)
	if !ok {
		return false, 0
	}
	return !o.noColor && env.Getenv("NO_COLOR") == "", terminalWidth(f)
}
