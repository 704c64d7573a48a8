// Package smoke finds out what of an API works, before any load: it takes the
// contract (an OpenAPI document or a scenario's steps), plans an order in which
// every operation can be tried, tries them, and says what is broken, whose fault it
// is and at which hop.
//
// [ParseContract] and [NewPlan] stand by themselves: whoever wants a flow of an
// API's operations, each with the ids that it needs and where they come from, may
// use them without sending anything.
package smoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxContract is how long a document may be.
const maxContract = 64 << 20

// maxNesting is how deep a JSON document may nest: the library's time grows with a
// power of the depth.
const maxNesting = 500

// A Contract is what an API promises: an OpenAPI document, read.
type Contract struct {
	Source     string // file or URL
	Title      string
	Version    string
	OpenAPI    string // of the document: 3.0.3
	Operations []*Operation
	Warnings   []string // where the document breaks the specification, and was read all the same

	doc *openapi3.T
}

// An Operation is one method of one path.
type Operation struct {
	Method string
	Path   string // template: /agents/{id}
	ID     string // operationId; empty: it has none
	Params []*openapi3.Parameter
	Body   *openapi3.RequestBody // nil: none
	Op     *openapi3.Operation
}

// Name is "GET /agents/{id}".
func (o *Operation) Name() string { return o.Method + " " + o.Path }

// Safe reports whether the method only reads.
func (o *Operation) Safe() bool {
	return o.Method == "GET" || o.Method == "HEAD" || o.Method == "OPTIONS"
}

// ParseContract reads an OpenAPI document of version 3.0 or 3.1, JSON or YAML. The
// error names the place, as "FILE:line:column: what". Parts in other files are read
// where source is a file, and only below its directory.
func ParseContract(source string, data []byte) (contract *Contract, err error) {
	defer func() { // the library meets documents that nobody checked
		if p := recover(); p != nil {
			contract, err = nil, fmt.Errorf("%s:1:1: the document cannot be read: %s", source, firstLine(fmt.Sprint(p)))
		}
	}()
	if len(data) > maxContract {
		return nil, fmt.Errorf("%s: the document is larger than %d MB", source, maxContract>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, checkSyntax(source, data)
	}
	if n := nesting(data); n > maxNesting {
		return nil, fmt.Errorf("%s: the document nests %d levels deep: lt reads up to %d", source, n, maxNesting)
	}
	loader := openapi3.NewLoader()
	location := &url.URL{Path: filepath.ToSlash(source)}
	if !strings.Contains(source, "://") {
		loader.IsExternalRefsAllowed = true
		loader.ReadFromURIFunc = below(filepath.Dir(source))
	}
	doc, err := loader.LoadFromDataWithPath(data, location)
	if err != nil {
		return nil, locate(source, data, err)
	}
	c := &Contract{Source: source, OpenAPI: doc.OpenAPI, doc: doc}
	switch {
	case doc.OpenAPI == "":
		return nil, fmt.Errorf("%s:1:1: there is no key openapi: not an OpenAPI document of version 3%s", source, swagger(data))
	case !strings.HasPrefix(doc.OpenAPI, "3."):
		return nil, fmt.Errorf("%s:1:1: openapi %s: lt reads 3.0 and 3.1", source, doc.OpenAPI)
	}
	if doc.Info != nil {
		c.Title, c.Version = doc.Info.Title, doc.Info.Version
	}
	if err := c.operations(); err != nil {
		return nil, err
	}
	if err := c.doc.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(),
		openapi3.DisableSchemaPatternValidation()); err != nil {
		c.Warnings = append(c.Warnings, "the document breaks the specification: "+firstLine(err.Error()))
	}
	return c, nil
}

// nesting is how deep objects and lists of a JSON document nest; 0: it is YAML.
func nesting(data []byte) (deepest int) {
	if data = bytes.TrimSpace(data); data[0] != '{' {
		return 0
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

func swagger(data []byte) string {
	if bytes.Contains(data[:min(len(data), 4096)], []byte("swagger")) {
		return "; Swagger 2.0 has to be converted first"
	}
	return ""
}

// below reads files in dir and under it.
func below(dir string) openapi3.ReadFromURIFunc {
	return func(_ *openapi3.Loader, u *url.URL) ([]byte, error) {
		if u.Scheme != "" && u.Scheme != "file" || u.Host != "" {
			return nil, fmt.Errorf("$ref to %s: only files beside the document are read", u)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		path := filepath.FromSlash(u.Path)
		if rel, err := filepath.Rel(dir, path); err == nil {
			path = rel
		}
		return root.ReadFile(path)
	}
}

// operations lists the document's operations in the order of their paths.
func (c *Contract) operations() error {
	if c.doc.Paths == nil || c.doc.Paths.Len() == 0 {
		return fmt.Errorf("%s: the document has no paths: there is nothing to exercise", c.Source)
	}
	paths := c.doc.Paths.Keys()
	slices.Sort(paths)
	for _, path := range paths {
		item := c.doc.Paths.Value(path)
		if item == nil {
			continue
		}
		methods := item.Operations()
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY"} {
			op := methods[method]
			if op == nil || method == "CONNECT" || method == "TRACE" {
				continue
			}
			o := &Operation{Method: method, Path: path, ID: op.OperationID, Op: op}
			for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
				for _, p := range list {
					if p == nil || p.Value == nil {
						continue
					}
					same := func(q *openapi3.Parameter) bool { return q.Name == p.Value.Name && q.In == p.Value.In }
					o.Params = append(slices.DeleteFunc(o.Params, same), p.Value)
				}
			}
			if op.RequestBody != nil {
				o.Body = op.RequestBody.Value
			}
			c.Operations = append(c.Operations, o)
		}
	}
	if len(c.Operations) == 0 {
		return fmt.Errorf("%s: the document has no operations: there is nothing to exercise", c.Source)
	}
	return nil
}

// BasePath is the path of the document's first server, its variables at their
// defaults: "/v1", or "". Whether the target's URL has it already is for the caller.
func (c *Contract) BasePath() string {
	for _, s := range c.doc.Servers {
		if s == nil {
			continue
		}
		text := s.URL
		for name, v := range s.Variables {
			if v != nil {
				text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
			}
		}
		if u, err := url.Parse(text); err == nil {
			return strings.TrimRight(u.Path, "/")
		}
		break
	}
	return ""
}

// Find is the operation that serves a request for path; nil: none is documented. A
// slash at the end makes no difference; a literal segment wins over a parameter.
func (c *Contract) Find(method, path string) *Operation {
	var best *Operation
	bestLiterals := -1
	for _, o := range c.Operations {
		if o.Method != method {
			continue
		}
		if n := matches(o.Path, path); n > bestLiterals {
			best, bestLiterals = o, n
		}
	}
	return best
}

// matches is how many literal segments of the template the path has; -1: it is not
// of the template.
func matches(template, path string) int {
	t, p := segments(template), segments(path)
	if len(t) != len(p) {
		return -1
	}
	n := 0
	for i := range t {
		switch {
		case strings.Contains(t[i], "{"):
			if p[i] == "" {
				return -1
			}
		case t[i] == p[i]:
			n++
		default:
			return -1
		}
	}
	return n
}

func segments(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// valid holds a JSON value against a schema; asRequest says which way it goes.
func (c *Contract) valid(s *openapi3.Schema, v any, asRequest bool) error {
	opts := []openapi3.SchemaValidationOption{openapi3.VisitAsResponse()}
	if asRequest {
		opts[0] = openapi3.VisitAsRequest()
	}
	if c.doc.IsOpenAPI31OrLater() {
		opts = append(opts, openapi3.EnableJSONSchema2020())
	}
	err := safely(func() error { return c.doc.ValidateSchemaJSON(s, v, opts...) })
	var se *openapi3.SchemaError
	if errors.As(err, &se) {
		return fmt.Errorf("%s: %s", orRoot(strings.Join(se.JSONPointer(), ".")), firstLine(se.Reason))
	}
	if err != nil {
		return errors.New(firstLine(err.Error()))
	}
	return nil
}

// safely turns a panic of the validator, which meets documents that nobody checked,
// into nothing found.
func safely(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = nil
		}
	}()
	return f()
}

func orRoot(path string) string {
	if path == "" {
		return "the body"
	}
	return path
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}
