package smoke

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
)

// A Direct is how the same request is sent straight to the upstream.
type Direct struct {
	Base   *url.URL
	Client *client.Client // for Base
	Key    string         // sent as X-API-Key; "": none
	Map    Mapping
}

// A Mapping turns paths of the gateway into the upstream's. The first rule that
// fits counts; a path that none fits is sent as it is.
type Mapping []MapRule

// A MapRule is FROM=TO, with a method before it where it holds for that only. FROM
// that ends in a slash is a prefix, any other a whole path, whose slash at the end
// makes no difference.
type MapRule struct{ Method, From, To string }

// ParseMapping reads rules, one a line; # begins a comment.
func ParseMapping(text string) (Mapping, error) {
	var out Mapping
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		var r MapRule
		if method, rest, ok := strings.Cut(line, " "); ok && method == strings.ToUpper(method) && !strings.HasPrefix(method, "/") {
			r.Method, line = method, strings.TrimSpace(rest)
		}
		from, to, ok := strings.Cut(line, "=")
		r.From, r.To = strings.TrimSpace(from), strings.TrimSpace(to)
		if !ok || !strings.HasPrefix(r.From, "/") || !strings.HasPrefix(r.To, "/") {
			return nil, fmt.Errorf("line %d: %q: want [METHOD] FROM=TO, paths that begin with a slash, such as /api/v1/=/", i+1, line)
		}
		if strings.HasSuffix(r.From, "/") != strings.HasSuffix(r.To, "/") && r.From != "/" {
			return nil, fmt.Errorf("line %d: %q: a prefix ends in a slash on both sides, a whole path on neither", i+1, line)
		}
		out = append(out, r)
	}
	return out, nil
}

// Apply is the upstream's path for the gateway's.
func (m Mapping) Apply(method, path string) string {
	for _, r := range m {
		if r.Method != "" && r.Method != method {
			continue
		}
		if strings.HasSuffix(r.From, "/") {
			if rest, ok := strings.CutPrefix(path, r.From); ok {
				return r.To + rest
			}
		} else if strings.TrimRight(path, "/") == r.From {
			return r.To
		}
	}
	return path
}

// askDirect sends a request that failed at the target straight to the upstream.
func (e *engine) askDirect(ctx context.Context, x *sent) {
	d := e.cfg.Direct
	if d == nil || x.direct != nil || x.status() == 0 || x.status() == 401 && e.refused != "" {
		return
	}
	r := x.req
	prefix := strings.TrimRight(e.cfg.Target.EscapedPath(), "/")
	path, query, hasQuery := strings.Cut(strings.TrimPrefix(r.Target, prefix), "?")
	r.Target = strings.TrimRight(d.Base.EscapedPath(), "/") + d.Map.Apply(r.Method, path)
	if hasQuery {
		r.Target += "?" + query
	}
	r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h client.Header) bool {
		return client.SecretHeader(h.Name) || strings.EqualFold(h.Name, "Host")
	})
	if d.Key != "" {
		r.Headers = append(r.Headers, client.Header{Name: "X-API-Key", Value: d.Key})
	}
	wire, err := e.wire(&r, d.Base.Host)
	if err != nil {
		return
	}
	conn := d.Client.NewConn()
	defer conn.Close()
	y := exchange(ctx, conn, &r, wire)
	y.name = r.Method + " " + r.path()
	x.direct = y
	e.result.Requests++
	if y.ok() && r.Method == "POST" && x.step != nil && x.step.Role == Creates {
		// The gateway's delete removes it, where that works.
		e.store.learn(x.step, r.Method, x.step.Makes, x.step.Name(), x.args, r.Body, y.body, y.at)
		e.result.Rows.Created++
	}
}
