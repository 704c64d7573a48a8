package smoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-42693903/lt/internal/client"
)

// kept is how much of a head and of a body an exchange keeps; redactMargin is how
// much more is looked at, so that no secret is cut in half.
const (
	kept         = 4 << 10
	redactMargin = 1 << 10
)

// redacted is text without secrets, valid UTF-8 and no longer than kept.
func redacted(r redactor, text []byte) string {
	cut := len(text) >= kept+redactMargin
	if cut {
		text = text[:kept+redactMargin]
	}
	text = r.Redact(text)
	if cut {
		text = text[:max(len(text)-redactMargin, 0)]
	}
	if len(text) > kept {
		text = text[:kept]
	}
	return strings.ToValidUTF8(string(text), "\ufffd")
}

// redactedHead is the head of a request or an answer, its lines separated by \n,
// without the values of headers that carry credentials.
func redactedHead(r redactor, head []byte) string {
	var out []byte
	for line := range bytes.Lines(head[:min(len(head), 64<<10)]) {
		line = bytes.TrimRight(line, "\r\n")
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && client.SecretHeader(string(name)) {
			line = append(name[:len(name):len(name)], ": ***"...)
		}
		out = append(append(out, line...), '\n')
	}
	return redacted(r, bytes.TrimRight(out, "\n"))
}

// printable is s without control characters: what a target says must not write to
// a terminal as it pleases.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// statusLine is "422 Unprocessable Entity".
func statusLine(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// said is what an error's body says went wrong, in one line; "": nothing that can
// be read.
func said(body []byte) string { return saidBeside(body, "") }

// saidBeside is said without what a line before it says already.
func saidBeside(body []byte, line string) string {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return ""
	}
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		if len(body) <= 200 && body[0] != '<' && body[0] != '[' && body[0] != '{' {
			return shorten(printable(string(body)), 200)
		}
		return ""
	}
	m, ok := doc.(map[string]any)
	if !ok {
		return shorten(printable(words(doc, 0)), 300)
	}
	var parts []string
	for _, key := range []string{"code", "error", "title", "detail", "message", "error_description", "msg", "errors"} {
		w := words(m[key], 0)
		if w == "" || line != "" && strings.Contains(line, w) {
			continue
		}
		if !slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(p, w) }) {
			parts = append(parts, w)
		}
	}
	return shorten(printable(strings.Join(parts, ": ")), 300)
}

// words is the text of a part of an error's body: FastAPI puts a list of {loc, msg}
// there, problem+json a list of {field, message}.
func words(v any, depth int) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return plainText(x)
	case []any:
		var parts []string
		for _, e := range x {
			if w := words(e, depth+1); w != "" && len(parts) < 3 {
				parts = append(parts, w)
			}
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		if depth > 3 {
			return ""
		}
		text := words(x["msg"], depth+1)
		if text == "" {
			text = words(x["message"], depth+1)
		}
		where := words(x["field"], depth+1)
		if loc, ok := x["loc"].([]any); ok {
			var names []string
			for _, l := range loc {
				names = append(names, plainText(l))
			}
			where = strings.Join(names, ".")
		}
		if where != "" && text != "" {
			return "field " + where + ": " + text
		}
		return text
	}
	return ""
}
