package smoke

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
)

// A wrongID is a 404 on an id from the wrong field.
type wrongID struct {
	used, other string
	collection  string
	age         time.Duration
	status      int // with the other field; 0: it was not tried
}

// tryOtherIDs repeats a request that met a 404 with the other fields of the member
// that may be its id.
func (e *engine) tryOtherIDs(ctx context.Context, s *Step, args map[string]string, known map[string]any, m *member, x *sent) *sent {
	params := pathParams(s.Path)
	last := params[len(params)-1]
	coll := s.need("path", last).Collection
	_, used := m.id(last, coll)
	for _, other := range m.otherIDs(used, coll) {
		again := maps.Clone(args)
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
