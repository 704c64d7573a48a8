package smoke

import (
	"cmp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// A Plan is the order in which operations can be tried so that what one needs has
// been made before, and what was made is deleted at the end.
type Plan struct {
	Contract *Contract
	Steps    []*Step // every operation, once
}

// A Step is an operation with what it makes and needs.
type Step struct {
	*Operation
	Role    Role
	Makes   string            // the collection of which it creates, lists or reads members: /agents; "": none
	Needs   []Need            // before it can be sent as the contract means it
	Links   map[string][]Link // path and query parameters that other operations' answers give by a link
	created int               // depth in the graph of creates
}

// A Role is what an operation is for.
type Role string

// The roles, in the order in which a plan has them.
const (
	Lists   Role = "list"   // reads without an id
	Creates Role = "create" // makes a member of a collection
	Reads   Role = "read"   // reads a member
	Updates Role = "update" // changes a member
	Acts    Role = "act"    // any other that sends something
	Deletes Role = "delete" // removes a member
)

var roleOrder = map[Role]int{Lists: 0, Creates: 1, Reads: 2, Updates: 3, Acts: 4, Deletes: 5}

// A Need is a value that must come from an earlier answer.
type Need struct {
	In         string // path, query, body
	Name       string // of the parameter or field
	Collection string // whose members have it: /agents
	Field      string // of the member; "": its id
}

// A Link is an OpenAPI link: where an operation's answer holds a parameter of
// another.
type Link struct {
	From       string // Name of the operation that answers
	Expression string // $response.body#/id
}

// NewPlan orders the contract's operations.
func NewPlan(c *Contract) *Plan {
	p := &Plan{Contract: c}
	items := map[string]bool{}           // collections that have members with a path of their own
	collections := map[string][]string{} // singular name -> collections
	bySchema := map[string]string{}      // component of a member's answer -> collection
	makers := map[string]*Step{}         // collection -> the operation that creates
	listers := map[string]bool{}
	for _, o := range c.Operations {
		if coll, _, ok := itemOf(o.Path); ok {
			items[coll] = true
			if o.Method == "GET" {
				if name := answerSchema(o); name != "" && bySchema[name] == "" {
					bySchema[name] = coll
				}
			}
		}
		if o.Method == "POST" || o.Method == "GET" {
			if !endsInParam(o.Path) {
				name := singular(lastSegment(o.Path))
				if !slices.Contains(collections[name], o.Path) {
					collections[name] = append(collections[name], o.Path)
				}
			}
		}
	}
	for coll := range items {
		name := singular(lastSegment(coll))
		if !slices.Contains(collections[name], coll) {
			collections[name] = append(collections[name], coll)
		}
	}
	for name := range collections {
		slices.SortFunc(collections[name], func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	}
	for _, o := range c.Operations {
		s := &Step{Operation: o}
		coll, _, item := itemOf(o.Path)
		switch {
		case o.Method == "DELETE":
			s.Role = Deletes
			if item {
				s.Makes = coll
			}
		case o.Method == "PUT" || o.Method == "PATCH":
			s.Role = Updates
			if item {
				s.Makes = coll
			}
		case o.Safe() && item:
			s.Role, s.Makes = Reads, coll
		case o.Safe():
			s.Role, s.Makes = Lists, o.Path
			if strings.Contains(o.Path, "{") {
				s.Role = Reads
			}
		case o.Method == "POST" && items[o.Path]:
			s.Role, s.Makes = Creates, o.Path
		default:
			s.Role = Acts
		}
		if s.Role == Lists || s.Role == Acts {
			if of := bySchema[answerSchema(o)]; of != "" && !items[o.Path] {
				s.Makes = of // GET /pet/findByStatus lists /pet
				if s.Role == Acts && o.Method == "POST" && !strings.Contains(o.Path, "{") {
					s.Role = Creates
				}
			}
		}
		if s.Role == Creates && makers[s.Makes] == nil {
			makers[s.Makes] = s
		}
		if s.Role == Lists {
			listers[s.Makes] = true
		}
		p.Steps = append(p.Steps, s)
	}
	resolve := func(name string) (coll, field string, ok bool) {
		base, field, refers := refersTo(name)
		if !refers {
			return "", "", false
		}
		for _, coll := range collections[base] {
			if items[coll] || makers[coll] != nil {
				return coll, field, true
			}
		}
		return "", "", false
	}
	for _, s := range p.Steps {
		s.needs(items, resolve)
	}
	p.links()
	depth(p.Steps, makers)
	slices.SortStableFunc(p.Steps, func(a, b *Step) int {
		order := cmp.Compare(a.created, b.created)
		if a.Role == Deletes {
			order = -order
		}
		if a.Role == Deletes && b.Role == Deletes && order == 0 {
			order = cmp.Compare(len(segments(b.Path)), len(segments(a.Path)))
		}
		return cmp.Or(cmp.Compare(roleOrder[a.Role], roleOrder[b.Role]), order)
	})
	return p
}

// needs finds what the step's parameters and required fields refer to.
func (s *Step) needs(items map[string]bool, resolve func(string) (string, string, bool)) {
	for _, name := range pathParams(s.Path) {
		coll := collectionOf(s.Path, name)
		n := Need{In: "path", Name: name, Collection: coll}
		if !items[coll] || coll == "" || coll == "/" {
			if c, f, ok := resolve(name); ok {
				n.Collection, n.Field = c, f
			}
		}
		s.Needs = append(s.Needs, n)
	}
	for _, p := range s.Params {
		if p.In == "query" && p.Required {
			if coll, field, ok := resolve(p.Name); ok {
				s.Needs = append(s.Needs, Need{In: "query", Name: p.Name, Collection: coll, Field: field})
			}
		}
	}
	if s.Body == nil {
		return
	}
	_, media := chooseMedia(s.Body.Content)
	if media == nil || media.Schema == nil {
		return
	}
	flat := flatten(media.Schema, 0)
	for _, name := range flat.Required {
		if s.Role == Creates {
			if base, _, ok := refersTo(name); ok && base == singular(lastSegment(s.Makes)) {
				continue // its own name or key
			}
		}
		if coll, field, ok := resolve(name); ok && coll != s.Makes {
			s.Needs = append(s.Needs, Need{In: "body", Name: name, Collection: coll, Field: field})
		}
	}
}

// links notes the parameters that the answers' links give.
func (p *Plan) links() {
	byID := map[string]*Step{}
	for _, s := range p.Steps {
		if s.ID != "" {
			byID[s.ID] = s
		}
	}
	for _, s := range p.Steps {
		if s.Op.Responses == nil {
			continue
		}
		for _, status := range s.Op.Responses.Keys() {
			r := s.Op.Responses.Value(status)
			if r == nil || r.Value == nil {
				continue
			}
			for _, l := range r.Value.Links {
				if l == nil || l.Value == nil {
					continue
				}
				to := byID[l.Value.OperationID]
				if ref := l.Value.OperationRef; to == nil && strings.HasPrefix(ref, "#/paths/") {
					parts := strings.Split(strings.TrimPrefix(ref, "#/paths/"), "/")
					if len(parts) == 2 {
						path := strings.NewReplacer("~1", "/", "~0", "~").Replace(parts[0])
						for _, t := range p.Steps {
							if t.Path == path && strings.EqualFold(t.Method, parts[1]) {
								to = t
							}
						}
					}
				}
				if to == nil {
					continue
				}
				for name, v := range l.Value.Parameters {
					text, ok := v.(string)
					if !ok {
						continue
					}
					name = name[strings.LastIndexByte(name, '.')+1:] // path.id
					if to.Links == nil {
						to.Links = map[string][]Link{}
					}
					to.Links[name] = append(to.Links[name], Link{From: s.Name(), Expression: text})
				}
			}
		}
	}
}

// depth gives each step the length of the longest chain of creates before it.
func depth(steps []*Step, makers map[string]*Step) {
	var of func(s *Step, seen map[*Step]bool) int
	memo := map[*Step]int{}
	of = func(s *Step, seen map[*Step]bool) int {
		if d, ok := memo[s]; ok {
			return d
		}
		if seen[s] {
			return 0
		}
		seen[s] = true
		defer delete(seen, s)
		d := 0
		for _, n := range s.Needs {
			if m := makers[n.Collection]; m != nil && m != s {
				d = max(d, of(m, seen)+1)
			}
		}
		if len(seen) == 1 {
			memo[s] = d
		}
		return d
	}
	for _, s := range steps {
		s.created = of(s, map[*Step]bool{})
		memo[s] = s.created
	}
}

// itemOf is the collection and the last parameter of /agents/{id}.
func itemOf(path string) (collection, param string, ok bool) {
	path = strings.TrimRight(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	last := path[i+1:]
	if !strings.HasPrefix(last, "{") || !strings.HasSuffix(last, "}") {
		return "", "", false
	}
	return path[:i], strings.Trim(last, "{}"), true
}

// collectionOf is the path before a parameter.
func collectionOf(path, param string) string {
	i := strings.Index(path, "{"+param+"}")
	if i < 0 {
		return ""
	}
	return strings.TrimRight(path[:i], "/")
}

func endsInParam(path string) bool { _, _, ok := itemOf(path); return ok }

func lastSegment(path string) string {
	s := segments(path)
	for i := len(s) - 1; i >= 0; i-- {
		if !strings.Contains(s[i], "{") {
			return s[i]
		}
	}
	return ""
}

// pathParams are the parameters of a template in their order.
func pathParams(path string) (names []string) {
	for rest := path; ; {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			return names
		}
		j := strings.IndexByte(rest[i:], '}')
		if j < 0 {
			return names
		}
		names = append(names, rest[i+1:i+j])
		rest = rest[i+j+1:]
	}
}

// answerSchema is the component that a successful answer is, or is a list of; "":
// none.
func answerSchema(o *Operation) string {
	if o.Op.Responses == nil {
		return ""
	}
	for _, status := range []string{"200", "201", "202", "2XX", "default"} {
		r := o.Op.Responses.Value(status)
		if r == nil || r.Value == nil {
			continue
		}
		_, media := chooseMedia(r.Value.Content)
		if media == nil || media.Schema == nil {
			continue
		}
		return memberSchema(media.Schema)
	}
	return ""
}

func memberSchema(s *openapi3.SchemaRef) string {
	if s == nil || s.Value == nil {
		return ""
	}
	if s.Value.Items != nil {
		return s.Value.Items.Ref
	}
	for _, name := range envelopes {
		if p := s.Value.Properties[name]; p != nil && p.Value != nil && p.Value.Items != nil && p.Value.Items.Ref != "" {
			return p.Value.Items.Ref
		}
	}
	return s.Ref
}

// envelopes are the keys under which lists stand in an answer's object.
var envelopes = []string{"items", "data", "results", "result", "content", "entries", "records", "list", "rows", "values", "objects"}
