package smoke

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
)

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

// fill completes an exchange of a step.
func (e *engine) fill(x *sent, s *Step, args map[string]string, m *member, own bool) {
	x.step, x.name, x.known, x.args, x.member, x.ownID = s, s.Name(), true, args, m, own
	if x.ok() {
		parents := map[string]string{}
		maps.Copy(parents, args)
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
