package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
)

// A Draft is a scenario that lt writes for somebody to go on with.
type Draft struct {
	From   string      // what it was made of, for the head of the file
	Target string      // scheme and host; empty: left to --target
	Auth   any         // value of the key auth; nil: the API key of --api-key
	Tasks  []DraftTask // of its one persona
	Notes  []string    // what could not be carried over
}

// A DraftTask is some steps and how often they are done.
type DraftTask struct {
	Name   string
	Weight int // 0: 1
	Steps  []DraftStep
}

// A DraftStep is one request. Texts are literal, those of type [DraftText] are the
// language's own, with its ${...}; values are as JSON has them.
type DraftStep struct {
	Pause   string // before the request, as a step of its own
	Method  string
	Path    DraftText
	Query   []DraftField
	Headers []DraftField
	JSON    any // nil: none
	Form    []DraftField
	Parts   []DraftField // of multipart
	Body    any          // a text; nil: none
	Expect  []int
	Save    []DraftField
}

// A DraftField is a named value.
type DraftField struct {
	Name  string
	Value any
}

// DraftText is text as the language reads it.
type DraftText string

// Literal is the text that the language reads as s.
func Literal(s string) DraftText { return DraftText(strings.ReplaceAll(s, "${", "$${")) }

// YAML is the file. What it says validates; the error says what of the draft could
// not be written so.
func (d *Draft) YAML() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by lt scenarios new from %s. Try it, then make it yours:\n#\n", oneLine(d.From))
	b.WriteString("#   lt run FILE --dry-run --verbose      # the first requests, exactly; sends nothing\n#   lt run FILE\n#\n# docs/scenarios.md tells of every key.\n")
	if len(d.Notes) > 0 {
		b.WriteString("#\n# Not carried over:\n")
		for _, n := range d.Notes {
			fmt.Fprintf(&b, "#   - %s\n", oneLine(n))
		}
	}
	b.WriteString("\n")
	if d.Target != "" {
		fmt.Fprintf(&b, "target: %s\n", scalar(DraftText(d.Target)))
	}
	if d.Auth != nil {
		fmt.Fprintf(&b, "auth: %s\n", inFlow(d.Auth))
	}
	b.WriteString("load: {users: 10, spawn_rate: 5/s, duration: 1m}\nthresholds: [p95 < 500ms, error_rate < 1%]\n\npersonas:\n  user:\n    think: 1s-3s\n    tasks:\n")
	for _, t := range d.Tasks {
		t.write(&b)
	}
	if _, err := Parse("draft.yaml", b.Bytes()); err != nil {
		return nil, fmt.Errorf("what was found makes no scenario: %w", err)
	}
	return b.Bytes(), nil
}

func (t *DraftTask) write(b *bytes.Buffer) {
	var head []DraftField
	if t.Name != "" {
		head = append(head, DraftField{"name", Literal(t.Name)})
	}
	if t.Weight > 1 {
		head = append(head, DraftField{"weight", t.Weight})
	}
	if len(t.Steps) == 1 && t.Steps[0].Pause == "" {
		inBlock(b, 6, "- ", append(head, t.Steps[0].fields()...))
		return
	}
	if len(head) == 0 {
		head = []DraftField{{"weight", 1}}
	}
	for i, f := range head {
		lead := "        "
		if i == 0 {
			lead = "      - "
		}
		fmt.Fprintf(b, "%s%s: %s\n", lead, f.Name, inFlow(f.Value))
	}
	b.WriteString("        steps:\n")
	for _, s := range t.Steps {
		if s.Pause != "" {
			fmt.Fprintf(b, "          - {pause: %s}\n", s.Pause)
		}
		inBlock(b, 10, "- ", s.fields())
	}
}

// fields are the step's keys in the order in which people read them.
func (s *DraftStep) fields() (out []DraftField) {
	out = append(out, DraftField{strings.ToLower(s.Method), s.Path})
	for _, list := range []struct {
		name   string
		fields []DraftField
	}{{"query", s.Query}, {"headers", s.Headers}, {"form", s.Form}, {"multipart", s.Parts}} {
		if len(list.fields) > 0 {
			out = append(out, DraftField{list.name, list.fields})
		}
	}
	if s.JSON != nil {
		out = append(out, DraftField{"json", s.JSON})
	}
	if s.Body != nil {
		out = append(out, DraftField{"body", s.Body})
	}
	switch len(s.Expect) {
	case 0:
	case 1:
		out = append(out, DraftField{"expect", s.Expect[0]})
	default:
		list := []any{}
		for _, n := range s.Expect {
			list = append(list, n)
		}
		out = append(out, DraftField{"expect", list})
	}
	if len(s.Save) > 0 {
		out = append(out, DraftField{"save", s.Save})
	}
	return out
}

// maxFlow is how long a line may be before a mapping gets a line for each key.
const maxFlow = 110

// inBlock writes a value after lead, on one line where that is short enough.
func inBlock(b *bytes.Buffer, indent int, lead string, v any) {
	pad := strings.Repeat(" ", indent)
	line := inFlow(v)
	fields, isMap := v.([]DraftField)
	if m, ok := v.(map[string]any); ok {
		fields, isMap = fieldsOf(m), true
	}
	if !isMap || len(fields) == 0 || len(pad)+len(lead)+len(line) <= maxFlow {
		fmt.Fprintf(b, "%s%s%s\n", pad, lead, line)
		return
	}
	below := indent + 2
	if lead != "- " {
		fmt.Fprintf(b, "%s%s\n", pad, strings.TrimRight(lead, " "))
	}
	for i, f := range fields {
		at, first := below, ""
		if lead == "- " && i == 0 {
			at, first = indent, "- "
		}
		if first != "" { // its value stays on the line
			fmt.Fprintf(b, "%s%s%s: %s\n", strings.Repeat(" ", at), first, scalar(DraftText(f.Name)), inFlow(f.Value))
			continue
		}
		inBlock(b, at, string(scalar(DraftText(f.Name)))+": ", f.Value)
	}
}

func fieldsOf(m map[string]any) (out []DraftField) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, DraftField{k, m[k]})
	}
	return out
}

// inFlow is a value on one line.
func inFlow(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return scalar(Literal(x))
	case DraftText:
		return scalar(x)
	case map[string]any:
		return inFlow(fieldsOf(x))
	case []DraftField:
		var parts []string
		for _, f := range x {
			parts = append(parts, scalar(Literal(f.Name))+": "+inFlow(f.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		var parts []string
		for _, e := range x {
			parts = append(parts, inFlow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

var (
	plainScalar = regexp.MustCompile(`^(\$\.|[A-Za-z/])[A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)
	wordScalar  = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)
)

// scalar is a text as YAML writes it in a flow.
func scalar(s DraftText) string {
	if plainScalar.MatchString(string(s)) && !wordScalar.MatchString(string(s)) {
		return string(s)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(string(s)) // a text always can
	return strings.TrimSuffix(b.String(), "\n")
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, shorten(s, 300))
}

// A drafter turns recorded requests into steps.
type drafter struct {
	notes []string
	noted map[string]bool
	auth  any // as the first credential was sent
}

func (d *drafter) note(format string, args ...any) {
	n := fmt.Sprintf(format, args...)
	if d.noted == nil {
		d.noted = map[string]bool{}
	}
	if !d.noted[n] {
		d.noted[n] = true
		d.notes = append(d.notes, n)
	}
}

// A recorded is a request as somebody else's tool tells of it.
type recorded struct {
	method  string
	url     *url.URL
	headers []client.Header
	body    []byte
	form    []DraftField // of multipart
}

// leftHeaders are those that lt or the connection makes, and browsers' own.
var leftHeaders = regexp.MustCompile(`(?i)^(host|content-length|connection|keep-alive|transfer-encoding|te|upgrade|expect|accept-encoding|user-agent|traceparent|tracestate|origin|referer|dnt|priority|cache-control|pragma|if-.*|sec-.*|upgrade-insecure-requests|:.*)$`)

// step is the request as a step. Secrets by their names are left to variables of
// the environment.
func (d *drafter) step(r *recorded) (s DraftStep, ok bool) {
	s.Method = strings.ToUpper(r.method)
	if !slices.Contains(methods, strings.ToLower(s.Method)) {
		d.note("%s %s: lt sends no %s", s.Method, r.url.Path, s.Method)
		return s, false
	}
	s.Path = Literal(pathOf(r.url))
	for _, pair := range strings.Split(r.url.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			d.note("%s %s: a part of the query that cannot be read", s.Method, r.url.Path)
			continue
		}
		if slices.ContainsFunc(s.Query, func(f DraftField) bool { return f.Name == name }) {
			d.note("%s %s: the second value of %s in the query", s.Method, r.url.Path, name)
			continue
		}
		s.Query = append(s.Query, DraftField{name, d.secret(name, value)})
	}
	media := ""
	for _, h := range r.headers {
		switch {
		case strings.EqualFold(h.Name, "Content-Type"):
			media = h.Value
		case strings.EqualFold(h.Name, "Cookie"):
			d.note("cookies: a user of lt keeps those that answers set")
		case leftHeaders.MatchString(h.Name) || strings.EqualFold(h.Name, "Accept") && h.Value == "*/*":
		case client.SecretHeader(h.Name):
			d.credential(h)
		case slices.ContainsFunc(s.Headers, func(f DraftField) bool { return strings.EqualFold(f.Name, h.Name) }):
			d.note("%s %s: the second header %s", s.Method, r.url.Path, h.Name)
		default:
			s.Headers = append(s.Headers, DraftField{h.Name, h.Value})
		}
	}
	d.body(&s, r, media)
	return s, true
}

// credential takes the kind of a credential, and leaves its value to the environment.
func (d *drafter) credential(h client.Header) {
	kind, _, _ := strings.Cut(strings.ToLower(h.Value), " ")
	var auth any = map[string]any{"header": map[string]any{h.Name: DraftText("$env.API_KEY")}}
	where := "API_KEY in the environment"
	switch {
	case strings.EqualFold(h.Name, "X-API-Key"):
		auth, where = DraftText("api_key"), "--api-key or LT_API_KEY"
	case strings.EqualFold(h.Name, "Authorization") && kind == "bearer":
		auth, where = DraftText("bearer"), "--api-key or LT_API_KEY"
	case strings.EqualFold(h.Name, "Authorization") && kind == "basic":
		auth = map[string]any{"basic": []DraftField{{"user", DraftText("$env.API_USER")}, {"password", DraftText("$env.API_PASSWORD")}}}
		where = "API_USER and API_PASSWORD in the environment"
	}
	d.note("the value of %s, which is a credential: it comes from %s", h.Name, where)
	if d.auth == nil {
		d.auth = auth
	} else if inFlow(d.auth) != inFlow(auth) {
		d.note("%s beside another credential: a scenario has one kind of `auth`", h.Name)
	}
}

func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// body takes the request's body in the form that reads best.
func (d *drafter) body(s *DraftStep, r *recorded, media string) {
	base, _, _ := strings.Cut(strings.ToLower(media), ";")
	base = strings.TrimSpace(base)
	switch {
	case len(r.form) > 0:
		s.Parts = r.form
		return
	case len(r.body) == 0:
		return
	}
	if base == "application/json" || base == "" || strings.HasSuffix(base, "+json") {
		dec := json.NewDecoder(bytes.NewReader(r.body))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil && v != nil && !dec.More() {
			switch v.(type) {
			case map[string]any, []any:
				s.JSON = d.secrets(v)
				if base != "" && base != "application/json" {
					s.Headers = append(s.Headers, DraftField{"Content-Type", media})
				}
				return
			}
		}
	}
	if base == "application/x-www-form-urlencoded" {
		if fields, ok := d.formFields(string(r.body)); ok {
			s.Form = fields
			return
		}
	}
	if media != "" {
		s.Headers = append(s.Headers, DraftField{"Content-Type", media})
	}
	s.Body = string(r.body)
}

func (d *drafter) formFields(body string) (out []DraftField, ok bool) {
	for _, pair := range strings.Split(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || name == "" || slices.ContainsFunc(out, func(f DraftField) bool { return f.Name == name }) {
			return nil, false
		}
		out = append(out, DraftField{name, d.secret(name, value)})
	}
	return out, true
}

// secret is the value, or the variable of the environment that is to hold it.
func (d *drafter) secret(name, value string) any {
	if value == "" || !client.SecretName(name) {
		return value
	}
	variable := strings.Trim(strings.ToUpper(notWord.ReplaceAllString(name, "_")), "_")
	if variable == "" || variable[0] <= '9' {
		variable = "SECRET_" + variable
	}
	d.note("the value of %s, which is a secret by its name: set %s in the environment", name, variable)
	return DraftText("${env." + variable + "}")
}

var notWord = regexp.MustCompile(`[^A-Za-z0-9]+`)

// secrets replaces those of a JSON value.
func (d *drafter) secrets(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if text, ok := e.(string); ok {
				x[k] = d.secret(k, text)
			} else {
				x[k] = d.secrets(e)
			}
		}
	case []any:
		for i := range x {
			x[i] = d.secrets(x[i])
		}
	}
	return v
}
