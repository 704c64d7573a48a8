package smoke

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
)

// MaxBody is how long an answer's body may be; [Config.Client] should be made with
// it.
const MaxBody = 16 << 20

// A Config is what a smoke does and to whom.
type Config struct {
	Target   *url.URL
	Client   *client.Client // for Target
	Contract *Contract      // nil: there is none to judge by
	Generate bool           // exercise the contract's operations
	Scenario *Scenario      // nil: none
	Direct   *Direct        // nil: the upstream is not asked
	Key      string         // the credential: an API key, a token, user:password or id:secret, as the contract says
	Headers  []client.Header
	Redactor *client.Redactor
	Safe     bool // send only GET, HEAD and OPTIONS
	Probe    bool // look for common paths that the contract does not know
	Seed     uint64
	Gate     Gate

	// CheckTLS tells of the certificate of the target's host; nil: it is not looked at.
	CheckTLS func(ctx context.Context) Check
}

// A Scenario is what a scenario sends, and how it is run once.
type Scenario struct {
	Name      string
	Endpoints []Declared
	// Run sends every step once, as far as it can, and tells of each exchange before
	// the next. What it hands over is valid during the call only.
	Run func(ctx context.Context, observe func(*Observed))
}

// A Declared is an endpoint that a scenario's steps name.
type Declared struct {
	Endpoint metric.Endpoint
	Weight   float64 // its share of the scenario's requests
	Steps    []string
}

// A NotReadyError says that there is no target to exercise.
type NotReadyError struct{ Reason string }

func (e *NotReadyError) Error() string { return e.Reason }

// An engine is one smoke under way.
type engine struct {
	cfg    Config
	conn   *client.Conn
	plan   *Plan // nil without a contract
	store  *store
	gen    *generator
	rng    *rand.Rand
	result *Result
	traits hop.Traits

	base    string // path before the contract's paths
	routes  map[string]bool
	rows    map[string]*Operated
	order   []string
	answers map[string]*sent // that decided a row
	refused string           // why the credential is refused; "": it is not
	auth    *authenticator
}

// Run does a smoke. The error is a *[NotReadyError] where nothing answers, or that
// of ctx. The result's identity (RunID, LT, labels, command) is the caller's.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	e := &engine{
		cfg: cfg, conn: cfg.Client.NewConn(), store: newStore(), rng: rand.New(rand.NewPCG(cfg.Seed, 1)),
		routes: map[string]bool{}, rows: map[string]*Operated{}, answers: map[string]*sent{},
	}
	defer e.conn.Close()
	started := time.Now()
	e.result = &Result{
		Schema: Schema, Target: cfg.Target.String(), StartedAt: started.UTC(), Seed: cfg.Seed, Safe: cfg.Safe, Gate: cfg.Gate,
		Health: []Check{}, Operations: []Operated{}, Blockers: []Blocker{}, Reasons: []string{},
	}
	e.gen = &generator{contract: cfg.Contract, rng: e.rng, run: fmt.Sprintf("%06x", e.rng.Uint64()&0xffffff), now: started}
	e.base = strings.TrimRight(cfg.Target.EscapedPath(), "/")
	if c := cfg.Contract; c != nil {
		e.plan = NewPlan(c)
		if b := c.BasePath(); b != "" && !strings.HasSuffix(e.base, b) {
			e.base += b
		}
		e.result.Contract = &ContractInfo{
			Source: c.Source, Title: c.Title, Version: c.Version, OpenAPI: c.OpenAPI, Operations: len(c.Operations), Warnings: c.Warnings,
		}
	}
	if cfg.Direct != nil {
		e.result.Direct = cfg.Direct.Base.String()
	}
	if cfg.Scenario != nil {
		e.result.Scenario = cfg.Scenario.Name
	}
	e.auth = newAuthenticator(e)
	e.declare()
	if err := e.health(ctx); err != nil {
		return nil, err
	}
	e.calibrate(ctx)
	e.credential(ctx)
	if cfg.Scenario != nil {
		cfg.Scenario.Run(ctx, func(o *Observed) { e.observe(ctx, o) })
	}
	if cfg.Generate && cfg.Contract != nil {
		for _, s := range e.plan.Steps {
			if ctx.Err() != nil {
				break
			}
			e.exercise(ctx, s)
		}
	}
	e.cleanUp(ctx)
	if cfg.Probe {
		e.probe(ctx)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	e.judgeAll()
	e.result.DurationS = float64(time.Since(started).Round(time.Millisecond)) / float64(time.Second)
	e.result.Finish()
	return e.result, nil
}

// declare makes a row for every operation that is expected.
func (e *engine) declare() {
	if sc := e.cfg.Scenario; sc != nil {
		for _, d := range sc.Endpoints {
			e.add(&Operated{
				Name: d.Endpoint.Name(), Method: d.Endpoint.Method, Path: d.Endpoint.Path, Weight: d.Weight, Steps: d.Steps,
				State: NotExercised, Reason: "no step reached it",
			})
		}
	}
	if e.cfg.Generate && e.cfg.Contract != nil {
		for _, o := range e.cfg.Contract.Operations {
			if e.rows[o.Name()] == nil {
				e.add(&Operated{Name: o.Name(), Method: o.Method, Path: o.Path, OperationID: o.ID, State: NotExercised, Expected: expected(o)})
			}
		}
		if e.cfg.Scenario == nil {
			for _, r := range e.rows {
				r.Weight = 1 / float64(len(e.rows))
			}
		}
	}
}

func (e *engine) add(r *Operated) {
	if e.rows[r.Name] == nil {
		e.rows[r.Name] = r
		e.order = append(e.order, r.Name)
	}
}

// calibrate learns what a path answers that nobody serves.
func (e *engine) calibrate(ctx context.Context) {
	prefixes := map[string]bool{"": true}
	note := func(path string) {
		s := segments(path)
		for i := range min(2, len(s)-1) {
			if p := "/" + strings.Join(s[:i+1], "/"); !strings.Contains(p, "{") {
				prefixes[p] = true
			}
		}
	}
	for _, r := range e.rows {
		note(r.Path)
	}
	served := 0
	for i, p := range sortedKeys(prefixes) {
		if i == 20 {
			break
		}
		base := e.base
		if e.cfg.Scenario != nil && !e.cfg.Generate {
			base = strings.TrimRight(e.cfg.Target.EscapedPath(), "/")
		}
		r := &request{Method: "GET", Target: base + p + "/lt-smoke-" + e.gen.run + strconv.Itoa(i)}
		e.auth.apply(ctx, r, nil)
		x := e.send(ctx, r)
		switch {
		case x.status() == 404:
			e.routes[routeSign(x)] = true
		case x.ok():
			served++
		}
	}
	if served > 0 {
		e.result.Notes = append(e.result.Notes, fmt.Sprintf("%d paths that nobody can have made answer 2xx: the target has a catch-all, and a missing route may look present", served))
	}
}

// exercise tries one documented operation.
func (e *engine) exercise(ctx context.Context, s *Step) {
	row := e.rows[s.Name()]
	if e.cfg.Safe && !s.Safe() {
		e.skip(row, "--safe sends only GET, HEAD and OPTIONS", "")
		return
	}
	if e.refused != "" && e.auth.secured(s.Operation) {
		e.skip(row, e.refused, credentialRow)
		return
	}
	mutates := s.Role == Updates || s.Role == Deletes || s.Role == Acts
	args, known, m, own, missing := e.pick(s, mutates)
	var current map[string]any
	if m != nil {
		current = m.fields
	}
	blame, why := e.blame(missing)
	if len(missing) > 0 && mutates && !e.harmless(s, missing) {
		e.skip(row, why, blame)
		return
	}
	r, cannot := e.build(ctx, s, args, known, current)
	if cannot != "" {
		e.skip(row, cannot, "")
		return
	}
	x := e.send(ctx, r)
	e.fill(x, s, args, m, own)
	x.madeUp = len(missing) > 0
	if x.madeUp && e.state(x) == Refused {
		reason := why
		if x.status() == 404 {
			reason += "; the route is there: it answers 404 to an id that nobody has"
		} else {
			reason += fmt.Sprintf("; with one made up it answers %d", x.status())
		}
		row.Requests++
		e.skip(row, reason, blame)
		return
	}
	if x.status() == 404 && own && m != nil {
		x = e.tryOtherIDs(ctx, s, args, known, m, x)
	}
	e.settle(ctx, row, x)
	if s.Role == Deletes && x.ok() && m != nil && !m.deleted {
		m.deleted = true
		e.result.Rows.Deleted++
	}
}

// harmless reports whether a request of a method that changes something may be sent
// with an id that was made up: a text, which nobody has.
func (e *engine) harmless(s *Step, missing []Need) bool {
	for _, n := range missing {
		if n.In != "path" {
			continue
		}
		for _, p := range s.Params {
			if p.In != "path" || p.Name != n.Name {
				continue
			}
			f := flatten(paramSchema(p), 0)
			if kind(f) != "string" || len(f.Enum) > 0 || p.Example != nil || f.Example != nil || f.Default != nil {
				return false
			}
		}
	}
	return true
}

// blame says why needs have no value: the operation whose failure explains it, and
// the reason in words.
func (e *engine) blame(missing []Need) (by, why string) {
	for _, n := range missing {
		what := "the parameter " + n.Name
		if n.In == "body" {
			what = "the field " + n.Name
		}
		var makers []string
		for _, s := range e.plan.Steps {
			if s.Role != Creates || s.Makes != n.Collection {
				continue
			}
			makers = append(makers, s.Name())
			r := e.rows[s.Name()]
			if r == nil {
				continue
			}
			switch {
			case r.ExplainedBy != "":
				return r.ExplainedBy, fmt.Sprintf("there is no value for %s: %s could not be exercised", what, s.Name())
			case r.State != NotExercised && !r.State.Works():
				return s.Name(), fmt.Sprintf("there is no value for %s: %s failed", what, s.Name())
			}
			why = fmt.Sprintf("there is no value for %s: %s gave none", what, s.Name())
		}
		if why == "" {
			why = fmt.Sprintf("there is no value for %s: no operation creates or lists one", what)
			if len(e.store.members[n.Collection]) > 0 {
				why = fmt.Sprintf("there is no value for %s: the members of %s are not this run's, and lt changes only what it created", what, n.Collection)
			} else if len(makers) == 0 && len(e.store.members[n.Collection]) == 0 && n.Collection != "" && e.cfg.Safe {
				why = fmt.Sprintf("there is no value for %s: nothing in %s yet, and --safe creates nothing", what, n.Collection)
			}
		}
	}
	return "", why
}

func (e *engine) skip(row *Operated, why, by string) {
	row.State, row.Reason, row.ExplainedBy = NotExercised, why, by
}

// settle gives a row the answer that decides it: the first failure, or the last
// success.
func (e *engine) settle(ctx context.Context, row *Operated, x *sent) {
	row.Requests++
	state := e.state(x)
	if !state.Works() {
		row.Failed++
		e.result.Failed++
		e.askDirect(ctx, x)
	}
	before := e.answers[row.Name]
	if before != nil && (!e.state(before).Works() || state.Works()) && worse(e.state(before), state) != state {
		return
	}
	e.answers[row.Name] = x
	row.State, row.ExplainedBy, row.Reason = state, "", ""
}

var stateOrder = []State{NoAnswer, Missing, WrongMethod, Unauthorised, Unimplemented, Broken, Refused, Failed, OffContract, Slow, Present, NotExercised}

func worse(a, b State) State {
	if slices.Index(stateOrder, a) <= slices.Index(stateOrder, b) {
		return a
	}
	return b
}

// cleanUp deletes what this run created and no step has.
func (e *engine) cleanUp(ctx context.Context) {
	if e.plan != nil && !e.cfg.Safe {
		for _, s := range e.plan.Steps { // deletes come in the right order
			if s.Role != Deletes || s.Makes == "" {
				continue
			}
			for _, m := range e.store.members[s.Makes] {
				if !m.created || m.deleted || ctx.Err() != nil {
					continue
				}
				param := pathParams(s.Path)
				last := param[len(param)-1]
				v, _ := m.id(last, s.Makes)
				if v == nil {
					continue
				}
				args := map[string]string{}
				maps.Copy(args, m.args)
				args[last] = plainText(v)
				if r, cannot := e.build(ctx, s, args, nil, nil); cannot == "" {
					if x := e.send(ctx, r); x.ok() || x.status() == 404 {
						m.deleted = true // a 404: with its parent
						e.result.Rows.Deleted++
					}
				}
			}
		}
	}
	e.result.Rows.Left = max(e.result.Rows.Created-e.result.Rows.Deleted, 0)
}

// explain is the failed create that keeps an endpoint of a scenario from being
// exercised: the one of the collection in its path.
func (e *engine) explain(row *Operated) string {
	for _, name := range e.order {
		r := e.rows[name]
		coll := strings.TrimRight(r.Path, "/")
		if r.Method == "POST" && r.Failed > 0 && strings.HasPrefix(row.Path, coll+"/") {
			return r.Name
		}
	}
	return ""
}
