package main

import (
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/smoke"
	"github.com/seed-42693903/lt/internal/text"
)

// smokeCarrier is the scenario whose place a smoke without one takes: its guard and
// its defaults, none of its steps.
const smokeCarrier = "light"

// smokeOptions are everything that decides a smoke.
type smokeOptions struct {
	*runOptions
	scenarioGiven bool
	openapi       string // file or URL; "": the target's own
	safe, probe   bool
	load          bool
	gate          smoke.Gate
	baseline      string
	direct        *url.URL // nil: the upstream is not asked
	directKey     string
	directMap     smoke.Mapping
}

// notForSmoke are the flags of run that say nothing about a smoke.
var notForSmoke = []string{
	"users", "concurrency", "spawn-rate", "duration", "rate", "max-users", "open", "stage", "warmup", "method", "body", "threshold",
	"no-thresholds", "on-inconclusive", "no-preflight", "smoke-first", "no-trace", "dry-run", "csv", "failures",
	"extend", "arrivals", "scrape", "watch-pid", "require-baseline", "save-baseline", "baselines", "prometheus", "otlp",
}

func addSmokeFlags(s *settings) {
	f := s.flags
	s.text("openapi", "", "FILE|URL", "the contract, OpenAPI 3.0 or 3.1 (default: /openapi.json of the target)")
	f.Bool("safe", false, "send only GET, HEAD and OPTIONS")
	f.Bool("probe", false, "look for common paths, too, that no contract knows")
	f.Bool("load", false, "then run the smoke load over a scenario: 20 users, 5/s, 2 minutes")
	s.text("direct", "", "URL", "the upstream behind the gateway: what fails is sent there, too, to tell whose fault it is")
	s.text("direct-key", "", "env:NAME|@FILE|KEY", "the upstream's API key (or LT_DIRECT_KEY)")
	s.text("direct-map", "", "FROM=TO|FILE", "the upstream's paths: /api/v1/=/, or a file of [METHOD] FROM=TO lines")
	s.text("max-p0", "", "N", "blockers of priority P0 that are allowed (default 0)")
	s.text("max-p1", "", "N", "blockers of priority P1 that are allowed (default 0)")
	s.text("min-coverage", "", "PERCENT", "share of the operations that must be exercised, such as 90% (default 0%)")
	addRunFlags(s)
	for _, name := range notForSmoke {
		f.Lookup(name).Hidden = true
	}
	for name, file := range map[string]string{"html": "report.html", "markdown": smoke.MarkdownFile, "junit": "junit.xml", "json": smoke.ResultFile} {
		f.Lookup(name).Usage = "write " + file + " there too (- for stdout)"
	}
	f.Lookup("workload").Usage = "exercise the steps of a workload: health, api, platform, or the personas of a file"
	f.Lookup("baseline").Usage = "an earlier smoke's smoke.json: what is fixed, new and still broken since"
	f.Lookup("confirm-target").Hidden = true
}

// parseSmokeOptions reads everything and reports every mistake at once.
func parseSmokeOptions(s *settings, args []string) (*smokeOptions, error) {
	s.fromEnv("api-key", "concurrency")
	o := &smokeOptions{
		openapi: s.str("openapi"), safe: s.boolean("safe"), probe: s.boolean("probe"), load: s.boolean("load"), baseline: s.str("baseline"),
	}
	for _, name := range notForSmoke {
		if s.typed[name] {
			s.mistakes = append(s.mistakes, hintf(usageErrorf("--%s is for lt run: a smoke sends each operation once", name), "lt smoke --help lists the flags"))
		} else {
			s.drop(name)
		}
	}
	o.gate = smoke.Gate{MaxP0: s.allowed("max-p0"), MaxP1: s.allowed("max-p1"), MinCoverage: s.percentage("min-coverage")}
	o.parseDirect(s)
	what := smokeCarrier
	if len(args) == 1 {
		what = args[0]
		if strings.Contains(what, "://") {
			s.mistakes = append(s.mistakes, hintf(usageErrorf("lt smoke takes a scenario, not a URL"), "--target %s says where, --openapi what the contract is", what))
			what = smokeCarrier
		}
	}
	o.scenarioGiven = len(args) == 1 || s.given("workload")
	if o.load && !o.scenarioGiven {
		s.mistakes = append(s.mistakes, hintf(usageErrorf("--load needs a scenario or a workload: users act in flows, which no contract tells"), "lt smoke --workload api --load"))
	}
	if o.load && o.safe {
		s.mistake("--load and --safe exclude each other: a scenario writes")
	}
	if o.safe && o.scenarioGiven {
		s.mistake("--safe is for the operations of a contract; a scenario's steps are sent as they are")
	}
	if o.openapi != "" && !strings.Contains(o.openapi, "://") {
		if _, err := os.Stat(o.openapi); err != nil {
			s.mistake("--openapi: %w", err)
		}
	}
	if o.baseline != "" {
		if _, err := smoke.Load(o.baseline); err != nil {
			s.mistake("--baseline: %w", err)
		}
	}
	var err error
	if o.runOptions, err = parseRunOptions(s, what); err != nil {
		return nil, err
	}
	o.runOptions.baseline = "" // that of a smoke is a smoke
	if o.directKey != "" {
		o.inURL = append(o.inURL, o.directKey)
		o.redact(s.env)
	}
	// The keys were not known to all when the command was written.
	o.command = strings.Replace(o.redactor.RedactString(o.command), "lt run "+text.Quote(what), strings.TrimSpace("lt smoke "+strings.Join(quoteAll(args), " ")), 1)
	return o, nil
}

func quoteAll(words []string) (out []string) {
	for _, w := range words {
		out = append(out, text.Quote(w))
	}
	return out
}

// allowed is a whole number of at least 0.
func (s *settings) allowed(name string) int {
	v := s.str(name)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		s.mistake("%s %q: want a whole number from 0 on", s.origin(name), v)
		return 0
	}
	return n
}

// percentage is a share of 0 to 1, written as 90% or 0.9.
func (s *settings) percentage(name string) float64 {
	v := s.str(name)
	if v == "" {
		return 0
	}
	number, percent := strings.CutSuffix(v, "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) {
		s.mistake("%s %q: want a share such as 90%% or 0.9", s.origin(name), v)
		return 0
	}
	return x
}

// parseDirect reads how the upstream is asked.
func (o *smokeOptions) parseDirect(s *settings) {
	at := s.str("direct")
	if at == "" {
		for _, name := range []string{"direct-key", "direct-map"} {
			if s.typed[name] {
				s.mistake("--%s says how the upstream is asked: --direct URL says where it is", name)
			}
		}
		return
	}
	u, err := url.Parse(at)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		s.mistake("%s %q: want a URL such as http://127.0.0.1:8001", s.origin("direct"), at)
	case u.User != nil:
		s.mistakes = append(s.mistakes, credentialsInURL())
	default:
		o.direct = u
	}
	key := s.str("direct-key")
	switch {
	case strings.HasPrefix(key, "env:"):
		name := strings.TrimPrefix(key, "env:")
		if o.directKey = s.env.Getenv(name); o.directKey == "" {
			s.mistake("--direct-key env:%s: that variable is not set", name)
		}
	case strings.HasPrefix(key, "@"):
		b, err := os.ReadFile(strings.TrimPrefix(key, "@"))
		if o.directKey = strings.TrimSpace(string(b)); err != nil {
			s.mistake("--direct-key: %w", err)
		}
	default:
		if o.directKey = key; key != "" && s.typed["direct-key"] {
			s.env.warn("a key on the command line can be read by every user of this machine; --direct-key env:NAME and @FILE cannot")
		}
	}
	if _, err := client.AppendRequest(nil, "GET", "/", "host", []client.Header{{Name: "X-API-Key", Value: o.directKey}}, nil); err != nil {
		s.mistake("the upstream's key cannot be sent in a header: it holds a character that none may have")
	}
	if m := s.str("direct-map"); m != "" {
		lines := m
		if !strings.Contains(m, "=") || slices.Contains([]string{"/", "."}, m[:1]) && fileExists(m) {
			b, err := os.ReadFile(m)
			if err != nil {
				s.mistake("--direct-map: %w", err)
				return
			}
			lines = string(b)
		}
		var err error
		if o.directMap, err = smoke.ParseMapping(lines); err != nil {
			s.mistakes = append(s.mistakes, usageErrorf("--direct-map: %w", err))
		}
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
