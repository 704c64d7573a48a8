package hop

import (
	"strings"
	"testing"
)

// TestAttribute: each kind of evidence by itself, none, and what is stronger.
func TestAttribute(t *testing.T) {
	h := func(lines ...string) string { return "HTTP/1.1 500 X\n" + strings.Join(lines, "\n") }
	for _, c := range []struct {
		name     string
		a        Answer
		want     Hop
		upstream int
		says     string // in the evidence
	}{
		{"nothing", Answer{Class: "status_500", Status: 500, Head: h("Date: x")}, Unknown, 0, "--direct"},
		{"no answer at all", Answer{Class: "refused"}, Network, 0, "refused"},
		{"a timeout while connecting", Answer{Class: "timeout", Phase: "dial"}, Network, 0, "dial"},
		{"a timeout of the answer", Answer{Class: "timeout", Phase: "headers"}, Unknown, 0, ""},
		{"lt's own", Answer{Class: "generator"}, Client, 0, ""},
		{"a check", Answer{Class: "check", Status: 200, Head: h("X-Upstream-Status: 200")}, Unknown, 200, "nothing tells"},
		{"an invalid request", Answer{Class: "status_422", Status: 422, Invalid: "status: no", Head: h("X-Upstream-Status: 422")}, Client, 422, "status: no"},
		{"upstream status", Answer{Class: "status_500", Status: 500, Head: h("x-upstream-status: 405")}, Upstream, 405, "405"},
		{"upstream well", Answer{Class: "status_502", Status: 500, Head: h("X-Upstream-Status: 200")}, Gateway, 200, "answered well"},
		{"upstream status forged", Answer{Class: "status_500", Status: 500, Head: h("X-Upstream-Status: 99999")}, Unknown, 0, ""},
		{"no upstream status where there always is one", Answer{Class: "status_500", Status: 500, Head: h("A: b"), Traits: Traits{UpstreamStatus: true}}, Gateway, 0, "no X-Upstream-Status"},
		{"server timing", Answer{Class: "status_500", Status: 500, Head: h(`Server-Timing: gateway;dur=1, upstream;desc="x";dur=2.5`)}, Upstream, 0, "2.5 ms"},
		{"server timing, not asked", Answer{Class: "status_500", Status: 500, Head: h("Server-Timing: gateway;dur=1"), Traits: Traits{UpstreamTiming: true}}, Gateway, 0, "not asked"},
		{"kong", Answer{Class: "status_500", Status: 500, Head: h("X-Kong-Upstream-Latency: 3", "X-Kong-Proxy-Latency: 1")}, Upstream, 0, "Kong"},
		{"kong itself", Answer{Class: "status_404", Status: 404, Head: h("X-Kong-Response-Latency: 0")}, Gateway, 0, "Kong answered itself"},
		{"envoy", Answer{Class: "status_500", Status: 500, Head: h("x-envoy-upstream-service-time: 7")}, Upstream, 0, "Envoy"},
		{"envoy's body", Answer{Class: "status_503", Status: 503, Head: h("A: b"), Body: "upstream connect error or disconnect/reset before headers"}, Upstream, 0, "Envoy"},
		{"no route", Answer{Class: "status_404", Status: 404, Head: h("A: b"), NoRoute: true}, Gateway, 0, "nobody serves"},
		{"504", Answer{Class: "status_504", Status: 504, Head: h("A: b")}, Upstream, 0, "504"},
		{"direct fails too", Answer{Class: "status_500", Status: 500, Head: h("A: b"), Direct: &Direct{Class: "status_405", Status: 405}}, Upstream, 405, "fails too (405)"},
		{"direct succeeds", Answer{Class: "status_500", Status: 500, Head: h("X-Upstream-Status: 500"), Direct: &Direct{Class: "ok", Status: 201}}, Gateway, 500, "succeeds"},
		{"direct refuses the key", Answer{Class: "status_500", Status: 500, Head: h("A: b"), Direct: &Direct{Class: "status_401", Status: 401}}, Unknown, 0, "proves nothing"},
		{"direct is mapped wrongly", Answer{Class: "status_500", Status: 500, Head: h("A: b"), Direct: &Direct{Class: "status_404", Status: 404}}, Unknown, 0, "proves nothing"},
		{"direct is dead", Answer{Class: "status_503", Status: 503, Head: h("A: b"), Direct: &Direct{Class: "refused"}}, Upstream, 0, "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Attribute(c.a)
			if v.Hop != c.want || v.UpstreamStatus != c.upstream {
				t.Errorf("%s (%d behind it), want %s (%d): %q", v.Hop, v.UpstreamStatus, c.want, c.upstream, v.Evidence)
			}
			if len(v.Evidence) == 0 && c.a.Class != "timeout" || c.says != "" && !strings.Contains(strings.Join(v.Evidence, "; "), c.says) {
				t.Errorf("evidence %q, want %q in it", v.Evidence, c.says)
			}
		})
	}
}

// TestTraits are learnt from any answer.
func TestTraits(t *testing.T) {
	var tr Traits
	tr.Learn("HTTP/1.1 500 X\nX-Upstream-Status: 500\x1b[31m")
	if tr != (Traits{}) {
		t.Errorf("%+v was learnt from what is no status", tr)
	}
	tr.Learn("HTTP/1.1 200 OK\nX-Upstream-Status: 200\nServer-Timing: upstream;dur=1")
	tr.Learn("HTTP/1.1 200 OK\nX-Kong-Upstream-Latency: 1\nX-Envoy-Upstream-Service-Time: 2")
	if tr != (Traits{true, true, true, true}) {
		t.Errorf("%+v", tr)
	}
}

// FuzzAttribute: whatever a target writes, there is a verdict and no panic.
func FuzzAttribute(f *testing.F) {
	f.Add("HTTP/1.1 500 X\nServer-Timing: upstream;dur=-1, ;;=,\"", "{}", 500)
	f.Fuzz(func(t *testing.T, head, body string, status int) {
		var tr Traits
		tr.Learn(head)
		if v := Attribute(Answer{Class: "status_500", Status: status, Head: head, Body: body, Traits: tr}); v.Hop == "" || len(v.Evidence) == 0 {
			t.Errorf("%+v", v)
		}
	})
}
