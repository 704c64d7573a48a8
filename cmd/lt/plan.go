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
		Timeout: o.timeout, ConnectTimeout: o.connectTimeout, Insecure: o.insecure, OnInconclusive: o.onInconclusive,
		Command: o.command, Resolution: run.Resolution(o.profile.Duration()),
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
		if !seen[row.Endpoint] {
			seen[row.Endpoint] = true
			p.Endpoints = append(p.Endpoints, row.Endpoint)
		}
	}
	host, _ := os.Hostname()
	p.Environment = run.Environment{Host: host, CPUs: runtime.NumCPU(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	return p, checkScopes(p)
}

// checkScopes refuses thresholds that match no endpoint: they would pass for ever.
func checkScopes(p *run.Plan) error {
	var names []string
	for _, e := range p.Endpoints {
		names = append(names, e.Name())
	}
	var errs []error
	for _, t := range p.Thresholds {
		if t.Scope != "" && !slices.ContainsFunc(names, t.Matches) {
			errs = append(errs, hintf(usageErrorf("threshold %q matches no endpoint", t.Expression), "the endpoints are: %s", strings.Join(names, ", ")))
		}
	}
	return errors.Join(errs...)
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
	if all > 0 {
		d := p.Profile.Duration()
		x := verdict.Expected{Requests: counted, Window: d - p.Profile.Warmup, Total: d}
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
