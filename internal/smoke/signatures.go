package smoke

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A signature is a known way to fail. of returns the hint; "": it does not fit.
type signature struct {
	name string
	of   func(row *Operated, x *sent, text string) string
}

var (
	keyError   = regexp.MustCompile(`(?i)KeyError[^'"\\]{0,40}['"\\]+([A-Za-z0-9_.-]{1,60})`)
	aPython    = regexp.MustCompile(`\b(AttributeError|TypeError|ValueError|IndexError|NameError|ImportError)\b`)
	aJVM       = regexp.MustCompile(`\b(NullPointerException|IllegalArgumentException|ClassCastException|[A-Za-z.]+Exception: )`)
	fieldWords = regexp.MustCompile(`field ([A-Za-z0-9_.\[\]-]{1,80})`)
)

// signs is the table of signatures: a new one is a row.
var signs = []signature{
	{"wrong id field", func(_ *Operated, x *sent, _ string) string {
		if x.wrong == nil {
			return ""
		}
		return fmt.Sprintf("take the id from %s, not from %s; and have the API drop the field that no route accepts", x.wrong.other, x.wrong.used)
	}},
	{"method behind a 500", func(row *Operated, x *sent, _ string) string {
		if row.UpstreamStatus != 405 || row.Status == 405 {
			return ""
		}
		return fmt.Sprintf("405 behind a %d: the gateway calls a route of the upstream that does not take %s; add it there, or correct the path that the gateway calls", row.Status, x.req.Method)
	}},
	{"upstream not implemented", func(row *Operated, _ *sent, _ string) string {
		if row.UpstreamStatus != 501 || row.Status == 501 {
			return ""
		}
		return fmt.Sprintf("501 behind a %d: the upstream has the route and no code for it", row.Status)
	}},
	{"KeyError", func(row *Operated, _ *sent, text string) string {
		m := keyError.FindStringSubmatch(text)
		if m == nil {
			return ""
		}
		return fmt.Sprintf("the handler reads the key %q, which the request need not have: make the value there, or ask for it in the contract", m[1])
	}},
	{"unhandled exception", func(row *Operated, _ *sent, text string) string {
		if row.Status < 500 || keyError.MatchString(text) {
			return ""
		}
		if m := aPython.FindString(text); m != "" {
			return "an exception that nobody caught (" + m + "): its trace stands in the log of the hop, under the trace id"
		}
		if m := aJVM.FindString(text); m != "" {
			return "an exception that nobody caught (" + strings.TrimSuffix(m, ": ") + "): its trace stands in the log of the hop, under the trace id"
		}
		return ""
	}},
	{"validation", func(row *Operated, x *sent, text string) string {
		if row.Status != 422 && row.Status != 400 {
			return ""
		}
		if x.invalid != "" {
			return "correct the scenario: " + x.invalid
		}
		fields := refusedFields(x)
		if m := fieldWords.FindStringSubmatch(text); len(fields) == 0 && m != nil {
			fields = []string{m[1]}
		}
		if len(fields) > 0 {
			return fmt.Sprintf("the API refuses %s, which its contract allows: correct the validation, or the contract", strings.Join(fields, ", "))
		}
		return ""
	}},
	{"refused connection", func(row *Operated, _ *sent, text string) string {
		t := strings.ToLower(text)
		if strings.Contains(t, "connection refused") || strings.Contains(t, "econnrefused") || strings.Contains(t, "no healthy upstream") {
			return "nothing listens where the gateway looks for its upstream: is it started, and is the address right?"
		}
		return ""
	}},
	{"pool exhausted", func(row *Operated, _ *sent, text string) string {
		t := strings.ToLower(text)
		for _, word := range []string{"pool exhausted", "too many connections", "connection pool", "queuepool limit", "remaining connection slots", "unable to acquire"} {
			if strings.Contains(t, word) {
				return "connections to the database have run out: look for ones that are not given back, then at the pool's size"
			}
		}
		return ""
	}},
	{"unavailable", func(row *Operated, _ *sent, _ string) string {
		switch {
		case row.Status == 503 && row.UpstreamStatus == 0:
			return "the gateway does not reach its upstream: look at its health and the circuit breaker"
		case row.Status == 504:
			return "the upstream did not answer in the gateway's time"
		}
		return ""
	}},
	{"missing route", func(row *Operated, _ *sent, _ string) string {
		if row.State != Missing {
			return ""
		}
		return "the contract names a route that is not served: deploy it, mount its router, or take it out of the contract"
	}},
	{"wrong method", func(row *Operated, _ *sent, _ string) string {
		if row.State != WrongMethod {
			return ""
		}
		if row.Allow != "" {
			return "the path is served for " + row.Allow + " only"
		}
		return "the path is served for other methods only"
	}},
	{"unauthorised", func(row *Operated, _ *sent, _ string) string {
		if row.State != Unauthorised {
			return ""
		}
		if row.Status == 403 {
			return "the credential is known and may not do this: use one with the rights that the operation asks for"
		}
		return "set --api-key env:NAME, or LT_API_KEY, to a key of this target"
	}},
}

// signatures are the hints that fit a failure.
func signatures(row *Operated, x *sent) (out []string) {
	text := string(x.body[:min(len(x.body), 16<<10)])
	if d := x.direct; d != nil {
		text += "\n" + string(d.body[:min(len(d.body), 16<<10)])
	}
	text += "\n" + said(x.body) + "\n" + row.Reason
	if d := x.direct; d != nil {
		text += "\n" + said(d.body)
	}
	for _, s := range signs {
		if hint := s.of(row, x, text); hint != "" {
			out = append(out, shorten(printable(hint), 400))
		}
	}
	if len(out) == 0 && row.Status >= 500 {
		if row.UpstreamStatus >= 500 && x.direct == nil {
			out = append(out, "what went wrong stands in the log of the upstream, under the trace id; --direct URL shows its own answer")
		} else {
			out = append(out, "what went wrong stands in the log of the hop, under the trace id")
		}
	}
	return out
}

// refusedFields are the fields that a validation error names.
func refusedFields(x *sent) (names []string) {
	var doc map[string]any
	if json.Unmarshal(x.body, &doc) != nil {
		return nil
	}
	add := func(name string) {
		if name != "" && len(name) < 80 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var list []any
	for _, key := range []string{"errors", "detail"} {
		if l, ok := doc[key].([]any); ok {
			list = append(list, l...)
		}
	}
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		if f, ok := m["field"].(string); ok {
			add(f)
		}
		if loc, ok := m["loc"].([]any); ok && len(loc) > 0 {
			var parts []string
			for _, l := range loc {
				if t := plainText(l); t != "body" {
					parts = append(parts, t)
				}
			}
			add(strings.Join(parts, "."))
		}
	}
	if len(names) == 0 { // a field that was sent, by its name in the message
		var sent map[string]any
		if json.Unmarshal(x.req.Body, &sent) == nil {
			message := said(x.body)
			for _, k := range sortedKeys(sent) {
				if len(k) > 3 && regexp.MustCompile(`\b`+regexp.QuoteMeta(k)+`\b`).MatchString(message) {
					add(k)
				}
			}
		}
	}
	return names
}
