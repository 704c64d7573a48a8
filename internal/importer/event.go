package importer

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/metric"
)

// An event is what a file tells of one moment: a request that ended then, or a
// count.
type event struct {
	kind     kind
	at       int64         // nanoseconds since 1970: the end of a request
	took     time.Duration // of a request; of histograms, the interval's length
	endpoint metric.Endpoint
	class    metric.Class
	message  string
	in, out  int64
	n        int64        // users; iterations; dropped
	dist     *metric.Dist // of an interval that ends at at

	line, column int
}

type kind uint8

const (
	request   kind = iota
	histogram      // of many requests
	users          // n virtual users from now on
	iterations
	dropped
)

// A source reads the events of one file in the order in which they stand there.
type source interface {
	next(e *event) bool // false at the end of the file
	Close() error
}

// Times that a clock may have shown.
var (
	earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	latest   = time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
)

// longest is the longest time of a request that is believed.
const longest = 24 * time.Hour

// maxCount bounds counts of files, so that sums of them cannot overflow.
const maxCount = 1_000_000_000_000

// duration is v units as a time of a request; false: it can be none.
func duration(v float64, unit time.Duration) (time.Duration, bool) {
	d := v * float64(unit)
	if !(d >= 0 && d <= float64(longest)) {
		return 0, false
	}
	return time.Duration(math.Round(d)), true
}

// counted is a whole number of at least 0 in text.
func counted(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && n <= maxCount
}

// unknownFailure is a failure of which the file does not say what it was.
var unknownFailure = metric.Class{Outcome: metric.Status}

// classOf is the class of a request that the tool counted as failed, by its status
// (0: there was none) and message.
func classOf(status int, message string) metric.Class {
	switch {
	case status >= 200 && status < 400:
		return metric.Class{Outcome: metric.Check} // the status was right, and something else was not
	case status != 0:
		return metric.Class{Outcome: metric.Status, Status: status}
	}
	if m := statusText.FindStringSubmatch(message); m != nil {
		n, _ := strconv.Atoi(m[1])
		return metric.Class{Outcome: metric.Status, Status: n}
	}
	message = strings.ToLower(message)
	for _, row := range messages {
		if strings.Contains(message, row.part) {
			return metric.Class{Outcome: row.outcome}
		}
	}
	return unknownFailure
}

// statusText is a status within a message: "401 Client Error", "HTTP 503".
var statusText = regexp.MustCompile(`\b([45]\d\d) (?:Client|Server) Error\b`)

// messages tell what failed, by what the tools' languages (Go, Java, Python) say;
// the first that is found.
var messages = []struct {
	part    string
	outcome metric.Outcome
}{
	{"catchresponseerror", metric.Check},
	{"assertion", metric.Check},
	{"too many open files", metric.Generator},
	{"cannot assign requested address", metric.Generator},
	{"address already in use", metric.Generator},
	{"no such host", metric.DNS},
	{"unknownhost", metric.DNS},
	{"name or service not known", metric.DNS},
	{"nodename nor servname", metric.DNS},
	{"gaierror", metric.DNS},
	{"x509", metric.TLS},
	{"tls:", metric.TLS},
	{"ssl", metric.TLS},
	{"certificate", metric.TLS},
	{"connection refused", metric.Refused},
	{"connectionrefused", metric.Refused},
	{"httphostconnect", metric.Refused},
	{"connecttimeout", metric.Unreachable},
	{"no route to host", metric.Unreachable},
	{"network is unreachable", metric.Unreachable},
	{"deadline exceeded", metric.Timeout},
	{"timeout", metric.Timeout},
	{"timed out", metric.Timeout},
	{"connection reset", metric.Reset},
	{"connectionreset", metric.Reset},
	{"unexpected eof", metric.Truncated},
	{"incompleteread", metric.Truncated},
	{"nohttpresponse", metric.ConnDropped},
	{"remotedisconnected", metric.ConnDropped},
	{"without response", metric.ConnDropped},
	{"connection closed", metric.ConnDropped},
	{"broken pipe", metric.ConnDropped},
	{"eof", metric.ConnDropped},
	{"malformed http", metric.Protocol},
}

// brief is a message fit to be kept: one line, short, and without the queries of
// URLs, which may hold keys.
func brief(message string) string {
	message = strings.Join(strings.Fields(userinfo.ReplaceAllString(query.ReplaceAllString(message, "?…"), "://")), " ")
	const most = 200
	if len(message) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(message[cut]) {
			cut--
		}
		message = message[:cut] + "…"
	}
	return strings.ToValidUTF8(message, "\uFFFD")
}

var (
	query    = regexp.MustCompile(`\?[^\s"'<>)]*=[^\s"'<>)]*`)
	userinfo = regexp.MustCompile(`://[^\s/@"']*@`)
)

// maxName is the longest name of an endpoint.
const maxName = 200

// endpoint makes an endpoint of a method, which may be empty, and what the tool
// calls the request: a URL, of which the path stays, with the segments that are
// ids as {id}; or a name, which stays as it is.
func endpoint(method, name string) metric.Endpoint {
	name = strings.ToValidUTF8(strings.TrimSpace(name), "\uFFFD")
	if scheme, rest, ok := strings.Cut(name, "://"); ok && !strings.ContainsAny(scheme, " /") {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			rest = rest[slash:]
		} else {
			rest = "/"
		}
		name = mask(rest)
	}
	if at := strings.IndexAny(name, "?#"); at > 0 && strings.HasPrefix(name, "/") {
		name = name[:at]
	}
	method = strings.ToUpper(strings.TrimSpace(method))
	if rest, ok := strings.CutPrefix(name, method+" "); ok && method != "" {
		name = strings.TrimSpace(rest) // GET of "GET /health"
	} else if first, rest, ok := strings.Cut(name, " "); ok && method == "" && verbs[first] {
		method, name = first, strings.TrimSpace(rest)
	}
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "") + "…"
	}
	if name == "" {
		name = "(no name)"
	}
	if len(method) > 20 {
		method = strings.ToValidUTF8(method[:20], "")
	}
	return metric.Endpoint{Method: method, Path: name}
}

var verbs = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}

// mask is a URL's path without its query, and with {id} for segments that are ids.
func mask(path string) string {
	if at := strings.IndexAny(path, "?#"); at >= 0 {
		path = path[:at]
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if isID(s) {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// isID reports whether a segment of a path is a number, a UUID, or hexadecimal of
// twelve digits or more.
func isID(s string) bool {
	digits, hex := 0, 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
			hex++
		case r >= 'a' && r <= 'f', r >= 'A' && r <= 'F':
			hex++
		case r != '-':
			return false
		}
	}
	dashes := len(s) - hex
	switch {
	case s == "" || digits == 0:
		return false
	case digits == len(s):
		return true
	case len(s) == 36 && dashes == 4:
		return true
	}
	return dashes == 0 && hex >= 12
}
