package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/text"
	"github.com/seed-42693903/lt/internal/verdict"
)

// The exit codes of lt.
const (
	exitPass         = 0
	exitError        = 1
	exitUsage        = 2
	exitNotReady     = 3
	exitInvalid      = 4
	exitInconclusive = 5
	exitContract     = 6
	exitRegression   = 98
	exitThreshold    = 99
	exitInterrupted  = 130
	exitTerminated   = 143
)

// exitMeaning is each code in words, for the help topic and the end of a run.
var exitMeaning = []struct {
	code    int
	meaning string
}{
	{exitPass, "pass"},
	{exitError, "could not run, or a report could not be written"},
	{exitUsage, "wrong usage or configuration"},
	{exitNotReady, "the target was not ready: nothing answers, TLS fails, or the credential is refused"},
	{exitInvalid, "the run is invalid: the generator was measured, not the target"},
	{exitInconclusive, "not proven: the data decide neither way (--on-inconclusive warn makes it 0)"},
	{exitContract, "the contract is broken (smoke)"},
	{exitRegression, "regression against the baseline"},
	{exitThreshold, "a threshold failed"},
	{exitInterrupted, "interrupted (Ctrl-C, or the live view's stop)"},
	{exitTerminated, "terminated (SIGTERM)"},
}

func meaning(code int) string {
	for _, m := range exitMeaning {
		if m.code == code {
			return m.meaning
		}
	}
	return "unknown"
}

// exitOf is the exit code of a finished run. signal is the code of the signal
// that ended it, or 0.
func exitOf(r *run.Result, signal int, onInconclusive string) int {
	failed, byTarget := false, false
	for _, t := range r.Thresholds {
		if t.Verdict == verdict.Fail {
			failed = true
			byTarget = byTarget || t.ByTarget
		}
	}
	switch {
	case byTarget:
		return exitThreshold
	case signal != 0:
		return signal
	case r.Interrupted == run.StoppedByHand:
		return exitInterrupted
	case r.Verdict == verdict.Invalid:
		return exitInvalid
	case failed || r.Verdict == verdict.Fail || r.Interrupted == run.StoppedByThreshold:
		return exitThreshold
	case r.Comparison.Regressed():
		return exitRegression
	case r.Verdict == verdict.Inconclusive && onInconclusive != "warn":
		return exitInconclusive
	}
	return exitPass
}

// A cliError ends lt with a code, an error line and perhaps a hint line.
type cliError struct {
	code int
	err  error // nil: what there was to say has been said
	hint string
}

func (e *cliError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *cliError) Unwrap() error { return e.err }

// exitCodeOf is the code that err ends lt with.
func exitCodeOf(err error) int {
	var e *cliError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &e):
		return e.code
	}
	return exitError
}

func usageErrorf(format string, args ...any) error {
	return &cliError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func notReadyf(format string, args ...any) error {
	return &cliError{code: exitNotReady, err: fmt.Errorf(format, args...)}
}

// hintf adds the line that says what to do next.
func hintf(err error, format string, args ...any) error {
	e := &cliError{code: exitError, err: err}
	var inner *cliError
	if errors.As(err, &inner) {
		e.code = inner.code
	}
	e.hint = fmt.Sprintf(format, args...)
	return e
}

// printError writes err, one line for each mistake that it joins, and the hints, and
// returns the exit code.
func printError(w io.Writer, err error) int {
	if err == nil {
		return exitPass
	}
	code := exitError
	var e *cliError
	if errors.As(err, &e) {
		code = e.code
	}
	printed := map[string]bool{}
	var hints []string
	for _, one := range flatten(err, &hints) {
		if text := one.Error(); text != "" && !printed[text] {
			printed[text] = true
			fmt.Fprintf(w, "lt: error: %s\n", indent(text))
		}
	}
	for _, h := range hints {
		if !printed[h] {
			printed[h] = true
			fmt.Fprintf(w, "lt: hint: %s\n", indent(h))
		}
	}
	return code
}

// flatten is the single errors that err joins, and their hints.
func flatten(err error, hints *[]string) []error {
	switch e := err.(type) {
	case *cliError:
		if e.err == nil {
			return nil
		}
		all := flatten(e.err, hints)
		if e.hint != "" {
			*hints = append(*hints, e.hint)
		}
		return all
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, flatten(one, hints)...)
		}
		return all
	}
	return []error{err}
}

// indent keeps the lines after the first of a message under it.
func indent(s string) string {
	return strings.ReplaceAll(printable(strings.TrimRight(s, "\n")), "\n", "\n    ")
}

// printable is s without the control characters, line breaks apart, with which a
// hostile target could write to the terminal as it pleases.
func printable(s string) string { return text.Printable(s, "\n") }

// joinUsage is all the mistakes as one error; nil when there are none.
func joinUsage(errs []error) error {
	if err := errors.Join(errs...); err != nil {
		return &cliError{code: exitUsage, err: err}
	}
	return nil
}
