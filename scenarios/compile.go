package scenarios

import (
	"fmt"
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// CompileOptions are what a scenario needs of the run.
type CompileOptions struct {
	Client   *client.Client
	Clock    metric.Clock
	Target   *url.URL                    // a path in it is put before every step's
	Key      string                      // the run's credential; empty: none was given
	Headers  []client.Header             // sent with every request; they replace the scenario's of the same name
	Timeout  time.Duration               // of steps without one; 0: the client's
	Redactor *client.Redactor            // nil: nothing is masked but credentials in headers
	Seed     uint64                      // of the users of Preflight
	Env      func(string) (string, bool) // [os.LookupEnv]; nil: an empty environment
	Trace    bool                        // each request carries a W3C traceparent
	Users    int                         // the most that there can be at a time; 0: not known
}

// Compile makes the scenario into what the engine runs. Everything constant is
// serialised now, once for all users. The error is [Mistakes]: a variable that
// the environment lacks, a header or path that cannot be sent.
func (s *Scenario) Compile(opts CompileOptions) (*Script, error) {
	if len(s.Personas) == 0 {
		return nil, fmt.Errorf("scenario %s has no personas: nothing says what its users do", s.Name)
	}
	c := &compiler{scenario: s, opts: opts, script: &Script{
		client: opts.Client, clock: opts.Clock, redactor: opts.Redactor, seed: opts.Seed,
	}}
	if !s.exact && opts.Target != nil {
		c.prefix = strings.TrimSuffix(opts.Target.EscapedPath(), "/")
	}
	c.script.origin = &url.URL{Scheme: "http"}
	if opts.Target != nil {
		c.host = opts.Target.Host
		c.script.origin = &url.URL{Scheme: opts.Target.Scheme, Host: opts.Target.Host}
	}
	c.script.allowTargets, c.script.feeds, c.script.traced = s.AllowTargets, s.feeds, opts.Trace
	c.probe.script = c.script
	c.probe.rows = make([]int32, len(s.feeds))
	c.probe.seed(0)
	c.feeds()
	c.runHeaders()
	c.auth()
	for i := range s.Personas {
		c.persona(&s.Personas[i])
	}
	c.script.loadRows = len(c.script.rows)
	c.script.setup = c.aside("setup", s.Setup)
	c.script.teardown = c.aside("teardown", s.Teardown)
	if ms := c.mistakes.ordered(); len(ms) > 0 {
		return nil, ms
	}
	c.script.finish()
	return c.script, nil
}

type compiler struct {
	scenario     *Scenario
	opts         CompileOptions
	prefix, host string
	credential   *client.Header // nil: none
	runs         []boundHeader  // the run's own headers
	script       *Script
	mistakes     Mistakes
	probe        session // that appends every request once, with empty variables

	slots map[string]int // of the persona under way
	pools map[string]int
}

func (c *compiler) add(at position, format string, args ...any) {
	if at.file == "" {
		at.file = c.scenario.file
	}
	c.mistakes = append(c.mistakes, at.mistake(format, args...))
}

// constant is a template without values of the run as text; ok is false when a
// variable of the environment is missing.
func (c *compiler) constant(t *template) (text string, ok bool) {
	var b strings.Builder
	ok = true
	for _, p := range t.parts {
		text := p.text
		if p.value != nil {
			get := c.env
			if p.value.kind == valueExpression {
				get = c.folded
			}
			choice, found := get(p.value)
			text, ok = choice.text, ok && found
		}
		b.WriteString(text)
	}
	return b.String(), ok
}

// env is the value of a variable of the environment.
func (c *compiler) env(v *value) (choice, bool) {
	if c.opts.Env != nil {
		if text, ok := c.opts.Env(v.name); ok {
			return choice{text, string(appendJSONString(nil, text))}, true
		}
	}
	if v.fallback != nil {
		return *v.fallback, true
	}
	c.add(v.at, "the environment has no %s: set it, or give another value with ${env.%s ?? \"value\"}", v.name, v.name)
	return choice{}, false
}

// runHeaders refuses the run's headers that would make another request of every
// step.
func (c *compiler) runHeaders() {
	for _, h := range c.opts.Headers {
		if slices.Contains(ownHeaders, strings.ToLower(h.Name)) && !strings.EqualFold(h.Name, "Connection") {
			c.add(position{}, "header %s is lt's own: it follows from the target and the body", h.Name)
			continue
		}
		c.runs = append(c.runs, boundHeader{h.Name, join(nil, []byte(h.Value)), true})
	}
}

func (c *compiler) persona(p *Persona) {
	c.slots, c.pools = c.sharedSlots(), map[string]int{}
	cp := &persona{name: p.Name, weight: p.Weight, think: p.Think}
	if c.scenario.Load.Think != nil {
		cp.think = *c.scenario.Load.Think
	}
	known := c.sharedKnown()
	cp.start = c.steps(p, "start", p.Start, known)
	afterStart := known
	for i := range p.Tasks {
		t := &p.Tasks[i]
		known := map[string]bool{}
		for name := range afterStart {
			known[name] = true
		}
		ct := task{name: t.Name, weight: t.Weight, steps: c.steps(p, t.Name, t.Steps, known)}
		cp.tasks = append(cp.tasks, ct)
	}
	for i := range cp.tasks {
		cp.tasks[i].needs = needs(cp.tasks[i].steps, len(c.pools))
	}
	c.sized(cp)
	c.script.personas = append(c.script.personas, cp)
}

// sized gives a persona the variables and pools that its steps were compiled with.
func (c *compiler) sized(p *persona) {
	p.slots, p.pools = len(c.slots), len(c.pools)
	p.names = make([]string, len(c.slots))
	for name, i := range c.slots {
		p.names[i] = name
	}
}

// needs is how many members each pool must hold for the steps to run.
func needs(steps []request, pools int) []int {
	if pools == 0 {
		return nil
	}
	need, balance := make([]int, pools), make([]int, pools)
	draws := false
	for i := range steps {
		for _, d := range steps[i].draws {
			need[d.pool] = max(need[d.pool], 1-balance[d.pool])
			if d.take {
				balance[d.pool]--
			}
			draws = true
		}
		for _, p := range steps[i].pushes {
			balance[p.pool]++
		}
	}
	if !draws {
		return nil
	}
	return need
}

// number is the index of a name, a new one for a new name.
func number(names map[string]int, name string) int {
	i, ok := names[name]
	if !ok {
		i = len(names)
		names[name] = i
	}
	return i
}

// steps compiles steps in order; known are the variables made so far.
func (c *compiler) steps(p *Persona, where string, steps []Step, known map[string]bool) []request {
	out := make([]request, 0, len(steps))
	for i := range steps {
		s := &steps[i]
		r := request{pause: s.Pause, row: -1}
		if s.when != nil {
			b := c.bind(s.when.expression)
			r.when = &b
		}
		if s.Method != "" {
			name := s.Name
			if name == "" {
				if name = where; len(steps) > 1 {
					name = fmt.Sprintf("%s, step %d", where, i+1)
				}
			}
			r.row = len(c.script.rows)
			c.script.rows = append(c.script.rows, metric.Row{Persona: p.Name, Step: name, Endpoint: s.endpoint()})
			if r.redirect = c.scenario.Redirect; s.redirect != nil {
				r.redirect = *s.redirect
			}
			if r.redirect.Follow > 0 {
				e := s.endpoint()
				e.Path += RedirectedSuffix
				r.hopRow = len(c.script.rows)
				c.script.rows = append(c.script.rows, metric.Row{Persona: p.Name, Step: name + ", redirected", Endpoint: e})
			}
			c.step(&r, p, s, known)
		}
		out = append(out, r)
	}
	return out
}

// step compiles a step that sends a request.
func (c *compiler) step(r *request, p *Persona, s *Step, known map[string]bool) {
	for _, d := range s.pick {
		known[d.variable] = true
		r.draws = append(r.draws, boundDraw{number(c.slots, d.variable), number(c.pools, d.pool), d.take})
	}
	for i := range s.set {
		a := &s.set[i]
		b := boundSet{slot: number(c.slots, a.variable)}
		if a.value.alone() != nil {
			b.value, b.typed = c.template(nil, &a.value, asJSON), true
		} else {
			b.value = c.template(nil, &a.value, asText)
		}
		known[a.variable] = true
		r.sets = append(r.sets, b)
	}
	seen := map[int]bool{}
	s.values(func(v *value) {
		if v.kind == valueVariable {
			if i := number(c.slots, v.name); !seen[i] {
				seen[i] = true
				r.reads = append(r.reads, i)
			}
		}
	})
	c.request(r, p, s, known)
	for i := range s.save {
		known[s.save[i].variable] = true
		r.saves = append(r.saves, boundSave{number(c.slots, s.save[i].variable), &s.save[i]})
	}
	for i := range s.push {
		b := boundPush{pool: number(c.pools, s.push[i].pool), from: s.push[i].from}
		if b.from == nil {
			b.slot = number(c.slots, s.push[i].variable)
		}
		r.pushes = append(r.pushes, b)
	}
	for i := range s.check {
		r.checks = append(r.checks, boundCheck{c.bind(s.check[i].expression), "check"})
	}
	if s.poll != nil {
		r.poll = &boundPoll{s.poll, boundCheck{c.bind(s.poll.until), "until"}}
	}
	r.http.Keep = len(r.saves)+len(r.checks)+len(r.pushes) > 0 || r.poll != nil || r.redirect.Follow > 0 || r.http.Decode
}

// RedirectedSuffix tells, at the end of an endpoint's path, the requests that
// redirects lead to from the step's own.
const RedirectedSuffix = " (redirected)"

// request compiles what a step sends.
func (c *compiler) request(r *request, p *Persona, s *Step, known map[string]bool) {
	r.method, r.host = s.Method, c.host
	r.http.Expect, r.http.NoBody = s.Expect, s.Method == "HEAD"
	if r.http.Timeout = s.Timeout; s.Timeout == 0 {
		r.http.Timeout = c.opts.Timeout
	}
	r.target = c.target(s)
	contentType := ""
	switch {
	case s.json != nil:
		r.body, contentType = c.json(nil, s.json), "application/json"
	case s.form != nil:
		r.body, contentType = c.form(s.form), "application/x-www-form-urlencoded"
	case s.multipart != nil:
		r.body, contentType = c.multipart(s)
	case s.body != nil:
		r.body = c.template(nil, s.body, asText)
	case s.bodyFile != nil:
		r.body = join(nil, s.bodyFile.data)
		if contentType = mime.TypeByExtension(path.Ext(s.bodyFile.name)); contentType == "" {
			contentType = "application/octet-stream"
		}
	}
	r.http.Cookies = c.scenario.Cookies
	if r.http.Decode = c.scenario.Compressed; s.compressed != nil {
		r.http.Decode = *s.compressed
	}
	r.headers = c.headers(p, s, known, contentType, r.http.Decode)
	fixed := constant(r.target) && constant(r.body)
	for _, h := range r.headers {
		fixed = fixed && constant(h.value)
		if strings.EqualFold(h.name, "Connection") && len(h.value) == 1 && strings.EqualFold(string(h.value[0].text), "close") {
			r.http.Close = true
		}
		r.token = r.token || h.op() == opToken
	}
	// What the client refuses of a request with every value empty it refuses of
	// the constant parts, which are all that can be wrong: values are encoded.
	for len(c.probe.slots) < len(c.slots) {
		c.probe.slots = append(c.probe.slots, slot{})
	}
	wire, err := r.appendWire(nil, &c.probe)
	c.probe.unmade = nil // the values are not there yet
	if err != nil {
		c.add(s.at, "the request cannot be sent: %v", err)
		return
	}
	if fixed {
		r.http.Wire, r.fixed = wire, true
		if c.script.traced && slices.ContainsFunc(r.headers, func(h boundHeader) bool { return h.op() == opTrace }) {
			r.traceAt = traceAt(wire)
		}
	}
}

// headers are the headers of a step: its own before the persona's, those before
// the scenario's. The run's replace all. A persona's header whose variables are
// not made yet is left out.
func (c *compiler) headers(p *Persona, s *Step, known map[string]bool, contentType string, compressed bool) (l []boundHeader) {
	has := func(name string) bool {
		return slices.ContainsFunc(l, func(h boundHeader) bool { return strings.EqualFold(h.name, name) })
	}
	add := func(name string, value []segment) {
		if !has(name) {
			l = append(l, boundHeader{name, value, false})
		}
	}
	l = slices.Clone(c.runs)
	for _, group := range [][]Header{s.headers, p.Headers, c.scenario.Headers} {
		for i := range group {
			ready, secret := true, false
			group[i].value.values(func(v *value) {
				ready = ready && (v.kind != valueVariable || known[v.name])
				secret = secret || v.kind == valueEnv
			})
			if ready && !has(group[i].Name) {
				l = append(l, boundHeader{group[i].Name, c.template(nil, &group[i].value, asHeaderText), secret})
			}
		}
	}
	if h := c.credential; h != nil && !has(h.Name) {
		l = append(l, boundHeader{h.Name, join(nil, []byte(h.Value)), true})
	}
	if login := c.script.login; login != nil && !has(login.header) {
		l = append(l, boundHeader{login.header, []segment{{op: opToken}}, true})
	}
	if contentType != "" {
		add("Content-Type", join(nil, []byte(contentType)))
	}
	if compressed {
		add("Accept-Encoding", join(nil, []byte(client.AcceptEncoding)))
	}
	if c.scenario.Cookies {
		add("Cookie", []segment{{op: opCookie}})
	}
	if c.script.traced {
		add(traceHeader, []segment{{op: opTrace}})
	}
	return l
}
