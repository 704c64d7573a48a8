package scenarios

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/text"
)

// keptOfExemplar is how much of a head and of a body an exemplar keeps.
const keptOfExemplar = 4 << 10

// exemplar is the last request, which failed, for somebody to act on: redacted,
// for nothing else stands between an answer that echoes a key and the report.
func (u *session) exemplar(r *request) metric.Exemplar {
	s := &u.sample
	head, body, _ := bytes.Cut(u.sent, []byte("\r\n\r\n"))
	e := metric.Exemplar{
		TraceID:      traceIDOf(u.sent),
		Endpoint:     u.script.rows[u.row].Endpoint.Name(),
		Class:        s.Class().Key(),
		Phase:        s.Phase.String(),
		Status:       s.Status,
		At:           s.End,
		ServiceTime:  s.ServiceTime(),
		Message:      u.message(r),
		Request:      u.script.head(head),
		RequestBody:  u.script.redacted(body),
		Response:     u.script.head(u.resp.Header),
		ResponseBody: u.script.redacted(u.resp.Body),
	}
	if u.script.login != nil {
		u.hideToken(&e)
	}
	return e
}

// hideToken masks the user's token, and any that the answer to a login brought,
// which no redactor made before the run can know.
func (u *session) hideToken(e *metric.Exemplar) {
	var secrets []string
	if u.token != nil {
		secrets = append(secrets, u.token.secret)
	}
	if u.row == u.script.login.request.row {
		e.RequestBody, e.ResponseBody = maskedBody(e.RequestBody), maskedBody(e.ResponseBody)
	}
	r := client.NewRedactor(secrets...)
	for _, text := range []*string{&e.Message, &e.Request, &e.RequestBody, &e.Response, &e.ResponseBody} {
		cut := len(*text) >= keptOfExemplar // perhaps inside a token
		*text = r.RedactString(*text)
		if cut {
			*text = strings.ToValidUTF8((*text)[:max(len(*text)-redactMargin, 0)], "\ufffd")
		}
	}
}

// maskedBody is the body of a login: of JSON the keys, else nothing.
func maskedBody(body string) string {
	doc := gjson.Parse(body)
	if !doc.IsObject() {
		return ""
	}
	var keys []string
	doc.ForEach(func(k, _ gjson.Result) bool {
		keys = append(keys, k.Raw+":\"***\"")
		return len(keys) < 50
	})
	return "{" + strings.Join(keys, ",") + "}"
}

// redactMargin is how much more than an exemplar holds is looked at, so that no
// secret is cut in half: longer than any form of one.
const redactMargin = 1 << 10

// redacted is text without secrets and no longer than an exemplar may hold. It
// is redacted before it is cut, for half a secret would not be found.
func (sc *Script) redacted(text []byte) string {
	cut := len(text) >= keptOfExemplar+redactMargin // perhaps inside a secret, by the client if not here
	if cut {
		text = text[:keptOfExemplar+redactMargin]
	}
	text = sc.redactor.Redact(text)
	if cut {
		text = text[:max(len(text)-redactMargin, 0)]
	}
	if len(text) > keptOfExemplar {
		text = text[:keptOfExemplar]
	}
	return strings.ToValidUTF8(string(text), "\ufffd")
}

// head is a request's or answer's head, redacted, its lines separated by \n.
func (sc *Script) head(head []byte) string {
	if len(head) >= keptOfExemplar+redactMargin { // its last line is cut, perhaps inside a secret
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	var out []byte
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		if name, _, ok := bytes.Cut(line, []byte(":")); ok {
			n := strings.ToLower(string(name))
			if client.SecretHeader(n) || n == strings.ToLower(sc.credentialHeader) {
				line = append(name[:len(name):len(name)], ": ***"...)
			}
		}
		out = append(append(out, line...), '\n')
	}
	return sc.redacted(bytes.TrimRight(out, "\n"))
}

// message says in one line what went wrong with the last request, in the
// answer's own words where it has some.
func (u *session) message(r *request) string {
	s := &u.sample
	var m string
	switch s.Outcome {
	case metric.Status:
		m = statusLine(s.Status)
		if detail := problem([]byte(u.script.redacted(u.resp.Body))); detail != "" {
			m += ": " + detail
		}
		if u.failed.err != nil {
			m += ": " + u.failed.err.Error()
		}
		switch {
		case len(r.http.Expect) > 0:
			m += " (expected " + strings.Trim(fmt.Sprint(r.http.Expect), "[]") + ")"
		case s.Status == http.StatusUnauthorized && u.script.credentialHeader == "":
			m += " (no credential was sent)"
		}
	case metric.Check:
		if c := u.failed.check; c != nil {
			m = u.explain(c, &u.resp, u.failed.err)
		}
	case metric.Extract:
		switch {
		case u.failed.token:
			m = "no token in the answer to the login: " + u.script.login.token.missing(&u.resp)
		case u.failed.err != nil:
			m = u.failed.err.Error()
		case u.failed.save != nil:
			m = fmt.Sprintf("cannot save %s: %s", u.failed.save.variable, u.failed.save.from.missing(&u.resp))
		case u.failed.push != nil:
			m = u.failed.push.missing(&u.resp)
		}
	default:
		if m = s.Outcome.String(); u.resp.Err != nil {
			m = u.resp.Err.Error()
		}
	}
	return shorten(text.Printable(u.script.redactor.RedactString(m), ""), 500)
}

// statusLine is "422 Unprocessable Entity".
func statusLine(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// problem is what an error's body says went wrong: of problem+json the title and
// the detail, of other JSON the member that frameworks put it in, of short text
// the text.
func problem(body []byte) string {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return ""
	}
	doc := gjson.ParseBytes(body)
	if !doc.IsObject() {
		if len(body) <= 200 && body[0] != '<' && body[0] != '[' {
			return shorten(string(body), 200)
		}
		return ""
	}
	var parts []string
	for _, key := range []string{"code", "title", "detail", "message", "error", "error_description", "msg"} {
		if said := said(doc.Get(key)); said != "" && !slices.Contains(parts, said) {
			parts = append(parts, said)
		}
	}
	return shorten(strings.Join(parts, ": "), 300)
}

// said is the text of a member of an error's body; FastAPI puts a list of
// {loc, msg} there, others an object with a message.
func said(v gjson.Result) string {
	switch {
	case v.Type == gjson.String:
		return v.Str
	case v.IsArray():
		var parts []string
		for _, item := range v.Array() {
			text := said(item)
			if loc := item.Get("loc"); loc.IsArray() && text != "" {
				var field []string
				for _, l := range loc.Array() {
					field = append(field, l.String())
				}
				text = "field " + strings.Join(field, ".") + ": " + text
			}
			if text != "" {
				parts = append(parts, text)
			}
			if len(parts) == 3 {
				break
			}
		}
		return strings.Join(parts, "; ")
	case v.IsObject():
		return said(v.Get("msg")) + said(v.Get("message"))
	}
	return ""
}
