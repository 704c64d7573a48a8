package client

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ShortSecret is the length under which a secret is too likely to stand in a
// text by chance to be masked anywhere.
const ShortSecret = 6

const mask = "***"

// A Redactor masks secrets in what was sent and received. It may be used from
// any goroutine; nil masks nothing.
//
// It finds a secret as it is, escaped for a URL or in JSON, in hex, and in
// base64 (standard and URL alphabet, with and without padding), also where the
// secret is only a part of what was encoded, as the password of basic
// authentication is; of the latter the characters that the secret shares with
// its neighbours stay. A secret shorter than 6 characters is masked only where it
// is the whole value of a header, or all of it after the scheme ("Bearer abc").
// Encodings within encodings are not followed.
//
// The values of a query's or form's parameters and of members of JSON that are
// secrets by their names, as key and token are (see SecretName), are masked
// whatever they hold.
type Redactor struct {
	forms [][]byte // distinct
	short []string
}

// NewRedactor is a Redactor of the given secrets; empty ones are ignored.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{}
	seen := map[string]bool{}
	for _, s := range secrets {
		if s != "" && len(s) < ShortSecret {
			r.short = append(r.short, s)
		}
		if len(s) < ShortSecret {
			continue
		}
		for _, form := range secretForms(s) {
			if !seen[form] {
				seen[form] = true
				r.forms = append(r.forms, []byte(form))
			}
		}
	}
	return r
}

// secretForms are the texts in which s may stand. Hex digits of either case
// come as two forms; a mixture of cases is not looked for.
func secretForms(s string) []string {
	forms := []string{s}
	add := func(form string) {
		forms = append(forms, form)
	}
	add(hex.EncodeToString([]byte(s)))
	add(strings.ToUpper(hex.EncodeToString([]byte(s))))
	for _, escaped := range []string{url.QueryEscape(s), url.PathEscape(s), escapeAll(s)} {
		add(escaped)
		add(lowerEscapes(escaped))
	}
	for _, html := range []bool{false, true} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if e.Encode(s) == nil {
			inJSON := strings.Trim(b.String(), "\n")
			inJSON = inJSON[1 : len(inJSON)-1]
			add(inJSON)
			add(strings.ReplaceAll(inJSON, "/", `\/`))
		}
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		whole := alphabet.EncodeToString([]byte(s))
		if pad := -len(s) % 3; pad != 0 {
			add(whole + strings.Repeat("=", 3+pad))
		}
		add(whole)
		for before := range 3 {
			add(innerBase64(alphabet, s, before))
		}
	}
	return forms
}

// innerBase64 is what s alone decides of the base64 of a text in which the
// number of bytes before s leaves that remainder when divided by 3.
func innerBase64(alphabet *base64.Encoding, s string, before int) string {
	b := append(make([]byte, before, before+len(s)), s...)
	encoded := alphabet.EncodeToString(b)
	first := (before*8 + 5) / 6 // of the characters that hold no bit before s
	end := len(b) * 8 / 6       // those that hold no bit after it
	return encoded[first:end]
}

// escapeAll escapes every character but letters and digits, as some clients do.
func escapeAll(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// lowerEscapes is s with the digits of its escapes in lower case.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i:], bytes.ToLower(b[i:i+3]))
		}
	}
	return string(b)
}

// RedactString is s with the secrets masked.
func (r *Redactor) RedactString(s string) string { return string(r.Redact([]byte(s))) }

// Redact is b with the secrets masked: b itself if there were none, else a new
// slice.
func (r *Redactor) Redact(b []byte) []byte {
	if r == nil {
		return b
	}
	var found []span
	for _, form := range r.forms {
		for from := 0; ; {
			i := bytes.Index(b[from:], form)
			if i < 0 {
				break
			}
			found = append(found, span{from: from + i, to: from + i + len(form)})
			from += i + 1
		}
	}
	if len(r.short) > 0 {
		found = r.headerValues(found, b)
	}
	found = queryValues(found, b)
	found = jsonValues(found, b)
	if len(found) == 0 {
		return b
	}
	slices.SortFunc(found, func(x, y span) int { return x.from - y.from })
	var out []byte
	done := 0
	for i := 0; i < len(found); {
		s := found[i]
		for i++; i < len(found) && found[i].from <= s.to; i++ { // forms that overlap are one
			s.to = max(s.to, found[i].to)
		}
		out = append(out, b[done:s.from]...)
		if s.number {
			out = append(append(append(out, '"'), mask...), '"')
		} else {
			out = append(out, mask...)
		}
		done = s.to
	}
	return append(out, b[done:]...)
}

// A span is a part of a text to be masked.
type span struct {
	from, to int
	number   bool // of JSON: what stands for it needs quotes
}

// headerValues adds the short secrets that are the whole value of a header line.
func (r *Redactor) headerValues(found []span, b []byte) []span {
	at := 0
	for line := range bytes.Lines(b) {
		if colon := bytes.IndexByte(line, ':'); colon > 0 && allBytes(line[:colon], tokenByte) {
			value := string(bytes.TrimRight(line[colon+1:], " \t\r\n"))
			for _, s := range r.short {
				if rest, ok := strings.CutSuffix(value, s); ok && !strings.ContainsAny(strings.TrimSpace(rest), " \t") &&
					(rest == "" || rest[len(rest)-1] == ' ' || rest[len(rest)-1] == '\t') {
					from := at + colon + 1 + len(rest)
					found = append(found, span{from: from, to: from + len(s)})
				}
			}
		}
		at += len(line)
	}
	return found
}

// secretWords are parts of the names of headers that carry credentials.
var secretWords = []string{"auth", "cookie", "credential", "key", "password", "secret", "session", "signature", "token"}

// SecretHeader reports whether a header of this name may carry a credential, so
// that its value must stand in no output.
func SecretHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(name, w) })
}
