package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much of a text that came from outside a report shows. result.json has the
// rest.
const (
	maxName    = 160  // an endpoint, a scenario, a label
	maxMessage = 600  // a message, a reason
	maxBody    = 4096 // a request or response in an exemplar
)

// clean makes one line of s that no terminal, table or page takes for a command:
// escape sequences, other control characters and characters that turn the
// direction of text stand as Go would write them ("\x1b"), white space is a
// blank, and at most limit characters stay.
func clean(s string, limit int) string { return scrub(s, limit, false) }

// cleanBlock is clean for text of several lines, which it keeps.
func cleanBlock(s string, limit int) string {
	return scrub(strings.ReplaceAll(s, "\r\n", "\n"), limit, true)
}

func scrub(s string, limit int, lines bool) string {
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n >= limit {
			fmt.Fprintf(&b, "… (%s characters in all)", count(int64(utf8.RuneCountInString(s))))
			break
		}
		n++
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteRune(utf8.RuneError)
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case r == '\n' || r == '\t' || r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte(' ')
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.Is(unicode.Bidi_Control, r) || r == '\uFEFF' || r >= 0xE0000 && r <= 0xE007F:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// short cuts s in its middle so that it has at most width characters.
func short(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	if width < 2 {
		return "…"
	}
	head := (width - 1) * 2 / 5
	return string(r[:head]) + "…" + string(r[len(r)-(width-1-head):])
}

// cut ends s with an ellipsis where it is longer than width characters.
func cut(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:max(width-1, 0)]) + "…"
}

// pad fills s with blanks to width: on the left where right is true.
func pad(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
	if right {
		return fill + s
	}
	return s + fill
}

// wrap breaks s into lines of at most width characters. Words that are longer
// are broken.
func wrap(s string, width int) []string {
	width = max(width, 8)
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		r := []rune(word)
		for len(r) > width {
			lines = append(lines, string(r[:width]))
			r = r[width:]
		}
		line = string(r)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
