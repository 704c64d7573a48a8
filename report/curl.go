package report

import (
	"strings"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/text"
)

// bodyLimit is how long a kept body may be; one that long may have been cut.
const bodyLimit = 4 << 10

// masked is what stands where a secret was.
const masked = "***"

// curl is the exchange's request as a command; empty where it would not be the
// same request. Credentials, which no exemplar carries, come from the environment.
func curl(e *metric.Exemplar, target string) string {
	head := strings.ReplaceAll(e.Request, "\r\n", "\n")
	first, rest, _ := strings.Cut(head, "\n")
	parts := strings.Fields(first)
	whole := head + e.RequestBody + target
	if len(parts) < 2 || !strings.HasPrefix(parts[1], "/") || len(e.RequestBody) >= bodyLimit || clean(whole, 1<<20) != strings.ReplaceAll(whole, "\n", " ") || !utf8.ValidString(whole) {
		return ""
	}
	if strings.Contains(e.RequestBody, masked) { // not what was sent, and nothing says which secret it was
		return ""
	}
	origin := target
	if i := strings.Index(target, "://"); i < 0 {
		return ""
	} else if j := strings.IndexAny(target[i+3:], "/?#"); j >= 0 {
		origin = target[:i+3+j]
	}
	out := "curl -i"
	if parts[0] != "GET" {
		out += " -X " + text.Quote(parts[0])
	}
	if strings.ContainsAny(parts[1], "{}[]") { // which curl would expand
		out += " -g"
	}
	out += " " + quoteMasked(origin+parts[1])
	for _, h := range strings.Split(rest, "\n") {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		if !ok || !token(name) {
			continue
		}
		switch strings.ToLower(name) {
		case "host", "content-length", "connection", "user-agent", "traceparent", "accept-encoding":
			continue
		case "x-api-key":
			value = masked
		case "authorization":
			value = "Bearer " + masked
		}
		out += " \\\n  -H " + quoteMasked(name+": "+value)
	}
	if e.RequestBody != "" {
		out += " \\\n  --data-raw " + text.Quote(e.RequestBody)
	}
	return out
}

// quoteMasked is quote for a text in which $LT_API_KEY is to stand for each
// secret that was masked.
func quoteMasked(s string) string {
	if !strings.Contains(s, masked) {
		return text.Quote(s)
	}
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s)
	return `"` + strings.ReplaceAll(s, masked, "$LT_API_KEY") + `"`
}

// token reports whether s is a header's name, and no option or file of curl's.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
}
