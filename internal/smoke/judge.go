package smoke

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// routeSign is what an answer looks like but for the path that it tells of.
func routeSign(x *sent) string {
	body := string(x.body[:min(len(x.body), 4<<10)])
	path := x.req.path()
	for _, p := range []string{x.req.Target, path, strings.TrimRight(path, "/"), strings.Trim(path, "/")} {
		if len(p) > 3 {
			body = strings.ReplaceAll(body, p, "<path>")
			body = strings.ReplaceAll(body, strings.ReplaceAll(p, "/", `\/`), "<path>")
		}
	}
	kind, _, _ := strings.Cut(headerOf(x.head, "Content-Type"), ";")
	return fmt.Sprintf("%d|%s|%s|%s", x.status(), strings.ToLower(kind), headerOf(x.head, "X-Upstream-Status"), run.Pattern(body))
}

// noRoute reports whether the answer is the one of a path that nobody serves.
func (e *engine) noRoute(x *sent) bool { return x.status() == 404 && e.routes[routeSign(x)] }

// state is what an exchange shows of its operation.
func (e *engine) state(x *sent) State {
	status := x.status()
	switch x.sample.Outcome {
	case metric.OK:
		if e.offContract(x) != "" {
			return OffContract
		}
		if x.sample.ServiceTime() > SlowAfter {
			return Slow
		}
		return Present
	case metric.Check, metric.Extract:
		return Failed
	case metric.TooLarge:
		if status >= 200 && status < 300 {
			return Present
		}
	case metric.Status:
		if status >= 300 && status < 400 {
			if x.known && slices.Contains(documented(x.step), strconv.Itoa(status)) {
				return Present
			}
			return OffContract
		}
	default:
		return NoAnswer
	}
	switch {
	case status == 401 || status == 403:
		return Unauthorised
	case status == 404 && x.invalid == "" && (e.noRoute(x) || x.namesNothing()):
		return Missing
	case status == 405:
		return WrongMethod
	case status == 501:
		return Unimplemented
	case status >= 500:
		return Broken
	}
	return Refused
}

// namesNothing reports whether the request names no row that could be missing: its
// 404 can only mean the route.
func (x *sent) namesNothing() bool {
	if x.step != nil && len(x.step.Needs) > 0 {
		return false
	}
	return !strings.ContainsAny(x.template(), "{$")
}

// template is the path as the contract, or else the scenario, writes it.
func (x *sent) template() string {
	if x.step != nil {
		return x.step.Path
	}
	_, path, _ := strings.Cut(x.name, " ")
	return path
}

// documented are the statuses that the contract names.
func documented(s *Step) []string {
	if s == nil || s.Op.Responses == nil {
		return nil
	}
	return s.Op.Responses.Keys()
}

// expected are the documented statuses of success.
func expected(o *Operation) (out []string) {
	if o.Op.Responses == nil {
		return nil
	}
	keys := o.Op.Responses.Keys()
	slices.Sort(keys)
	for _, k := range keys {
		if strings.HasPrefix(k, "2") || strings.HasPrefix(k, "3") {
			out = append(out, k)
		}
	}
	return out
}

// offContract says how a successful answer differs from what is documented; "": it
// does not, or nobody knows.
func (e *engine) offContract(x *sent) string {
	if x.step == nil || x.step.Op.Responses == nil || x.step.Op.Responses.Len() == 0 {
		return ""
	}
	responses := x.step.Op.Responses
	status := strconv.Itoa(x.status())
	ref := responses.Value(status)
	if ref == nil {
		ref = responses.Value(status[:1] + "XX")
	}
	if ref == nil {
		ref = responses.Default()
	}
	if ref == nil && len(expected(x.step.Operation)) == 0 {
		return "" // the contract tells of failures only
	}
	if ref == nil {
		return fmt.Sprintf("the status %s is not documented (documented: %s)", status, strings.Join(expected(x.step.Operation), ", "))
	}
	if ref.Value == nil || len(ref.Value.Content) == 0 || x.req.Method == "HEAD" || x.status() == 204 || len(x.body) == 0 {
		if ref.Value != nil && len(ref.Value.Content) > 0 && len(x.body) == 0 && x.req.Method != "HEAD" && x.status() != 204 {
			return "the body is empty; the contract documents one"
		}
		return ""
	}
	got := headerOf(x.head, "Content-Type")
	base, _, err := mime.ParseMediaType(got)
	if err != nil {
		base, _, _ = strings.Cut(strings.ToLower(got), ";")
	}
	media := mediaFor(ref.Value.Content, base)
	if media == nil {
		return fmt.Sprintf("the content type %q is not documented (documented: %s)", shorten(printable(got), 80), strings.Join(sortedKeys(ref.Value.Content), ", "))
	}
	if media.Schema == nil || media.Schema.Value == nil || !jsonMedia(base) {
		return ""
	}
	var v any
	if err := json.Unmarshal(x.body, &v); err != nil {
		return "the body is no JSON: " + firstLine(err.Error())
	}
	if err := e.cfg.Contract.valid(media.Schema.Value, v, false); err != nil {
		return "the body breaks the schema: " + printable(err.Error())
	}
	return ""
}

// mediaFor is the documented media type that an answer's is.
func mediaFor(content openapi3.Content, got string) *openapi3.MediaType {
	got = strings.ToLower(got)
	main, _, _ := strings.Cut(got, "/")
	for _, name := range sortedKeys(content) {
		base, _, _ := strings.Cut(strings.ToLower(name), ";")
		base = strings.TrimSpace(base)
		if base == got || base == "*/*" || base == main+"/*" {
			return content[name]
		}
	}
	return nil
}

// breaks says how a request of a scenario breaks the contract; "": it does not.
func (e *engine) breaks(o *Operation, r *request) string {
	if o.Body != nil {
		if len(r.Body) == 0 {
			if o.Body.Required {
				return "it has no body, which the contract requires"
			}
		} else {
			var got string
			for _, h := range r.Headers {
				if strings.EqualFold(h.Name, "Content-Type") {
					got = h.Value
				}
			}
			base, _, _ := mime.ParseMediaType(got)
			media := mediaFor(o.Body.Content, base)
			if media == nil && len(o.Body.Content) > 0 {
				return fmt.Sprintf("the content type %q is not documented (documented: %s)", shorten(printable(got), 80), strings.Join(sortedKeys(o.Body.Content), ", "))
			}
			if media != nil && media.Schema != nil && media.Schema.Value != nil && jsonMedia(base) {
				var v any
				if err := json.Unmarshal(r.Body, &v); err != nil {
					return "the body is no JSON: " + firstLine(err.Error())
				}
				if err := e.cfg.Contract.valid(media.Schema.Value, v, true); err != nil {
					return e.mask(printable(err.Error()))
				}
			}
		}
	}
	_, rawQuery, _ := strings.Cut(r.Target, "?")
	query, _ := url.ParseQuery(rawQuery)
	for _, p := range o.Params {
		if p.In != "query" {
			continue
		}
		values, has := query[p.Name]
		if p.Required && !has && p.Style != "deepObject" {
			return "the query parameter " + p.Name + " is missing, which the contract requires"
		}
		if s := paramSchema(p); has && len(values) == 1 && s != nil && s.Value != nil {
			f := flatten(s, 0)
			var v any = values[0]
			switch kind(f) {
			case "array", "object":
				continue
			case "integer", "number", "boolean":
				if json.Unmarshal([]byte(values[0]), &v) != nil {
					v = values[0]
				}
			}
			if err := e.cfg.Contract.valid(s.Value, v, true); err != nil {
				return "the query parameter " + p.Name + ": " + e.mask(printable(err.Error()))
			}
		}
	}
	return ""
}

// judgeAll completes the rows, once all answers have been seen.
func (e *engine) judgeAll() {
	for _, name := range e.order {
		row := e.rows[name]
		if x := e.answers[name]; x != nil && row.State != NotExercised {
			e.judge(row, x)
		}
	}
	for _, name := range e.order {
		row := e.rows[name]
		if row.ExplainedBy != "" {
			row.ExplainedBy = e.root(row.ExplainedBy)
		}
		e.result.Operations = append(e.result.Operations, *row)
	}
	e.result.Blockers = append(e.result.Blockers, e.cluster()...)
}

// root follows who keeps whom from being exercised to its end.
func (e *engine) root(name string) string {
	for range len(e.rows) {
		r := e.rows[name]
		if r == nil || r.ExplainedBy == "" || r.State != NotExercised {
			break
		}
		name = r.ExplainedBy
	}
	return name
}

// judge completes a row by the answer that decides it.
func (e *engine) judge(row *Operated, x *sent) {
	row.Status = x.status()
	took := millis(x.sample.ServiceTime())
	row.TimeMS = &took
	if s, ok := hop.Timing(string(x.head)); ok {
		row.UpstreamMS = s.Upstream
	}
	row.docs = documented(x.step)
	if row.State.Works() {
		if row.State == Slow {
			row.Reason = fmt.Sprintf("answered after %s", x.sample.ServiceTime().Round(time.Millisecond))
		}
		if x.sample.Outcome == metric.TooLarge {
			row.Reason = fmt.Sprintf("the body is longer than %d MB and was not checked", MaxBody>>20)
		}
		return
	}
	if row.State == WrongMethod {
		row.Allow = shorten(printable(e.mask(headerOf(x.head, "Allow"))), 80)
	}
	row.exemplar = e.exemplar(x)
	row.Reason = e.reason(row, x)
	row.pattern = run.Pattern(e.message(x))
	row.Fault = fault(row.State, x)
	invalid := ""
	switch {
	case x.wrong != nil:
		invalid = fmt.Sprintf("it takes the id from the field %s", x.wrong.used)
	case row.Fault == FaultScenario:
		invalid = x.invalid
	}
	a := hop.Answer{
		Class: x.sample.Class().Key(), Phase: x.sample.Phase.String(), Status: x.status(), Head: string(x.head), Body: string(x.body[:min(len(x.body), 16<<10)]),
		Invalid: invalid, NoRoute: e.noRoute(x), Traits: e.traits,
	}
	if d := x.direct; d != nil {
		a.Direct = &hop.Direct{Class: d.sample.Class().Key(), Status: d.status()}
	}
	if row.State == OffContract || row.State == Failed { // a success: whose field is wrong, no header tells
		a.Traits = hop.Traits{}
		if u, ok := strconv.Atoi(headerOf(x.head, "X-Upstream-Status")); ok == nil {
			row.UpstreamStatus = u
		}
		row.Hop, row.HopEvidence = hop.Unknown, []string{"the answer came; which hop made its content, nothing tells"}
	} else {
		v := hop.Attribute(a)
		row.Hop, row.UpstreamStatus = v.Hop, v.UpstreamStatus
		for _, text := range v.Evidence {
			row.HopEvidence = append(row.HopEvidence, shorten(printable(e.mask(text)), 300))
		}
	}
	for _, hint := range signatures(row, x) {
		row.signs = append(row.signs, e.mask(hint))
	}
}

// masker masks all secrets that are known by now.
func (e *engine) masker() redactor {
	if e.auth == nil {
		return e.cfg.Redactor
	}
	return e.auth.redactor(e.cfg.Redactor)
}

func (e *engine) mask(s string) string { return string(e.masker().Redact([]byte(s))) }

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// fault is whose fault a failure is.
func fault(s State, x *sent) Fault {
	switch {
	case s == NoAnswer:
		return FaultNetwork
	case x.wrong != nil:
		if x.known || x.wrong.status >= 200 && x.wrong.status < 300 {
			return FaultScenario
		}
		return FaultUnknown
	case s == Failed && !x.known:
		return FaultUnknown
	case s == Broken || s == Unimplemented || s == OffContract:
		return FaultAPI
	case x.invalid != "":
		return FaultScenario
	case x.known:
		return FaultAPI
	}
	return FaultUnknown
}

// message is what the answer says, in one line.
func (e *engine) message(x *sent) string {
	switch {
	case x.status() == 0:
		text := x.sample.Class().Key()
		if x.failure != nil {
			text = x.failure.Error()
		}
		return printable(e.mask(text))
	case x.ok():
		return printable(e.mask(e.offContract(x)))
	}
	if x.message != "" && (x.sample.Outcome == metric.Check || x.sample.Outcome == metric.Extract) {
		return x.message
	}
	text := statusLine(x.status())
	if s := saidBeside([]byte(redacted(e.masker(), x.body)), text); s != "" {
		text += ": " + s
	}
	return text
}

// reason is a row's one line.
func (e *engine) reason(row *Operated, x *sent) string {
	text := e.message(x)
	switch {
	case x.wrong != nil:
		w := x.wrong
		text = fmt.Sprintf("404 on an id that this run created %d ms earlier; the answer has two id fields, %s and %s, and the scenario uses %s", w.age.Milliseconds(), w.other, w.used, w.used)
		if w.status > 0 {
			text += fmt.Sprintf(" (with %s: %d)", w.other, w.status)
		}
	case row.State == Refused && row.Status == 404 && x.ownID:
		text += "; on an id that this run created"
	case row.State == Refused && x.invalid != "":
		text += "; the request breaks the contract: " + x.invalid
	case row.State == Refused && x.known:
		text += "; to a request that the contract allows"
	case row.State == WrongMethod && headerOf(x.head, "Allow") != "":
		text += "; Allow: " + row.Allow
	case row.State == Missing && x.known:
		text += "; the contract documents this route"
	}
	return shorten(text, 500)
}

// exemplar is an exchange for people, without secrets.
func (e *engine) exemplar(x *sent) *Exchange {
	out := &Exchange{Exemplar: e.exemplarOf(x)}
	if d := x.direct; d != nil {
		out.Direct = &DirectExchange{Exemplar: e.exemplarOf(d), Base: e.cfg.Direct.Base.String()}
	}
	return out
}

func (e *engine) exemplarOf(x *sent) metric.Exemplar {
	head, body, _ := strings.Cut(string(x.wire), "\r\n\r\n")
	r := e.masker()
	out := metric.Exemplar{
		Endpoint: x.name, Class: x.sample.Class().Key(), Phase: x.sample.Phase.String(), Status: x.status(),
		At: x.sample.End, ServiceTime: x.sample.ServiceTime(), Message: e.message(x),
		Request: redactedHead(r, []byte(head)), RequestBody: redacted(r, []byte(body)),
		Response: redactedHead(r, x.head), ResponseBody: redacted(r, x.body),
	}
	for _, h := range x.req.Headers {
		if strings.EqualFold(h.Name, "traceparent") {
			out.TraceID = traceID(h.Value)
		}
	}
	if out.TraceID == "" {
		for _, line := range strings.Split(head, "\r\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "traceparent") {
				out.TraceID = traceID(strings.TrimSpace(value))
			}
		}
	}
	return out
}

func traceID(parent string) string {
	if p := strings.Split(parent, "-"); len(p) == 4 && len(p[1]) == 32 {
		return p[1]
	}
	return ""
}
