package smoke

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// A Flow is a few operations in an order in which each has what it needs: what it
// refers to is made before, and removed at the end where the contract can.
type Flow struct {
	Name  string
	Steps []FlowStep
}

// A FlowStep is an operation with the values that it sends. Those of type [Saved]
// come from an earlier step.
type FlowStep struct {
	*Operation
	Args    map[string]any // of the path's parameters
	Query   []FlowValue    // that are required
	Headers []FlowValue    // likewise
	Media   string         // of Body; "": there is none
	Body    any            // as JSON has it
	Expect  []int          // documented successes; none: any 2xx
	Saves   []FlowSave
}

// A FlowValue is a named value.
type FlowValue struct {
	Name  string
	Value any
}

// A FlowSave keeps a field of the answer under a name.
type FlowSave struct {
	Name  string
	Field string
}

// Saved is a value that an earlier step has saved under this name.
type Saved string

// A LeftOut is an operation that no flow has, with the reason.
type LeftOut struct {
	Operation string
	Why       string
}

// Flows makes flows of all operations of the plan, each once: of each collection
// whose members can be created a flow of its own, and of each other operation that
// needs nothing. mark stands in every text that should differ from request to
// request.
func (p *Plan) Flows(mark string) (flows []Flow, left []LeftOut) {
	b := &flowBuilder{
		plan: p, makers: map[string]*Step{}, removers: map[string]*Step{}, done: map[*Step]bool{},
		gen: &generator{contract: p.Contract, rng: rand.New(rand.NewPCG(1, 1)), run: mark, now: time.Now()},
	}
	for _, s := range p.Steps {
		switch {
		case s.Role == Creates && b.makers[s.Makes] == nil:
			b.makers[s.Makes] = s
		case s.Role == Deletes && s.Makes != "" && b.removers[s.Makes] == nil:
			b.removers[s.Makes] = s
		}
	}
	for _, s := range p.Steps {
		if s.Role == Lists && len(s.Needs) == 0 {
			b.alone(s)
		}
	}
	for _, s := range p.Steps {
		if s.Role == Creates {
			b.lifecycle(s)
		}
	}
	for _, s := range p.Steps {
		if !b.done[s] {
			b.alone(s)
		}
	}
	for _, s := range p.Steps {
		if !b.done[s] {
			left = append(left, LeftOut{s.Name(), b.why[s]})
		}
	}
	return b.flows, left
}

type flowBuilder struct {
	plan     *Plan
	gen      *generator
	makers   map[string]*Step // by collection
	removers map[string]*Step
	done     map[*Step]bool
	why      map[*Step]string
	flows    []Flow

	// Of the flow under way.
	steps []FlowStep
	has   map[string]int  // collection -> the step that makes its member, and saves its id first
	order []string        // collections, as their members were made
	busy  map[string]bool // collections whose member is being made
}

func (b *flowBuilder) begin() {
	b.steps, b.has, b.order, b.busy = nil, map[string]int{}, nil, map[string]bool{}
}

// saved is the variable with a field of the collection's member, saved from now on;
// field "" is its id.
func (b *flowBuilder) saved(collection, field string) Saved {
	made := &b.steps[b.has[collection]]
	for _, s := range made.Saves {
		if field == "" || plain(s.Field) == plain(field) {
			return Saved(s.Name)
		}
	}
	name := b.unused(variable(collection, "_"+field))
	made.Saves = append(made.Saves, FlowSave{name, field})
	return Saved(name)
}

// unused is the name, or one like it that no step of the flow saves.
func (b *flowBuilder) unused(name string) string {
	for i := range b.steps {
		if slices.ContainsFunc(b.steps[i].Saves, func(s FlowSave) bool { return s.Name == name }) {
			return b.unused(name + "_")
		}
	}
	return name
}

func (b *flowBuilder) leave(s *Step, why string) {
	if b.why == nil {
		b.why = map[*Step]string{}
	}
	b.why[s] = why
}

// alone makes a flow of one operation, and of what it needs.
func (b *flowBuilder) alone(s *Step) {
	b.begin()
	if why := b.add(s); why != "" {
		b.leave(s, why)
		return
	}
	b.end(s.Name(), s)
}

// lifecycle makes a flow of a member: made, read, changed and removed.
func (b *flowBuilder) lifecycle(create *Step) {
	if b.done[create] {
		return
	}
	b.begin()
	own := []*Step{create}
	if why := b.create(create); why != "" {
		b.leave(create, why)
		return
	}
	if b.makers[create.Makes] == create {
		for _, s := range b.plan.Steps {
			if b.done[s] || s.Role == Lists || s.Role == Creates || s.Role == Deletes || !s.about(create.Makes) {
				continue
			}
			if why := b.add(s); why != "" {
				b.leave(s, why)
				continue
			}
			own = append(own, s)
		}
	}
	b.end(strings.ToLower(strings.NewReplacer("-", " ", "_", " ").Replace(singular(lastSegment(create.Makes))))+" lifecycle", own...)
}

// about reports whether a step acts on a member of the collection.
func (s *Step) about(collection string) bool {
	params := pathParams(s.Path)
	if len(params) == 0 {
		return false
	}
	return s.need("path", params[len(params)-1]).Collection == collection
}

// end removes what the flow has made and keeps the flow.
func (b *flowBuilder) end(name string, own ...*Step) {
	for _, coll := range slices.Backward(b.order) {
		if r := b.removers[coll]; r != nil && b.add(r) == "" {
			own = append(own, r)
		}
	}
	for _, s := range own {
		b.done[s] = true
	}
	used := map[Saved]bool{}
	for _, f := range b.steps {
		for _, v := range f.Args {
			note(used, v)
		}
		for _, v := range slices.Concat(f.Query, f.Headers) {
			note(used, v.Value)
		}
		note(used, f.Body)
	}
	for i := range b.steps {
		b.steps[i].Saves = slices.DeleteFunc(b.steps[i].Saves, func(s FlowSave) bool { return !used[Saved(s.Name)] })
	}
	b.flows = append(b.flows, Flow{Name: name, Steps: b.steps})
}

// note notes what of a value was saved.
func note(used map[Saved]bool, v any) {
	switch x := v.(type) {
	case Saved:
		used[x] = true
	case map[string]any:
		for _, e := range x {
			note(used, e)
		}
	case []any:
		for _, e := range x {
			note(used, e)
		}
	}
}

// create adds a step that makes a member of its collection, and saves what names it.
func (b *flowBuilder) create(s *Step) (why string) {
	field := s.idField(b.plan)
	if field == "" && b.needed(s.Makes) {
		return "its documented answer has no field that could be the id"
	}
	b.busy[s.Makes] = true
	defer delete(b.busy, s.Makes)
	if why := b.add(s); why != "" {
		return why
	}
	if field != "" {
		last := len(b.steps) - 1
		b.steps[last].Saves = []FlowSave{{b.unused(variable(s.Makes, "_id")), field}}
		b.has[s.Makes] = last
		b.order = append(b.order, s.Makes)
	}
	return ""
}

// needed reports whether any operation names members of the collection.
func (b *flowBuilder) needed(collection string) bool {
	return slices.ContainsFunc(b.plan.Steps, func(s *Step) bool {
		return slices.ContainsFunc(s.Needs, func(n Need) bool { return n.Collection == collection })
	})
}

// variable is a name for what is known of a member of the collection: agent_id.
func variable(collection, suffix string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(singular(lastSegment(collection))+suffix))
	if name = strings.Trim(name, "_"); name[0] <= '9' {
		name = "the_" + name
	}
	return name
}

// idField is the field of a create's documented answer that its member is named by.
func (s *Step) idField(p *Plan) string {
	param := "id"
	for _, t := range p.Steps {
		if coll, name, ok := itemOf(t.Path); ok && coll == s.Makes {
			param = name
			break
		}
	}
	answer, ok := s.answer(p.Contract).(map[string]any)
	if !ok {
		return ""
	}
	prefix := ""
	if len(answer) <= 3 {
		for _, key := range []string{"data", "item", "result"} {
			if inner, ok := answer[key].(map[string]any); ok {
				answer, prefix = inner, key+"."
			}
		}
	}
	m := &member{fields: answer}
	if _, field := m.id(param, s.Makes); field != "" {
		return prefix + field
	}
	return ""
}

// answer is what a success may look like, by the contract; nil: it does not say.
func (s *Step) answer(c *Contract) any {
	if s.Op.Responses == nil {
		return nil
	}
	for _, status := range []string{"201", "200", "202", "2XX", "default"} {
		r := s.Op.Responses.Value(status)
		if r == nil || r.Value == nil {
			continue
		}
		_, media := chooseMedia(r.Value.Content)
		if media == nil || media.Schema == nil {
			continue
		}
		g := &generator{contract: c, rng: rand.New(rand.NewPCG(1, 1)), run: "x", now: time.Now(), answer: true}
		flat := flatten(media.Schema, 0)
		if kind(flat) != "object" {
			return nil
		}
		out := map[string]any{}
		for name, prop := range flat.Properties {
			if v, err := g.value(prop, name, 1, false, nil); err == nil {
				out[name] = v
			}
		}
		return out
	}
	return nil
}

// add adds a step with the values that it needs, and before it the steps that make
// them. why is set where it cannot be had; nothing has been added then.
func (b *flowBuilder) add(s *Step) (why string) {
	before, order := len(b.steps), len(b.order)
	defer func() {
		if why != "" {
			b.steps = b.steps[:before]
			for _, coll := range b.order[order:] {
				delete(b.has, coll)
			}
			b.order = b.order[:order]
		}
	}()
	f := FlowStep{Operation: s.Operation, Args: map[string]any{}, Expect: successes(s.Op)}
	known := map[string]Saved{}
	for _, n := range s.Needs {
		_, ok := b.has[n.Collection]
		if maker := b.makers[n.Collection]; !ok && maker != nil && maker != s && !b.busy[n.Collection] {
			if b.create(maker) == "" {
				_, ok = b.has[n.Collection]
			}
		}
		switch {
		case ok:
			known[n.In+" "+n.Name] = b.saved(n.Collection, n.Field)
		case n.In == "path":
			p := s.param("path", n.Name)
			v, err := b.example(p)
			if err != nil {
				return fmt.Sprintf("nothing in the contract makes the value of {%s}", n.Name)
			}
			f.Args[n.Name] = v
		}
	}
	for _, name := range pathParams(s.Path) {
		if v, ok := known["path "+name]; ok {
			f.Args[name] = v
		} else if f.Args[name] == nil {
			return fmt.Sprintf("nothing in the contract makes the value of {%s}", name)
		}
	}
	for _, p := range s.Params {
		if !p.Required || p.In == "path" {
			continue
		}
		var v any
		if saved, ok := known[p.In+" "+p.Name]; ok {
			v = saved
		} else {
			var err error
			if v, err = b.gen.param(p); err != nil {
				return fmt.Sprintf("no value for the parameter %s could be made: %v", p.Name, err)
			}
		}
		switch n := strings.ToLower(p.Name); {
		case p.In == "query":
			f.Query = append(f.Query, FlowValue{p.Name, v})
		case p.In == "header" && n != "accept" && n != "content-type" && n != "authorization":
			f.Headers = append(f.Headers, FlowValue{p.Name, v})
		}
	}
	if s.Body != nil && len(s.Body.Content) > 0 && (s.Body.Required || !s.Safe() && s.Method != "DELETE") {
		var why string
		if f.Media, f.Body, why = b.body(s, known); why != "" {
			return why
		}
	}
	b.steps = append(b.steps, f)
	return ""
}

// example is a value of a path parameter that nothing makes, but the contract tells.
func (b *flowBuilder) example(p *openapi3.Parameter) (any, error) {
	if p == nil {
		return nil, errTooDeep
	}
	s := flatten(paramSchema(p), 0)
	switch {
	case p.Example != nil:
		return p.Example, nil
	case len(s.Enum) > 0, s.Default != nil, s.Const != nil:
		return b.gen.param(p)
	case s.Example != nil:
		return s.Example, nil
	}
	return nil, errTooDeep
}

func (s *Step) param(in, name string) *openapi3.Parameter {
	for _, p := range s.Params {
		if p.In == in && p.Name == name {
			return p
		}
	}
	return nil
}

// body makes a body in which known fields are those that were saved: stand-ins take
// their places until the schema has been satisfied.
func (b *flowBuilder) body(s *Step, known map[string]Saved) (name string, v any, why string) {
	name, media := chooseMedia(s.Body.Content)
	if media == nil {
		return "", nil, "its body has no media type"
	}
	number := map[string]bool{} // the fields whose ids are numbers: those that no text fits
	for range 2 {
		texts, numbers, standIn := map[string]Saved{}, map[float64]Saved{}, map[string]any{}
		for _, need := range sortedKeys(known) {
			field, ok := strings.CutPrefix(need, "body ")
			switch {
			case !ok:
			case number[field]:
				n := float64(7_000_000 + len(numbers))
				numbers[n], standIn[field] = known[need], n
			default:
				id := b.gen.uuid()
				texts[id], standIn[field] = known[need], id
			}
		}
		b.gen.lookup = func(field string) (any, bool) { v, ok := standIn[field]; return v, ok }
		b.gen.keep = ""
		if params := pathParams(s.Path); s.Role == Updates && len(params) > 0 {
			b.gen.keep = plain(params[len(params)-1])
		}
		var err error
		v, err = b.gen.body(media, s.Role == Updates, nil)
		b.gen.lookup = nil
		if why = ""; err != nil {
			why = "no body that the contract allows could be made: " + firstLine(err.Error())
		}
		v = withSaved(v, texts, numbers)
		taken := map[Saved]bool{}
		note(taken, v)
		again := false
		for need, saved := range known {
			if field, ok := strings.CutPrefix(need, "body "); ok && !taken[saved] && !number[field] {
				number[field], again = true, true
			}
		}
		if !again {
			break
		}
	}
	return name, v, why
}

// withSaved is v with what was saved in the places of its stand-ins.
func withSaved(v any, texts map[string]Saved, numbers map[float64]Saved) any {
	switch x := v.(type) {
	case string:
		if s, ok := texts[x]; ok {
			return s
		}
		if n, err := strconv.ParseFloat(x, 64); err == nil {
			if s, ok := numbers[n]; ok {
				return s
			}
		}
	case float64:
		if s, ok := numbers[x]; ok {
			return s
		}
	case map[string]any:
		for k := range x {
			x[k] = withSaved(x[k], texts, numbers)
		}
	case []any:
		for i := range x {
			x[i] = withSaved(x[i], texts, numbers)
		}
	}
	return v
}

// successes are the documented statuses of a success.
func successes(o *openapi3.Operation) (out []int) {
	if o.Responses == nil {
		return nil
	}
	for _, key := range o.Responses.Keys() {
		if n, err := strconv.Atoi(key); err == nil && n >= 200 && n < 300 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Scheme is the security scheme that the contract asks for first; nil: none.
func (c *Contract) Scheme() *openapi3.SecurityScheme {
	if c.doc.Components == nil {
		return nil
	}
	all := c.doc.Security
	for _, o := range c.Operations {
		if len(all) == 0 && o.Op.Security != nil {
			all = *o.Op.Security
		}
	}
	for _, alternative := range all {
		for _, name := range sortedKeys(alternative) {
			if ref := c.doc.Components.SecuritySchemes[name]; ref != nil && ref.Value != nil {
				return ref.Value
			}
		}
	}
	return nil
}
