package metric

import (
	"testing"
	"time"
)

func TestClassKeysRoundTrip(t *testing.T) {
	seen := map[string]bool{}
	check := func(c Class) {
		key := c.Key()
		if seen[key] {
			t.Errorf("key %q stands for two classes", key)
		}
		seen[key] = true
		if got, err := ParseClass(key); err != nil || got != c {
			t.Errorf("ParseClass(%q) = %+v, %v; want %+v", key, got, err, c)
		}
	}
	for o := range numOutcomes {
		if o == Status {
			for _, n := range []int{0, 101, 200, 404, 500, 503, 599, 999} {
				check(Class{Status, n})
			}
			continue
		}
		check(Class{Outcome: o})
	}
}

func TestParseClassRefusesWhatIsNoKey(t *testing.T) {
	for _, key := range []string{
		"", "OK", "nonsense", "status", "status_", "status_x", "status_-1", "status_1.5",
		"status_+503", "status_0503", "status_ 503", "outcome(99)",
	} {
		if c, err := ParseClass(key); err == nil {
			t.Errorf("ParseClass(%q) = %+v", key, c)
		}
	}
}

func TestOutcomeNamesAreThoseOfTheReport(t *testing.T) {
	want := []string{
		"ok", "status", "check", "extract", "timeout", "refused", "unreachable", "reset", "conn_dropped",
		"truncated", "too_large", "tls", "dns", "protocol", "generator", "aborted",
	}
	for i, name := range want {
		if got := Outcome(i).String(); got != name {
			t.Errorf("outcome %d is %q, want %q", i, got, name)
		}
		if Outcome(i).Failed() == (name == "ok") {
			t.Errorf("%s failed: %v", name, Outcome(i).Failed())
		}
	}
	if len(want) != int(numOutcomes) {
		t.Errorf("%d outcomes, the report knows %d", numOutcomes, len(want))
	}
	if s := Outcome(200).String(); s != "outcome(200)" {
		t.Errorf("unknown outcome is %q", s)
	}
	for i, name := range []string{"", "dns", "dial", "tls", "write", "headers", "body", "phase(7)"} {
		if got := Phase(i).String(); got != name {
			t.Errorf("phase %d is %q, want %q", i, got, name)
		}
	}
}

func TestOnlyTheTargetCanHaveMadeItsOwnFailures(t *testing.T) {
	own := map[string]bool{"refused": true, "reset": true, "conn_dropped": true, "truncated": true, "protocol": true, "status_500": true, "status_503": true}
	classes := []Class{{Status, 404}, {Status, 499}, {Status, 500}, {Status, 503}, {Status, 200}}
	for o := range numOutcomes {
		if o != Status {
			classes = append(classes, Class{Outcome: o})
		}
	}
	for _, c := range classes {
		if c.TargetsOwn() != own[c.Key()] {
			t.Errorf("%s is the target's own: %v", c.Key(), c.TargetsOwn())
		}
	}
}

func TestSampleTimesAndClass(t *testing.T) {
	s := Sample{Due: 1 * time.Second, Sent: 3 * time.Second, End: 4 * time.Second, Status: 503}
	if s.ResponseTime() != 3*time.Second || s.ServiceTime() != time.Second {
		t.Errorf("response %v, service %v", s.ResponseTime(), s.ServiceTime())
	}
	for outcome, key := range map[Outcome]string{OK: "ok", Status: "status_503", Check: "check", Timeout: "timeout"} {
		s.Outcome = outcome
		if got := s.Class().Key(); got != key {
			t.Errorf("class of %v with status 503 is %q, want %q", outcome, got, key)
		}
	}
	if name := (Endpoint{"GET", "/api/v1/agents/{id}"}).Name(); name != "GET /api/v1/agents/{id}" {
		t.Errorf("name %q", name)
	}
}
