package report

import (
	"html/template"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// How much of the failures a page holds, so that it stays small.
const (
	maxFailures    = 200
	openFailures   = 1         // shown with their exchange from the start
	exemplarBudget = 256 << 10 // bytes of all exchanges together, escaped
)

// A failureView is one class of failures of one endpoint.
type failureView struct {
	Open            bool
	Count, Class    string
	Endpoint        string
	Share, When, At string
	Message         string
	Blocks          []block
	Absent          string // why there is no exchange
}

type block struct{ Title, Text string }

func (p *page) failures(r *run.Result) {
	left := exemplarBudget
	for i, f := range byCount(r.Failures) {
		if i == maxFailures {
			p.FailuresCut = "and " + count(int64(len(r.Failures)-i)) + " more, in result.json."
			break
		}
		v := failureView{
			Open: i < openFailures, Count: count(f.Count), Class: clean(f.Class, 60), Endpoint: clean(f.Endpoint, maxName), Share: percent(f.Share) + " %",
			When: "from " + clock(math.Floor(f.FirstSeenS)) + " to " + clock(math.Ceil(f.LastSeenS)), Absent: "No exchange of this kind was kept.",
		}
		if e := f.Exemplar; e != nil {
			v.Message = clean(e.Message, maxMessage)
			if v.Blocks = exchange(e, r.Target); len(v.Blocks) > 0 {
				n := 0
				for _, b := range v.Blocks {
					n += len(template.HTMLEscapeString(b.Text))
				}
				if left -= n; left < 0 {
					v.Blocks, v.Absent = nil, "Its exchange stands in result.json."
				}
			}
			v.At = "One of them, at " + clock(e.At.Seconds()) + ", took " + decimal(float64(e.ServiceTime)/float64(time.Millisecond)) + " ms"
			if e.Phase != "" {
				v.At += "; it ended in phase " + clean(e.Phase, 24)
			}
			v.At += "."
		}
		p.Failures = append(p.Failures, v)
	}
}

// exchange is what went over the wire, as blocks of text.
func exchange(e *metric.Exemplar, target string) []block {
	var bs []block
	add := func(title, head, body string) {
		text := strings.TrimRight(cleanBlock(head, maxBody), "\n")
		if body != "" {
			if text != "" {
				text += "\n\n"
			}
			text += cleanBlock(body, maxBody)
		}
		if text != "" {
			bs = append(bs, block{title, text})
		}
	}
	add("Request", e.Request, e.RequestBody)
	add("Response", e.Response, e.ResponseBody)
	if c := curl(e, target); c != "" {
		bs = append(bs, block{"Again with curl", c})
	}
	return bs
}

// bodyLimit is how long a kept body may be; one that long may have been cut.
const bodyLimit = 4 << 10

// curl is the exchange's request as a command; empty where it would not be the
// same request. Credentials, which no exemplar carries, come from the environment.
func curl(e *metric.Exemplar, target string) string {
	head := strings.ReplaceAll(e.Request, "\r\n", "\n")
	first, rest, _ := strings.Cut(head, "\n")
	parts := strings.Fields(first)
	text := head + e.RequestBody + target
	if len(parts) < 2 || !strings.HasPrefix(parts[1], "/") || len(e.RequestBody) >= bodyLimit || clean(text, 1<<20) != strings.ReplaceAll(text, "\n", " ") || !utf8.ValidString(text) {
		return ""
	}
	origin := target
	if i := strings.Index(target, "://"); i < 0 {
		return ""
	} else if j := strings.IndexByte(target[i+3:], '/'); j >= 0 {
		origin = target[:i+3+j]
	}
	out := "curl -i"
	if parts[0] != "GET" {
		out += " -X " + quote(parts[0])
	}
	out += " " + quote(origin+parts[1])
	for _, h := range strings.Split(rest, "\n") {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "host", "content-length", "connection", "user-agent", "traceparent", "accept-encoding":
			continue
		case "x-api-key":
			out += " \\\n  -H \"X-API-Key: $LT_API_KEY\""
			continue
		case "authorization":
			out += " \\\n  -H \"Authorization: Bearer $LT_API_KEY\""
			continue
		}
		if ok && token(name) {
			out += " \\\n  -H " + quote(name+": "+value)
		}
	}
	if e.RequestBody != "" {
		out += " \\\n  --data-raw " + quote(e.RequestBody)
	}
	return out
}

// token reports whether s is a header's name, and no option or file of curl's.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
}

// quote makes one word of a POSIX shell of s.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
