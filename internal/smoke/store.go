package smoke

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// A member is a row of the target's that an answer told of.
type member struct {
	fields     map[string]any
	documented map[string]bool   // fields that the contract knows; nil: it knows none
	args       map[string]string // path parameters under which it lives
	by         string            // name of the operation that told
	at         time.Time
	created    bool // by this run
	deleted    bool
}

// A store is what answers have taught: members by collection, values by link.
type store struct {
	members map[string][]*member
	links   map[string]map[string]any // Name of the answering operation -> expression -> value
	origins map[string]origin         // value of an id-like field -> where it came from
}

// An origin is where an id came from.
type origin struct {
	field  string
	member *member
	by     string
	at     time.Time
}

func newStore() *store {
	return &store{members: map[string][]*member{}, links: map[string]map[string]any{}, origins: map[string]origin{}}
}

// learn takes from a successful answer what it tells. s is nil for a request of no
// documented operation, whose collection is its path.
func (st *store) learn(s *Step, method, collection, name string, args map[string]string, sent []byte, body []byte, at time.Time) []*member {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	creates := s != nil && s.Role == Creates || s == nil && method == "POST"
	var all []map[string]any
	switch x := v.(type) {
	case map[string]any:
		all = append(all, x)
		if !creates {
			for _, key := range envelopes {
				if list, ok := x[key].([]any); ok {
					all = objects(list)
					break
				}
			}
		} else if len(x) <= 3 {
			for _, key := range []string{"data", "item", "result"} {
				if inner, ok := x[key].(map[string]any); ok {
					all = []map[string]any{inner}
				}
			}
		}
	case []any:
		all = objects(x)
	case string, float64:
		if creates {
			all = append(all, map[string]any{"id": x})
		}
	}
	if s != nil {
		st.linked(s, v)
	}
	if creates && len(all) > 0 { // a field that was sent and not told back, such as a name
		var in map[string]any
		if json.Unmarshal(sent, &in) == nil {
			for k, x := range in {
				if _, has := all[0][k]; !has {
					all[0][k] = x
				}
			}
		}
	}
	var documented map[string]bool
	if s != nil {
		documented = documentedFields(s.Operation)
	}
	var out []*member
	for i, fields := range all {
		if i == 5 {
			break
		}
		m := &member{fields: fields, documented: documented, args: args, by: name, at: at, created: creates}
		out = append(out, m)
		if collection != "" {
			st.members[collection] = append(st.members[collection], m)
		}
		if creates {
			for k, x := range fields {
				if text := plainText(x); idLike(k) && text != "" && ownID(k, collection) {
					st.origins[text] = origin{field: k, member: m, by: name, at: at}
				}
			}
		}
	}
	return out
}

// ownID reports whether a field is an id of the collection's members and not of
// another resource.
func ownID(field, collection string) bool {
	base, _, refers := refersTo(field)
	if n := plain(field); n == "id" || n == "uuid" || n == "guid" {
		return true
	}
	return refers && base == singular(lastSegment(collection))
}

func objects(list []any) (out []map[string]any) {
	for _, x := range list {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// linked keeps what the links of an operation's answer point at.
func (st *store) linked(s *Step, body any) {
	if s.Op.Responses == nil {
		return
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
			for _, expr := range l.Value.Parameters {
				text, ok := expr.(string)
				if !ok {
					continue
				}
				if pointer, ok := strings.CutPrefix(text, "$response.body#"); ok {
					if v, ok := at(body, pointer); ok {
						if st.links[s.Name()] == nil {
							st.links[s.Name()] = map[string]any{}
						}
						st.links[s.Name()][text] = v
					}
				}
			}
		}
	}
}

// at is the value at a JSON pointer; of a list without an index the first.
func at(v any, pointer string) (any, bool) {
	for _, key := range strings.Split(strings.Trim(pointer, "/"), "/") {
		key = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		switch x := v.(type) {
		case map[string]any:
			inner, ok := x[key]
			if !ok {
				return nil, false
			}
			v = inner
		case []any:
			i := 0
			for _, c := range key {
				if c < '0' || c > '9' {
					return nil, false
				}
				i = i*10 + int(c-'0')
				if i > 1000 {
					return nil, false
				}
			}
			if i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// newest is the member of a collection to use: one that this run created, the
// newest, or where any will do one that was listed.
func (st *store) newest(collection string, anyones bool) *member {
	list := st.members[collection]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].created && !list[i].deleted {
			return list[i]
		}
	}
	if anyones {
		for _, m := range list {
			if !m.deleted && !m.created {
				return m
			}
		}
	}
	return nil
}

// id is the value by which a path or a field names the member, and the field that
// has it: documented fields come first.
func (m *member) id(param, collection string) (value any, field string) {
	own := singular(lastSegment(collection))
	rank := func(name string) int {
		n := plain(name)
		r := 100
		switch {
		case n == plain(param):
			r = 0
		case n == "id":
			r = 1
		case n == own+"id" || n == own+"uuid":
			r = 2
		case n == "uuid" || n == "guid" || n == "_id":
			r = 3
		case idLike(name) && !strings.HasPrefix(n, "parent"):
			r = 20
		case n == "name" || n == "slug" || n == "key" || n == "code":
			r = 30
		}
		if r < 100 && m.documented != nil && !m.documented[name] {
			r += 10
		}
		return r
	}
	names := sortedKeys(m.fields)
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	for _, name := range names {
		if rank(name) >= 100 {
			break
		}
		switch m.fields[name].(type) {
		case string, float64:
			if plainText(m.fields[name]) != "" {
				return m.fields[name], name
			}
		}
	}
	return nil, ""
}

// update takes over what a change answered.
func (m *member) update(body []byte) {
	var now map[string]any
	if json.Unmarshal(body, &now) != nil {
		return
	}
	for k := range m.fields {
		if v, ok := now[k]; ok {
			m.fields[k] = v
		}
	}
}

// otherIDs are the member's other fields that may be its id.
func (m *member) otherIDs(field, collection string) (names []string) {
	for _, name := range sortedKeys(m.fields) {
		if name != field && idLike(name) && ownID(name, collection) {
			names = append(names, name)
		}
	}
	return names
}

// documentedFields are the fields of a successful answer that the contract names;
// nil: it names none.
func documentedFields(o *Operation) map[string]bool {
	if o.Op.Responses == nil {
		return nil
	}
	for _, status := range []string{"201", "200", "202", "2XX", "default"} {
		r := o.Op.Responses.Value(status)
		if r == nil || r.Value == nil {
			continue
		}
		_, media := chooseMedia(r.Value.Content)
		if media == nil || media.Schema == nil {
			continue
		}
		s := flatten(media.Schema, 0)
		if s.Items != nil {
			s = flatten(s.Items, 0)
		}
		for _, key := range envelopes {
			if p := s.Properties[key]; p != nil && p.Value != nil && p.Value.Items != nil {
				s = flatten(p.Value.Items, 0)
				break
			}
		}
		if len(s.Properties) == 0 {
			return nil
		}
		out := map[string]bool{}
		for name := range s.Properties {
			out[name] = true
		}
		return out
	}
	return nil
}
