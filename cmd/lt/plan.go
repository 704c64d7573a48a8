package main

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
	"github.com/seed-42693903/lt/scenarios"
)

// newPlan is what run.json will say.
func newPlan(o *runOptions, script *scenarios.Script) (*run.Plan, error) {
	p := &run.Plan{
		Schema: run.Schema, LT: version(), Scenario: o.scenario.Name, ScenarioDigest: o.scenario.Digest(),
		Purpose: o.scenario.Description, Workload: o.scenario.Workload, Target: o.target.String(), Reference: o.reference,
		Labels: o.labels, Seed: o.seed, Profile: o.profile, Thresholds: slices.Clone(o.thresholds),
		Timeout: o.timeout, ConnectTimeout: o.connectTimeout, Insecure: o.insecure, Connections: o.conn.connections, NoKeepAlive: o.conn.noKeepAlive, OnInconclusive: o.onInconclusive, FirstLook: o.firstLook,
		Command: o.command, Resolution: run.Resolution(o.profile.Duration()),
	}
	if o.conn.http2 {
		p.HTTP = "2"
	}
	if o.conn.proxy != nil {
		p.Proxy = o.conn.proxy.Scheme + "://" + o.conn.proxy.Host
	}
	if !o.seeded {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		p.Seed = binary.LittleEndian.Uint64(b[:]) >> 11 // fits a JSON number
		p.Command += fmt.Sprintf(" --seed %d", p.Seed)
	}
	if p.Profile.Model == metric.Closed {
		p.Think.Min, p.Think.Mean, p.Think.Max = script.Think()
	}
	seen := map[metric.Endpoint]bool{}
	for _, row := range script.Rows() {
		if !slices.Contains(p.Personas, row.Persona) {
			p.Personas = append(p.Personas, row.Persona)
		}
		if !seen[row.Endpoint] {
			seen[row.Endpoint] = true
			p.Endpoints = append(p.Endpoints, row.Endpoint)
		}
	}
	if len(p.Personas) < 2 {
		p.Personas = nil
	}
	p.Hops = []string{run.HopUpstream} // any answer may tell of it
	host, _ := os.Hostname()
	p.Environment = run.Environment{Host: host, CPUs: runtime.NumCPU(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: processor()}
	if p.Environment.Class = o.class; p.Environment.Class == "" {
		p.Environment.Class = fmt.Sprintf("%s/%d", p.Environment.OS, p.Environment.CPUs)
	}
	return p, checkScopes(p)
}

// checkScopes refuses thresholds that match nothing: they would pass for ever, or
// could never be decided.
func checkScopes(p *run.Plan) error {
	kinds := []struct {
		prefix, noun, nouns string
		names               []string
	}{
		{verdict.PersonaScope, "persona", "personas", prefixed(verdict.PersonaScope, p.Personas)},
		{verdict.HopScope, "hop", "hops", prefixed(verdict.HopScope, p.Hops)},
		{"", "endpoint", "endpoints", nil},
	}
	for _, e := range p.Endpoints {
		kinds[2].names = append(kinds[2].names, e.Name())
	}
	var errs []error
	for _, t := range p.Thresholds {
		if t.Scope == "" {
			continue
		}
		for _, k := range kinds {
			if !strings.HasPrefix(t.Scope, k.prefix) {
				continue
			}
			err := usageErrorf("threshold %q matches no %s", t.Expression, k.noun)
			switch {
			case slices.ContainsFunc(k.names, t.Matches):
			case len(k.names) == 0:
				errs = append(errs, hintf(err, "this run measures no %s by themselves", k.nouns))
			default:
				errs = append(errs, hintf(err, "the %s are: %s", k.nouns, strings.Join(k.names, ", ")))
			}
			break
		}
	}
	return errors.Join(errs...)
}

func prefixed(prefix string, names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, prefix+n)
	}
	return out
}

// expected is how many requests the plan leads to, the counted ones and all; 0:
// it depends on the target.
func (r *runner) expected() (counted, all float64) {
	p := &r.plan.Profile
	each := r.script.IterationRequests() // per iteration
	if p.Model == metric.Closed {
		if r.plan.Think.Mean <= 0 {
			return 0, 0
		}
		each /= r.plan.Think.Mean.Seconds() // per user and second
	}
	start := r.script.StartRequests() * p.Peak()
	if p.Model == metric.Open {
		start = 0 // the users are as many as the target makes necessary
	}
	total, warm := p.Area(p.Duration()), p.Area(p.Warmup)
	if p.Warmup == 0 {
		return each*total + start, each*total + start
	}
	return each * (total - warm), each*total + start
}

// peakRate is the most requests per second that the plan asks for; 0: it depends
// on the target.
func (r *runner) peakRate() float64 {
	rate := r.script.IterationRequests() * r.plan.Profile.Peak()
	if r.plan.Profile.Model == metric.Open {
		return rate
	}
	if r.plan.Think.Mean <= 0 {
		return 0
	}
	return rate / r.plan.Think.Mean.Seconds()
}

// printPlan says what is going to be done, and what it will not be able to show.
func (r *runner) printPlan() {
	if r.o.quiet && !r.o.dryRun {
		return
	}
	w := r.env.Stderr
	if r.o.dryRun {
		w = r.env.Stdout
	}
	p := r.plan
	line := func(key, format string, args ...any) {
		fmt.Fprintf(w, "  %-11s %s\n", key, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "lt: run %s", p.Scenario)
	if p.Purpose != "" {
		fmt.Fprintf(w, " - %s", p.Purpose)
	}
	fmt.Fprintln(w)
	switch {
	case r.o.reference && r.o.dryRun:
		line("target", "lt's reference platform, started for the run")
	case r.o.reference:
		line("target", "%s (lt's reference platform)", p.Target)
	default:
		line("target", "%s", p.Target)
	}
	if p.Insecure {
		line("", "TLS certificates are NOT verified (-k)")
	}
	if how := r.o.conn.describe(); how != "" {
		line("connection", "%s", how)
	}
	line("load", "%s; %s model", p.Load(), p.Profile.Model)
	if personas := r.o.scenario.Describe().Personas; len(personas) > 1 || p.Workload != "" {
		var names []string
		for _, d := range personas {
			names = append(names, fmt.Sprintf("%s %d", d.Name, d.Weight))
		}
		line("workload", "%s: %s", cmp.Or(p.Workload, p.Scenario), strings.Join(names, ", "))
	}
	if p.Profile.Model == metric.Closed && p.Think.Max > 0 {
		line("think", "%s to %s between iterations", short(p.Think.Min), short(p.Think.Max))
	}
	counted, all := r.expected()
	if p.Profile.Warmup >= p.Profile.Duration() {
		line("undecidable", "everything: the warm-up of %s leaves no time to measure; make the run longer", short(p.Profile.Warmup))
	}
	if all > 0 {
		line("expect", "about %s requests; %s count, from %s on", thousands(all), thousands(counted), short(p.Profile.Warmup))
	} else {
		line("expect", "as many requests as the target answers; they count from %s on", short(p.Profile.Warmup))
	}
	var texts []string
	for _, t := range p.Thresholds {
		texts = append(texts, t.Expression)
	}
	if len(texts) == 0 {
		texts = []string{"none: nothing is judged"}
	}
	line("thresholds", "%s", strings.Join(texts, "; "))
	if p.FirstLook > 0 {
		line("extend", "it ends after %s if it is decided by then, else after %s; each look errs in half as many runs", short(p.FirstLook), short(p.Profile.Duration()))
	}
	if all > 0 {
		d := p.Profile.Duration()
		x := verdict.Expected{Requests: counted, Window: d - p.Profile.Warmup, Total: d, Looks: 1}
		if p.FirstLook > 0 {
			x.Looks = 2
		}
		x.Ceiling = counted / x.Window.Seconds()
		for _, t := range p.Thresholds {
			if f, ok := verdict.Forecast(t, x); ok {
				line("undecidable", "%s", f.Sentence)
			}
		}
	}
}

// short is a duration as people write it: 13s, 1m30s.
func short(d time.Duration) string {
	if d >= time.Second {
		d = d.Round(100 * time.Millisecond)
	}
	return text.Duration(d)
}

// thousands is a rounded number with separators: 12,300.
func thousands(x float64) string {
	if x >= 100 {
		digits := math.Pow10(int(math.Log10(x)) - 2)
		x = math.Round(x/digits) * digits
	}
	return text.Thousands(fmt.Sprintf("%.0f", x))
}

// processor is the model of the machine's processor, where the system tells it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
