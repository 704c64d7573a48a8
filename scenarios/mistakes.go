package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
	if near := nearest(got, known); near != "" {
		return fmt.Sprintf(", did you mean `%s`?", near)
	}
	return ""
}

// nearest is the name of known that a typing error may have turned into got;
// empty when none is near enough.
func nearest(got string, known []string) string {
	best, name := max(1, len(got)/3)+1, ""
	if len(got) > 64 {
		return ""
	}
	for _, k := range known[:min(len(known), 200)] { // a file may have thousands
		if d := distance(strings.ToLower(got), strings.ToLower(k)); d < best {
			best, name = d, k
		}
	}
	return name
}

// distance is how many letters must be added, left out, changed or swapped with
// their neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
