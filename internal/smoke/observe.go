package smoke

import (
	"bytes"
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// An Observed is one exchange of a scenario's step.
type Observed struct {
	Endpoint metric.Endpoint
	Step     string
	Wire     []byte // the request; nil: it could not be made
	Sample   *metric.Sample
	Response *client.Response
	Message  string // what went wrong, redacted; "" for a success
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
func (e *engine) observe(ctx context.Context, o *Observed) {
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
					e.findWrongID(ctx, x, value, from)
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
	e.settle(ctx, row, x)
}
