package scenarios

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

var methods = []string{"get", "post", "put", "patch", "delete", "head", "options"}

var stepKeys = append(slices.Clone(methods),
	"name", "when", "set", "query", "headers", "json", "form", "multipart", "body", "expect", "timeout", "redirect", "compressed",
	"protocol", "poll", "pause", "save", "check", "push", "pick", "take")

// steps reads a list of steps.
func (d *decoder) steps(n *yaml.Node, what string) (steps []Step) {
	for item := range d.list(n, what) {
		s := Step{at: d.at(item)}
		for _, e := range d.mapping(item, "a step", stepKeys) {
			d.stepKey(&s, e)
		}
		if r := d.deref(item); r != nil && r.Kind == yaml.MappingNode {
			d.stepWhole(&s)
			steps = append(steps, s)
		}
	}
	return steps
}

// stepKey reads one key of a step.
func (d *decoder) stepKey(s *Step, e entry) {
	if slices.Contains(methods, e.name) {
		if s.Method != "" {
			d.add(e.key, "a step sends one request: `%s` stands beside `%s`", e.name, strings.ToLower(s.Method))
			return
		}
		s.Method = strings.ToUpper(e.name)
		s.path = d.template(e.value, "the path")
		s.Path = s.path.source
		d.path(e.value, s.Path)
		return
	}
	switch e.name {
	case "name":
		s.Name = d.line(e.value, "a name")
	case "query":
		for _, q := range d.mapping(e.value, "the query", nil) {
			s.query = append(s.query, pair{q.name, d.template(q.value, "a value of the query")})
		}
	case "headers":
		s.headers = d.headers(e.value)
	case "json":
		v := d.json(e.value, 0)
		s.json = &v
	case "form":
		s.form = d.form(e.value)
	case "multipart":
		s.multipart = d.multipart(e.value)
	case "body":
		if r := d.deref(e.value); r != nil && r.Kind == yaml.MappingNode {
			for _, f := range d.mapping(e.value, "a body", bodyKeys) {
				s.bodyFile = d.attachment(f.value)
			}
			return
		}
		t := d.template(e.value, "a body")
		s.body = &t
	case "when":
		if x := d.expression(e.value, "when", useWhen); x != nil {
			s.when = &condition{x, d.at(e.value)}
		}
	case "set":
		s.set = d.assignments(e.value)
	case "poll":
		s.poll = d.poll(e.value)
	case "redirect":
		s.redirect = d.redirect(e.value)
	case "compressed":
		v := d.boolean(e.value, "compressed")
		s.compressed = &v
	case "expect":
		s.Expect = d.statuses(e.value)
	case "protocol": // kept free for those to come
		if name := d.line(e.value, "a protocol"); name != "" && name != "http" {
			d.add(e.value, "lt speaks no `%s`: a step's protocol is http, which it need not say", shorten(name, 40))
		}
	case "timeout":
		s.Timeout = d.duration(e.value, "the timeout", time.Millisecond)
	case "pause":
		r := d.span(e.value, "the pause")
		s.Pause = &r
	case "save":
		for _, v := range d.mapping(e.value, "save", nil) {
			d.variable(v.key)
			s.save = append(s.save, save{v.name, d.extractor(v.value, "a saved value"), d.at(v.key)})
		}
	case "check":
		s.check = d.checks(e.value)
	case "push":
		s.push = d.pushes(e.value)
	case "pick", "take":
		for _, v := range d.mapping(e.value, e.name, nil) {
			d.variable(v.key)
			pool := d.line(v.value, "a pool")
			if pool != "" && !isWord(pool) {
				d.add(v.value, "`%s` is no name of a pool: write `%s: {id: orders}`", shorten(pool, 40), e.name)
				pool = ""
			}
			s.pick = append(s.pick, draw{v.name, pool, e.name == "take", d.at(v.key)})
		}
	}
}

// stepWhole checks what no single key of a step shows.
func (d *decoder) stepWhole(s *Step) {
	n := &yaml.Node{Line: s.at.line, Column: s.at.column}
	switch {
	case s.Method == "" && s.Pause == nil:
		d.add(n, "the step does nothing: it needs get, post, put, patch, delete, head, options or pause")
	case s.Method != "" && s.Pause != nil:
		d.add(n, "a pause is a step of its own: write `- pause: %s` before or after the request", rangeText(*s.Pause))
	case s.Method == "":
		if s.bodies() > 0 || s.poll != nil || s.set != nil || s.redirect != nil || s.compressed != nil || s.save != nil || s.check != nil || s.push != nil || s.pick != nil || s.headers != nil || s.query != nil || s.Expect != nil {
			d.add(n, "a pause sends nothing: it takes no other key but when")
		}
	case s.bodies() > 1:
		d.add(n, "a request has one body: json, form, multipart or body")
	case s.Method == "HEAD" && (len(s.save) > 0 || len(s.push) > 0) && slices.ContainsFunc(s.save, func(v save) bool { return v.from.header == "" }):
		d.add(n, "an answer to HEAD has no body to save from; save a header, as in `header.ETag`")
	}
}

// assignments reads variables with their values.
func (d *decoder) assignments(n *yaml.Node) (l []assignment) {
	for _, v := range d.mapping(n, "set", nil) {
		d.variable(v.key)
		l = append(l, assignment{v.name, d.template(v.value, "a value"), d.at(v.key)})
	}
	return l
}

// bodies is how many bodies the step has.
func (s *Step) bodies() (n int) {
	for _, has := range []bool{s.json != nil, s.form != nil, s.multipart != nil, s.body != nil, s.bodyFile != nil} {
		if has {
			n++
		}
	}
	return n
}

// path checks the text of a step's path.
func (d *decoder) path(n *yaml.Node, path string) {
	r := d.deref(n)
	outside := withoutValues(path)
	switch {
	case path == "":
		if r != nil && r.Kind == yaml.ScalarNode && r.ShortTag() != "!!null" {
			d.add(n, "the path is empty: write `/`")
		}
	case strings.Contains(outside, "://"):
		d.add(n, "a step's path has no host: write the path from / on; the host is the scenario's target")
	case path[0] != '/':
		d.add(n, "a path starts with /: write `/%s`", shorten(path, 60))
	case strings.Contains(outside, "#"):
		d.add(n, "a path has no fragment (#)")
	default:
		for i := range len(outside) {
			if c := outside[i]; c <= ' ' || c == 0x7f {
				d.add(n, "a path holds no spaces, line breaks or control characters: write %%20 for a space")
				return
			}
		}
	}
}

// statuses is one status or a list of them.
func (d *decoder) statuses(n *yaml.Node) []int {
	if r := d.deref(n); r == nil || r.Kind != yaml.SequenceNode {
		if s := d.integer(n, "a status", 100, 599); s != 0 {
			return []int{s}
		}
		return nil
	}
	var l []int
	for item := range d.list(n, "expect") {
		if s := d.integer(item, "a status", 100, 599); s != 0 && !slices.Contains(l, s) {
			l = append(l, s)
		}
	}
	return l
}

// headers reads header names and values.
func (d *decoder) headers(n *yaml.Node) (l []Header) {
	for _, e := range d.mapping(n, "headers", nil) {
		if !d.headerName(e.key) {
			continue
		}
		t := d.template(e.value, "a header's value")
		if strings.ContainsAny(t.source, "\r\n\x00") {
			d.add(e.value, "the value of header %s is one line", e.name)
			continue
		}
		l = append(l, Header{e.name, t})
	}
	return l
}

// headerName checks a header's name.
func (d *decoder) headerName(n *yaml.Node) bool {
	switch name := n.Value; {
	case !isToken(name):
		d.add(n, "`%s` is no name of a header", shorten(name, 40))
	case slices.Contains(ownHeaders, strings.ToLower(name)):
		d.add(n, "header %s is lt's own: it follows from the target and the body", name)
	default:
		return true
	}
	return false
}

// Whoever could set these could make a request say one thing and be another.
var ownHeaders = []string{"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}

// extractor reads a part of an answer.
func (d *decoder) extractor(n *yaml.Node, what string) extractor {
	s := d.line(n, what)
	if s == "" {
		return extractor{}
	}
	x, problem := parseExtractor(s)
	if problem != "" {
		d.lost = true
		d.add(n, "`%s` %s", shorten(s, 60), problem)
	}
	return x
}

// pushes reads what goes into pools: a part of the answer, or a variable.
func (d *decoder) pushes(n *yaml.Node) (l []push) {
	for _, e := range d.mapping(n, "push", nil) {
		if !isWord(e.name) {
			d.add(e.key, "`%s` is no name of a pool: use letters, digits and _", shorten(e.name, 40))
			continue
		}
		p := push{pool: e.name, at: d.at(e.value)}
		if r := d.deref(e.value); r != nil && strings.HasPrefix(r.Value, "${") {
			t := d.template(e.value, "a pushed value")
			v := t.alone()
			if v == nil || v.kind != valueVariable {
				d.add(e.value, "push takes a part of the answer ($.id) or one saved variable (${id})")
			} else {
				p.variable = v.name
			}
		} else {
			x := d.extractor(e.value, "a pushed value")
			p.from = &x
		}
		l = append(l, p)
	}
	return l
}

// variable checks the name of a new variable.
func (d *decoder) variable(n *yaml.Node) {
	if !isWord(n.Value) {
		d.lost = true
		d.add(n, "`%s` is no name of a variable: use letters, digits and _", shorten(n.Value, 40))
	} else if slices.Contains(reserved, n.Value) {
		d.lost = true
		d.add(n, "`%s` has a meaning of its own; give the variable another name", n.Value)
	}
}

// isWord reports whether s is a name: letters, digits and _, no digit first.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

func rangeText(r Range) string {
	if r.Min == r.Max {
		return r.Min.String()
	}
	return r.Min.String() + "-" + r.Max.String()
}

var bodyKeys = []string{"file"}
