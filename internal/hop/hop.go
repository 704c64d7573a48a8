// Package hop says who made a failure: lt's own side, the network, the gateway, or
// what is behind the gateway. It says so only with evidence, and names that; where
// the evidence does not suffice it says [Unknown].
package hop

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
)

// A Hop is a place between lt and the data.
type Hop string

// The hops, in the order of a request's way.
const (
	Client   Hop = "client"  // lt or the scenario: what was sent was wrong
	Network  Hop = "network" // no connection, or one that broke
	Gateway  Hop = "gateway"
	Upstream Hop = "upstream" // whatever the gateway asks
	Unknown  Hop = "unknown"  // the evidence does not suffice
)

// An Answer is what is known of one failed exchange.
type Answer struct {
	Class  string // of metric.Class.Key: "status_500", "refused"
	Phase  string // where it ended: metric.Phase.String
	Status int    // 0: none came
	Head   string // status line and headers
	Body   string

	Invalid string  // how the request breaks the contract; empty: it does not, or nobody knows
	NoRoute bool    // the answer is the one that a path gets that nobody serves
	Traits  Traits  // of the target, from other answers of it
	Direct  *Direct // the same request, sent straight to the upstream; nil: it was not
}

// Traits are the headers by which a target tells of its upstream, seen on any of
// its answers: only with them does the absence of one say something.
type Traits struct {
	UpstreamStatus bool // X-Upstream-Status
	UpstreamTiming bool // Server-Timing with a part of the upstream
	Kong           bool // X-Kong-Upstream-Latency
	Envoy          bool // X-Envoy-Upstream-Service-Time
}

// Learn adds what the headers of an answer show.
func (t *Traits) Learn(head string) {
	_, status := upstreamStatus(head)
	_, kong := header(head, "X-Kong-Upstream-Latency")
	_, envoy := header(head, "X-Envoy-Upstream-Service-Time")
	t.UpstreamStatus = t.UpstreamStatus || status
	t.Kong = t.Kong || kong
	t.Envoy = t.Envoy || envoy
	if s, ok := Timing(head); ok && s.Upstream != nil {
		t.UpstreamTiming = true
	}
}

// A Direct is the answer of the upstream itself to the same request.
type Direct struct {
	Class  string
	Status int
}

// A Verdict is the hop to blame and why.
type Verdict struct {
	Hop            Hop
	Evidence       []string // the strongest first, each a clause
	UpstreamStatus int      // what the upstream answered the gateway, or lt directly; 0: unknown
}

// Attribute says which hop made the failure. The evidence is taken by strength:
// the direct request, X-Upstream-Status, the gateways' own headers, Server-Timing,
// fields of the error's body, its text.
func Attribute(a Answer) Verdict {
	v := Verdict{Hop: Unknown}
	claim := func(h Hop, format string, args ...any) {
		if v.Hop == Unknown {
			v.Hop = h
		}
		v.Evidence = append(v.Evidence, fmt.Sprintf(format, args...))
	}
	v.UpstreamStatus, _ = upstreamStatus(a.Head)
	if a.Invalid != "" {
		claim(Client, "the request is wrong: %s", a.Invalid)
		return v // whoever refused it was right
	}
	if class, err := metric.ParseClass(a.Class); err == nil && class.Outcome != metric.Status {
		if a.Status > 0 && (class.Outcome == metric.Check || class.Outcome == metric.Extract) {
			v.Evidence = []string{"the answer came; which hop made its content, nothing tells"}
			return v
		}
		switch class.Outcome {
		case metric.Generator, metric.Aborted:
			claim(Client, "lt's own machine: %s", a.Class)
		case metric.Extract, metric.Check:
			if a.Status == 0 {
				claim(Client, "the request could not be made")
			}
		case metric.DNS, metric.Refused, metric.Unreachable, metric.TLS:
			claim(Network, "no connection: %s", a.Class)
		case metric.Reset, metric.ConnDropped, metric.Truncated, metric.Protocol:
			claim(Network, "the connection broke: %s", a.Class)
		case metric.Timeout:
			if a.Phase == "dns" || a.Phase == "dial" || a.Phase == "tls" || a.Phase == "write" {
				claim(Network, "timeout in phase %s", a.Phase)
			}
		}
	}
	if d := a.Direct; d != nil {
		direct(a, d, &v, claim)
	}
	if a.Status == 0 {
		if len(v.Evidence) == 0 {
			v.Evidence = []string{"there is no answer to read evidence from"}
		}
		return v
	}
	headers(a, &v, claim)
	body(a, claim)
	if len(v.Evidence) == 0 {
		v.Evidence = []string{"no header or body tells the gateway from what is behind it; --direct would"}
	}
	return v
}

// direct takes the evidence of the upstream's own answer.
func direct(a Answer, d *Direct, v *Verdict, claim func(Hop, string, ...any)) {
	switch {
	case d.Status == 401 || d.Status == 403:
		v.Evidence = append(v.Evidence, fmt.Sprintf("straight to the upstream: %d: the direct key was refused, which proves nothing", d.Status))
	case d.Status >= 200 && d.Status < 300:
		claim(Gateway, "straight to the upstream the same request succeeds (%d)", d.Status)
	case d.Status == 404 && a.Status != 404:
		v.Evidence = append(v.Evidence, "straight to the upstream: 404: perhaps --direct-map leads elsewhere, which proves nothing")
	case d.Status > 0:
		if v.UpstreamStatus == 0 {
			v.UpstreamStatus = d.Status
		}
		claim(Upstream, "straight to the upstream the same request fails too (%d)", d.Status)
	case d.Class == "refused" || d.Class == "unreachable" || d.Class == "reset" || d.Class == "conn_dropped" || d.Class == "timeout":
		claim(Upstream, "straight to the upstream there is no answer (%s)", d.Class)
	}
}

// headers takes the evidence of the answer's headers.
func headers(a Answer, v *Verdict, claim func(Hop, string, ...any)) {
	if n, ok := upstreamStatus(a.Head); ok {
		switch {
		case n >= 400:
			claim(Upstream, "X-Upstream-Status: %d", n)
		case n >= 200 && n < 300:
			claim(Gateway, "X-Upstream-Status: %d: the upstream answered well", n)
		}
	} else if _, has := header(a.Head, "X-Upstream-Status"); !has && a.Traits.UpstreamStatus {
		claim(Gateway, "no X-Upstream-Status, which answers of the upstream carry here")
	}
	if _, ok := header(a.Head, "X-Kong-Upstream-Latency"); ok {
		claim(Upstream, "X-Kong-Upstream-Latency: the upstream answered")
	} else if _, ok := header(a.Head, "X-Kong-Response-Latency"); ok {
		claim(Gateway, "X-Kong-Response-Latency without X-Kong-Upstream-Latency: Kong answered itself")
	} else if a.Traits.Kong {
		claim(Gateway, "no X-Kong-Upstream-Latency, which answers of the upstream carry here")
	}
	if _, ok := header(a.Head, "X-Envoy-Upstream-Service-Time"); ok {
		claim(Upstream, "X-Envoy-Upstream-Service-Time: the upstream answered")
	} else if a.Traits.Envoy {
		claim(Gateway, "no X-Envoy-Upstream-Service-Time, which answers of the upstream carry here")
	}
	if s, ok := Timing(a.Head); ok {
		switch {
		case s.Upstream != nil && v.Hop != Gateway:
			claim(Upstream, "Server-Timing: the upstream was waited for %.1f ms", *s.Upstream)
		case s.Upstream == nil && s.Gateway != nil && a.Traits.UpstreamTiming && v.Hop != Upstream:
			claim(Gateway, "Server-Timing: the upstream was not asked")
		}
	}
	if a.NoRoute && v.Hop != Upstream {
		claim(Gateway, "the same answer as for a path that nobody serves")
	}
	if via, ok := header(a.Head, "Via"); ok && v.Hop != Unknown {
		v.Evidence = append(v.Evidence, "Via: "+via)
	}
}

// bodySigns are texts that only one hop writes.
var bodySigns = []struct {
	hop  Hop
	text *regexp.Regexp
	says string
}{
	{Upstream, regexp.MustCompile(`(?i)upstream connect error|no healthy upstream|upstream request timeout`), "Envoy tells that the upstream failed it"},
	{Gateway, regexp.MustCompile(`(?i)no Route matched with those values`), "Kong has no such route"},
	{Upstream, regexp.MustCompile(`(?i)An invalid response was received from the upstream server|The upstream server is timing out`), "Kong tells that the upstream failed it"},
	{Upstream, regexp.MustCompile(`(?i)ECONNREFUSED|connect(ion)? refused|connection to (the )?upstream`), "the body tells of a connection behind the gateway that was refused"},
	{Upstream, regexp.MustCompile(`"upstream_status"\s*:\s*"?[45]\d\d`), "the body's upstream_status"},
}

// body takes the evidence of the error's body.
func body(a Answer, claim func(Hop, string, ...any)) {
	if a.Status == 502 || a.Status == 504 {
		claim(Upstream, "%d: whoever answered says that the server behind it failed", a.Status)
	}
	for _, s := range bodySigns {
		if s.text.MatchString(a.Body) {
			claim(s.hop, "%s", s.says)
		}
	}
}

// A Split is the time of one answer by hop, in milliseconds; nil: not told.
type Split struct {
	Gateway, Upstream *float64
}

var timingMetric = regexp.MustCompile(`(?i)^\s*([!#$%&'*+.^_` + "`" + `|~0-9a-z-]+)(.*)$`)

// Timing reads the time that each hop says it took: from Server-Timing (metrics
// named gateway or proxy, and upstream, origin or backend), Kong's and Envoy's
// headers. ok is false where none of them tells.
func Timing(head string) (s Split, ok bool) {
	set := func(to **float64, text string) {
		if v, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil && v >= 0 && v < 1e9 {
			*to = &v
			ok = true
		}
	}
	if text, has := header(head, "Server-Timing"); has {
		for _, part := range strings.Split(text, ",") {
			m := timingMetric.FindStringSubmatch(part)
			if m == nil {
				continue
			}
			dur := ""
			for _, p := range strings.Split(m[2], ";") {
				if name, value, cut := strings.Cut(p, "="); cut && strings.EqualFold(strings.TrimSpace(name), "dur") {
					dur = strings.Trim(value, `" `)
				}
			}
			switch strings.ToLower(m[1]) {
			case "gateway", "proxy":
				set(&s.Gateway, dur)
			case "upstream", "origin", "backend":
				set(&s.Upstream, dur)
			}
		}
	}
	if text, has := header(head, "X-Kong-Upstream-Latency"); has {
		set(&s.Upstream, text)
	}
	if text, has := header(head, "X-Kong-Proxy-Latency"); has {
		set(&s.Gateway, text)
	}
	if text, has := header(head, "X-Envoy-Upstream-Service-Time"); has {
		set(&s.Upstream, text)
	}
	return s, ok
}

// upstreamStatus is what X-Upstream-Status says, where that is a status.
func upstreamStatus(head string) (int, bool) {
	text, _ := header(head, "X-Upstream-Status")
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0, false
	}
	return n, true
}

// header is the value of the first header of that name in a head's text.
func header(head, name string) (string, bool) {
	_, rest, _ := strings.Cut(head, "\n")
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}
