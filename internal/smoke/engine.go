package smoke

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
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

// An Observed is one exchange of a scenario's step.
type Observed struct {
	Endpoint metric.Endpoint
	Step     string
	Wire     []byte // the request; nil: it could not be made
	Sample   *metric.Sample
	Response *client.Response
	Message  string // what went wrong, redacted; "" for a success
}

// A NotReadyError says that there is no target to exercise.
type NotReadyError struct{ Reason string }

func (e *NotReadyError) Error() string { return e.Reason }

// A sent is one exchange as the engine judges it.
type sent struct {
	step    *Step // nil: no documented operation
	name    string
	req     request
	wire    []byte
	sample  metric.Sample
	head    []byte
	body    []byte
	failure error // below HTTP
	at      time.Time

	invalid string            // how the request breaks the contract; "": it does not, or nobody knows
	known   bool              // a contract knows the operation
	madeUp  bool              // of an id that nobody gave
	ownID   bool              // an id that this run created stands in the path
	args    map[string]string // path parameters
	member  *member           // that it is about
	direct  *sent             // the same, straight to the upstream
	wrong   *wrongID
	message string // a scenario's own
}

func (x *sent) status() int { return x.sample.Status }

func (x *sent) ok() bool { return x.sample.Outcome == metric.OK }

// A wrongID is a 404 on an id from the wrong field.
type wrongID struct {
	used, other string
	collection  string
	age         time.Duration
	status      int // with the other field; 0: it was not tried
}

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
	e.gen = &generator{contract: cfg.Contract, rng: e.rng, run: hex.EncodeToString(binary48(e.rng)), now: started}
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
		cfg.Scenario.Run(ctx, e.observe)
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

func binary48(r *rand.Rand) []byte {
	n := r.Uint64()
	return []byte{byte(n), byte(n >> 8), byte(n >> 16)}
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

// wire makes the bytes of a request to the target.
func (e *engine) wire(r *request, host string) ([]byte, error) {
	headers := slices.Clone(r.Headers)
	has := func(name string) bool {
		return slices.ContainsFunc(headers, func(h client.Header) bool { return strings.EqualFold(h.Name, name) })
	}
	if !has("Accept") {
		headers = append(headers, client.Header{Name: "Accept", Value: "application/json, */*;q=0.5"})
	}
	if !has("traceparent") {
		headers = append(headers, client.Header{
			Name:  "traceparent",
			Value: fmt.Sprintf("00-%016x%016x-%016x-01", e.rng.Uint64()|1, e.rng.Uint64(), e.rng.Uint64()|1),
		})
	}
	return client.AppendRequest(nil, r.Method, r.Target, host, headers, r.Body)
}

// maxRetryAfter is how long a 429 is waited for.
const maxRetryAfter = 5 * time.Second

// send sends a request, again after a 429 that says when.
func (e *engine) send(ctx context.Context, r *request) *sent {
	wire, err := e.wire(r, e.cfg.Target.Host)
	if err != nil {
		return &sent{req: *r, failure: err, at: time.Now(), sample: metric.Sample{Outcome: metric.Extract}}
	}
	for try := 0; ; try++ {
		x := exchange(ctx, e.conn, r, wire)
		e.result.Requests++
		e.traits.Learn(string(x.head))
		if x.status() != 429 || try == 2 {
			return x
		}
		wait := time.Second
		if n, err := strconv.Atoi(headerOf(x.head, "Retry-After")); err == nil && n >= 0 {
			wait = time.Duration(n) * time.Second
		}
		if wait > maxRetryAfter {
			return x
		}
		select {
		case <-ctx.Done():
			return x
		case <-time.After(wait):
		}
	}
}

// exchange sends one request and copies its answer.
func exchange(ctx context.Context, conn *client.Conn, r *request, wire []byte) *sent {
	x := &sent{req: *r, wire: wire, at: time.Now()}
	var resp client.Response
	conn.Exchange(ctx, &client.Request{Wire: wire, NoBody: r.Method == "HEAD", Keep: true}, &resp, &x.sample)
	x.head, x.body, x.failure = bytes.Clone(resp.Header), bytes.Clone(resp.Body), resp.Err
	resp.Release()
	return x
}

func headerOf(head []byte, name string) string {
	r := client.Response{Header: head}
	return r.HeaderValue(name)
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

// pick finds the values of a step's needs. missing is the need that has none.
func (e *engine) pick(s *Step, mutates bool) (args map[string]string, known map[string]any, m *member, own bool, missing []Need) {
	args, known = map[string]string{}, map[string]any{}
	params := pathParams(s.Path)
	for i := len(params) - 1; i >= 0; i-- { // the last first: its member tells its parents
		name := params[i]
		if _, has := args[name]; has {
			continue
		}
		need := s.need("path", name)
		if v, ok := e.linkedValue(s, name); ok {
			args[name] = plainText(v)
			if _, mine := e.store.origins[args[name]]; mine {
				own = true
			}
			continue
		}
		found := e.store.newest(need.Collection, !mutates)
		if found == nil {
			missing = append(missing, need)
			continue
		}
		var v any
		if need.Field != "" {
			v = found.fields[need.Field]
		} else {
			v, _ = found.id(name, need.Collection)
		}
		if v == nil {
			missing = append(missing, need)
			continue
		}
		args[name] = plainText(v)
		for k, a := range found.args {
			if _, has := args[k]; !has && slices.Contains(params, k) {
				args[k] = a
			}
		}
		if i == len(params)-1 || m == nil {
			m = found
		}
		own = own || found.created
	}
	for _, n := range s.Needs {
		if n.In == "path" {
			continue
		}
		found := e.store.newest(n.Collection, true)
		if found == nil {
			missing = append(missing, n)
			continue
		}
		var v any
		if n.Field != "" {
			v = found.fields[n.Field]
		} else {
			v, _ = found.id(n.Name, n.Collection)
		}
		if v == nil {
			missing = append(missing, n)
			continue
		}
		known[n.Name] = v
	}
	return args, known, m, own, missing
}

func (s *Step) need(in, name string) Need {
	for _, n := range s.Needs {
		if n.In == in && n.Name == name {
			return n
		}
	}
	return Need{In: in, Name: name}
}

func (e *engine) linkedValue(s *Step, param string) (any, bool) {
	for _, l := range s.Links[param] {
		if v, ok := e.store.links[l.From][l.Expression]; ok {
			return v, true
		}
	}
	return nil, false
}

// build makes the request of a step. why is set where it cannot be made.
func (e *engine) build(ctx context.Context, s *Step, args map[string]string, known map[string]any, current map[string]any) (r *request, why string) {
	e.gen.lookup = func(field string) (any, bool) {
		v, ok := known[field]
		return v, ok
	}
	defer func() { e.gen.lookup = nil }()
	path := s.Path
	var query, cookies []string
	r = &request{Method: s.Method}
	for _, p := range s.Params {
		if p.In == "path" {
			v, has := any(args[p.Name]), args[p.Name] != ""
			if !has {
				var err error
				if v, err = e.gen.param(p); err != nil {
					return nil, fmt.Sprintf("no value for the path parameter %s could be made: %v", p.Name, err)
				}
				args[p.Name] = plainText(v)
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", pathValue(p, v))
			continue
		}
		if !p.Required {
			continue
		}
		v, err := e.gen.param(p)
		if known, ok := known[p.Name]; ok {
			v, err = known, nil
		}
		if err != nil {
			return nil, fmt.Sprintf("no value for the parameter %s could be made: %v", p.Name, err)
		}
		switch p.In {
		case "query":
			query = queryValue(query, p, v)
		case "header":
			if n := strings.ToLower(p.Name); n != "accept" && n != "content-type" && n != "authorization" {
				r.Headers = append(r.Headers, client.Header{Name: p.Name, Value: plainText(v)})
			}
		case "cookie":
			cookies = append(cookies, p.Name+"="+url.QueryEscape(plainText(v)))
		}
	}
	for _, name := range pathParams(path) { // that the document does not declare
		v := args[name]
		if v == "" {
			v = "lt-smoke-" + e.gen.run
			args[name] = v
		}
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(v))
	}
	if s.Body != nil && len(s.Body.Content) > 0 && (s.Body.Required || !s.Safe() && s.Method != "DELETE") {
		name, media := chooseMedia(s.Body.Content)
		e.gen.keep = ""
		if params := pathParams(s.Path); s.Role == Updates && len(params) > 0 {
			e.gen.keep = plain(params[len(params)-1]) // by which the row is found again
		}
		b, contentType, err := e.gen.encodeBody(name, media, s.Role == Updates, current)
		if err != nil {
			return nil, "no body that the contract allows could be made: " + firstLine(err.Error())
		}
		r.Body = b
		r.Headers = append(r.Headers, client.Header{Name: "Content-Type", Value: contentType})
	}
	if len(cookies) > 0 {
		r.Headers = append(r.Headers, client.Header{Name: "Cookie", Value: strings.Join(cookies, "; ")})
	}
	r.Target = e.base + escapePath(path)
	if len(query) > 0 {
		r.Target += "?" + strings.Join(query, "&")
	}
	if why := e.auth.apply(ctx, r, s.Operation); why != "" {
		return nil, why
	}
	return r, ""
}

// escapePath escapes what a template's literal parts may hold and no request line
// may.
func escapePath(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}`+"`#?", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	if b.Len() == 0 || path[0] != '/' {
		return "/" + b.String()
	}
	return b.String()
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

// fill completes an exchange of a step.
func (e *engine) fill(x *sent, s *Step, args map[string]string, m *member, own bool) {
	x.step, x.name, x.known, x.args, x.member, x.ownID = s, s.Name(), true, args, m, own
	if x.ok() {
		parents := map[string]string{}
		for k, v := range args {
			parents[k] = v
		}
		if _, own, ok := itemOf(s.Path); ok {
			delete(parents, own)
		}
		if s.Role == Updates && m != nil {
			m.update(x.body)
			return
		}
		e.store.learn(s, s.Method, s.Makes, s.Name(), parents, x.req.Body, x.body, x.at)
		if s.Role == Creates {
			e.result.Rows.Created++
		}
	}
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

// tryOtherIDs repeats a request that met a 404 with the other fields of the member
// that may be its id.
func (e *engine) tryOtherIDs(ctx context.Context, s *Step, args map[string]string, known map[string]any, m *member, x *sent) *sent {
	params := pathParams(s.Path)
	last := params[len(params)-1]
	coll := s.need("path", last).Collection
	_, used := m.id(last, coll)
	for _, other := range m.otherIDs(used, coll) {
		again := map[string]string{}
		for k, v := range args {
			again[k] = v
		}
		again[last] = plainText(m.fields[other])
		r, cannot := e.build(ctx, s, again, known, m.fields)
		if cannot != "" {
			continue
		}
		y := e.send(ctx, r)
		e.fill(y, s, again, m, true)
		if y.ok() {
			e.result.Notes = append(e.result.Notes, fmt.Sprintf("%s: answers of %s have two fields for an id; %s is the one that the path takes, not %s", s.Name(), m.by, other, used))
			delete(m.fields, used)
			return y
		}
	}
	return x
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
				args := map[string]string{}
				for k, v := range m.args {
					args[k] = v
				}
				v, _ := m.id(last, s.Makes)
				if v == nil {
					continue
				}
				args[last] = plainText(v)
				if r, cannot := e.build(ctx, s, args, nil, nil); cannot == "" {
					if x := e.send(ctx, r); x.ok() || x.status() == 404 {
						m.deleted = true
						if x.ok() {
							e.result.Rows.Deleted++
						} else {
							e.result.Rows.Deleted++ // with its parent
						}
					}
				}
			}
		}
	}
	e.result.Rows.Left = max(e.result.Rows.Created-e.result.Rows.Deleted, 0)
}

// siblings are paths that many services have.
var siblings = []string{"/metrics", "/health", "/healthz", "/docs", "/redoc", "/swagger", "/swagger.json", "/v3/api-docs", "/admin", "/debug/pprof/", "/actuator", "/actuator/env", "/.env", "/graphql", "/version", "/info"}

// probe looks for common paths, and other methods of known ones, that no contract
// knows.
func (e *engine) probe(ctx context.Context) {
	known := map[string]bool{}
	for _, r := range e.rows {
		known[strings.TrimRight(r.Path, "/")] = true
	}
	for _, p := range siblings {
		if known[strings.TrimRight(p, "/")] || e.cfg.Contract != nil && e.cfg.Contract.Find("GET", p) != nil {
			continue
		}
		r := &request{Method: "GET", Target: strings.TrimRight(e.cfg.Target.EscapedPath(), "/") + p}
		x := e.send(ctx, r) // without a credential: what is open is what matters
		if !x.ok() {
			continue
		}
		name := "GET " + p
		e.add(&Operated{Name: name, Method: "GET", Path: p, State: Undocumented, Status: x.status(), Requests: 1, Reason: "answers without a credential, and no contract knows it"})
	}
}

// observe takes an exchange of the scenario.
func (e *engine) observe(o *Observed) {
	row := e.rows[o.Endpoint.Name()]
	if row == nil {
		e.add(&Operated{Name: o.Endpoint.Name(), Method: o.Endpoint.Method, Path: o.Endpoint.Path, State: NotExercised})
		row = e.rows[o.Endpoint.Name()]
	}
	if !slices.Contains(row.Steps, o.Step) && o.Step != "" {
		row.Steps = append(row.Steps, o.Step)
	}
	if o.Wire == nil || o.Sample.Status == 0 && o.Sample.Outcome == metric.Extract {
		if row.Requests == 0 {
			row.Reason = cmp.Or(o.Message, "the request could not be made")
			if row.ExplainedBy = e.explain(row); row.ExplainedBy != "" {
				row.Reason += ": " + row.ExplainedBy + " failed"
			}
		}
		return
	}
	x := &sent{
		name: row.Name, wire: bytes.Clone(o.Wire), sample: *o.Sample, head: bytes.Clone(o.Response.Header), body: bytes.Clone(o.Response.Body),
		failure: o.Response.Err, at: time.Now(), message: o.Message, req: parseWire(o.Wire),
	}
	e.result.Requests++
	e.traits.Learn(string(x.head))
	path := strings.TrimPrefix(x.req.path(), e.base)
	collection := strings.TrimRight(row.Path, "/")
	if e.plan != nil {
		if op := e.cfg.Contract.Find(x.req.Method, path); op != nil {
			for _, s := range e.plan.Steps {
				if s.Operation == op {
					x.step, x.known = s, true
					collection = s.Makes
				}
			}
			x.invalid = e.breaks(op, &x.req)
			row.OperationID, row.Expected = op.ID, expected(op)
		}
	}
	for _, seg := range segments(path) {
		if value, err := url.PathUnescape(seg); err == nil {
			if from, ok := e.store.origins[value]; ok {
				x.ownID, x.member = true, from.member
				if x.status() == 404 {
					e.findWrongID(context.Background(), x, value, from)
				}
			}
		}
	}
	if o.Sample.Outcome == metric.OK {
		e.store.learn(x.step, x.req.Method, collection, row.Name, nil, x.req.Body, x.body, x.at)
		switch {
		case x.step != nil && x.step.Role == Creates:
			e.result.Rows.Created++
		case x.req.Method == "DELETE" && x.member != nil && !x.member.deleted:
			x.member.deleted = true
			e.result.Rows.Deleted++
		}
	}
	e.settle(context.Background(), row, x)
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

// findWrongID looks whether another field of the created member is its id.
func (e *engine) findWrongID(ctx context.Context, x *sent, value string, from origin) {
	coll := ""
	for c, list := range e.store.members {
		if slices.Contains(list, from.member) {
			coll = c
		}
	}
	for _, other := range from.member.otherIDs(from.field, coll) {
		w := &wrongID{used: from.field, other: other, collection: coll, age: time.Since(from.at)}
		r := x.req
		r.Method, r.Body = "GET", nil // reading proves it as well, and changes nothing
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h client.Header) bool {
			return strings.EqualFold(h.Name, "Content-Type") || strings.EqualFold(h.Name, "Content-Length")
		})
		r.Target = strings.Replace(r.Target, "/"+url.PathEscape(value), "/"+url.PathEscape(plainText(from.member.fields[other])), 1)
		if y := e.send(ctx, &r); y.status() != 404 {
			w.status = y.status()
		}
		if x.wrong == nil || w.status >= 200 && w.status < 300 {
			x.wrong = w
		}
	}
}

// parseWire reads a request back from its bytes.
func parseWire(wire []byte) (r request) {
	head, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
	first, rest, _ := bytes.Cut(head, []byte("\r\n"))
	parts := bytes.SplitN(first, []byte(" "), 3)
	if len(parts) == 3 {
		r.Method, r.Target = string(parts[0]), string(parts[1])
	}
	for _, line := range bytes.Split(rest, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if n := string(name); ok && !strings.EqualFold(n, "Host") && !strings.EqualFold(n, "Content-Length") {
			r.Headers = append(r.Headers, client.Header{Name: n, Value: strings.TrimSpace(string(value))})
		}
	}
	r.Body = bytes.Clone(body)
	return r
}
