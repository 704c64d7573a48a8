package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/text"
)

// A Mistake is one thing wrong with a scenario file, and where.
type Mistake struct {
	File    string // as the caller named it
	Line    int    // from 1; 0: the file as a whole
	Column  int    // from 1
	Message string // what is wrong and, where lt can tell, what to write instead
}

// Error is "file:line:column: message", which editors and terminals link.
func (m Mistake) Error() string {
	if m.Line == 0 {
		return fmt.Sprintf("%s: %s", m.File, m.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Message)
}

// Mistakes are all mistakes of a scenario, in the order of the file.
type Mistakes []Mistake

// Error is one line for each mistake.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is each mistake as an error of its own.
func (ms Mistakes) Unwrap() []error {
	errs := make([]error, len(ms))
	for i, m := range ms {
		errs[i] = m
	}
	return errs
}

// ordered is ms in the order of the file, each mistake once; nil when there are
// none, so that a caller can return it as an error only when there are some.
func (ms Mistakes) ordered() Mistakes {
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(ms)
}

// A position is a place in a scenario file.
type position struct {
	file         string
	line, column int
}

func (p position) mistake(format string, args ...any) Mistake {
	return Mistake{p.file, p.line, p.column, fmt.Sprintf(format, args...)}
}

// didYouMean is ", did you mean `weight`?" for the name of known that is nearest
// to got, and nothing when none is near.
func didYouMean(got string, known []string) string {
	if near := text.Nearest(got, known); near != "" {
		return fmt.Sprintf(", did you mean `%s`?", near)
	}
	return ""
}
