// Package text holds what several packages do with words and figures: the nearest
// of some names, a word of a shell, a part of a file's name, a length of time.
package text

import (
	"strings"
	"time"
	"unicode"
)

// Nearest is the name of known that a typing error may have turned into got;
// empty when none is near enough. Case does not count.
func Nearest(got string, known []string) string {
	best, name := max(1, len(got)/3)+1, ""
	if len(got) > 64 {
		return ""
	}
	for _, k := range known[:min(len(known), 200)] { // a file may have thousands
		if d := Distance(strings.ToLower(got), strings.ToLower(k)); d < best {
			best, name = d, k
		}
	}
	return name
}

// Distance is how many bytes must be added, left out, changed or swapped with
// their neighbour to turn a into b (optimal string alignment: Damerau 1964).
func Distance(a, b string) int {
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

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// Quote makes one word of a POSIX shell of s.
func Quote(s string) string {
	if s != "" && strings.Trim(s, lower+upper+digits+"-_./:=@,+%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Printable is s without the control characters, those of keep apart, with which a
// hostile target could write to the terminal as it pleases.
func Printable(s, keep string) string {
	return strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) && !strings.ContainsRune(keep, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Slug is s as a name that a directory may have on every system: letters, digits,
// dots, underscores and single dashes, at most 64 bytes; otherwise where nothing
// of s is left.
func Slug(s, otherwise string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80 && strings.ContainsRune(lower+upper+digits+"_.", r):
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := b.String()
	if name = strings.Trim(name[:min(len(name), 64)], "-."); name == "" {
		return otherwise
	}
	return name
}

// Duration is d without its zero units: 15m, 1m30s, 2h.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Thousands sets the thousands of a whole number apart: 222,260.
func Thousands(whole string) string {
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole
}
