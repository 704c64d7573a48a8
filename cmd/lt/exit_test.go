package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// TestTheOrderOfExitCodes holds the order of several at once: 99 by the target's
// own failures, 130 and 143, 4, 99 by latency or throughput, 5.
func TestTheOrderOfExitCodes(t *testing.T) {
	byTarget := []verdict.Judged{{Verdict: verdict.Fail, ByTarget: true}}
	byLatency := []verdict.Judged{{Verdict: verdict.Fail}}
	for _, c := range []struct {
		name           string
		verdict        verdict.Verdict
		thresholds     []verdict.Judged
		signal         int
		onInconclusive string
		want           int
	}{
		{"pass", verdict.Pass, nil, 0, "", 0},
		{"nothing asked", verdict.None, nil, 0, "", 0},
		{"inconclusive", verdict.Inconclusive, nil, 0, "", 5},
		{"inconclusive may pass", verdict.Inconclusive, nil, 0, "warn", 0},
		{"inconclusive must not", verdict.Inconclusive, nil, 0, "fail", 5},
		{"latency", verdict.Fail, byLatency, 0, "warn", 99},
		{"invalid over latency", verdict.Invalid, byLatency, 0, "", 4},
		{"the target over invalid", verdict.Fail, byTarget, 0, "", 99},
		{"the target over a signal", verdict.Fail, byTarget, 130, "", 99},
		{"a signal over invalid", verdict.Invalid, nil, 130, "", 130},
		{"a signal over latency", verdict.Fail, byLatency, 143, "", 143},
		{"a signal over pass", verdict.Pass, nil, 130, "", 130},
	} {
		got := exitOf(&run.Result{Verdict: c.verdict, Thresholds: c.thresholds}, c.signal, c.onInconclusive)
		if got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestErrorsSayEveryMistakeAndHintOnce(t *testing.T) {
	err := errors.Join(
		hintf(usageErrorf("one"), "do this"),
		usageErrorf("two: %w", errors.New("inner\nsecond line")),
		hintf(usageErrorf("three"), "do this"),
		usageErrorf("one"),
	)
	var b bytes.Buffer
	if code := printError(&b, err); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	want := "lt: error: one\nlt: error: two: inner\n    second line\nlt: error: three\nlt: hint: do this\n"
	if b.String() != want {
		t.Errorf("got:\n%swant:\n%s", b.String(), want)
	}
	if code := printError(&b, errors.New("plain")); code != exitError {
		t.Errorf("a plain error has exit code %d", code)
	}
	if code := printError(&b, nil); code != exitPass {
		t.Errorf("no error has exit code %d", code)
	}
}
