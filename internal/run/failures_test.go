package run

import (
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/load"
	"github.com/seed-42693903/lt/internal/metric"
)

func TestPattern(t *testing.T) {
	for in, want := range map[string]string{
		"no such agent 0b2c6f1e-1d2f-4a2e-9a77-0d6f5a3f8c11":     "no such agent <id>",
		"agent 17 of 20 took 1.25s":                              "agent <n> of <n> took <time>",
		"at 2026-11-21T14:00:00.123Z: token 9f8e7d6c5b4a":        "at <time>: token <id>",
		"since 12:03:09 and 1m30s":                               "since <time> and <time>",
		"422 Unprocessable Entity: field status: must be active": "<n> Unprocessable Entity: field status: must be active",
		"connection-refused by somebody":                         "connection-refused by somebody",
		"":                                                       "",
	} {
		if got := Pattern(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestExemplarsThatSayTheSameAreKeptOnce(t *testing.T) {
	c := NewCollector(&Plan{Profile: load.Users(1, 1, time.Minute), Endpoints: []metric.Endpoint{{Method: "GET", Path: "/a"}}})
	iv := &Interval{Length: time.Second, Endpoints: []IntervalEndpoint{{Requests: 9, Failed: 9, Outcomes: map[string]int64{"status_500": 9}}}}
	for _, message := range []string{"no row 1", "no row 2", "lock held for 3ms", "lock held for 12ms", "out of memory", "a fourth cause"} {
		iv.Exemplars = append(iv.Exemplars, metric.Exemplar{Endpoint: "GET /a", Class: "status_500", Status: 500, Message: message})
	}
	iv.Exemplars = append(iv.Exemplars, metric.Exemplar{Endpoint: "GET /b", Class: "status_500", Message: "of another endpoint"})
	c.Add(iv, nil)
	f := c.Result().Failures
	if len(f) != 1 || f[0].Count != 9 {
		t.Fatalf("failures %+v", f)
	}
	var got []string
	for _, e := range f[0].Exemplars {
		got = append(got, e.Message)
	}
	if len(got) != 3 || got[0] != "no row 1" || got[1] != "lock held for 3ms" || got[2] != "out of memory" {
		t.Errorf("exemplars %q", got)
	}
}
