package report

import (
	"strings"
	"unicode/utf8"
)

// A grid is a table of a terminal: the first column is text and takes what the
// others, numbers that are aligned right, leave of the width.
type grid struct {
	width int
	head  []string
	rows  []gridRow
	end   bool // what is too long in the first column loses its end, not its middle
}

type gridRow struct {
	style string
	cells []string // one: a note over the whole width
}

func (g *grid) add(style string, cells ...string) { g.rows = append(g.rows, gridRow{style, cells}) }

func (g *grid) note(s string) { g.rows = append(g.rows, gridRow{"dim", []string{s}}) }

// write lays the table out. A column that is empty but for its head is left out.
func (g *grid) write(t *terminal) {
	widths := make([]int, len(g.head))
	for _, r := range g.rows {
		for i, c := range r.cells {
			if len(r.cells) > 1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(c))
			}
		}
	}
	used := 0
	for i := 1; i < len(widths); i++ {
		if widths[i] > 0 {
			widths[i] = max(widths[i], utf8.RuneCountInString(g.head[i]))
			used += 1 + widths[i]
		}
	}
	widths[0] = max(widths[0], utf8.RuneCountInString(g.head[0]))
	gap := 1
	if free := g.width - used - widths[0]; free >= len(widths)-1 {
		gap = 2
		used += columns(widths[1:])
	}
	widths[0] = max(8, min(widths[0], g.width-used))

	line := func(style string, cells []string) {
		var b strings.Builder
		first := short(cells[0], widths[0])
		if g.end {
			first = cut(cells[0], widths[0])
		}
		b.WriteString(pad(first, widths[0], false))
		for i := 1; i < len(cells); i++ {
			if widths[i] > 0 {
				b.WriteString(strings.Repeat(" ", gap) + pad(cells[i], widths[i], true))
			}
		}
		t.line(t.paint(style, cut(b.String(), g.width)))
	}
	line("dim", g.head)
	for _, r := range g.rows {
		if len(r.cells) == 1 {
			t.line(t.paint(r.style, cut(r.cells[0], g.width)))
			continue
		}
		line(r.style, r.cells)
	}
}

// columns is how many of the columns are shown.
func columns(widths []int) int {
	n := 0
	for _, w := range widths {
		if w > 0 {
			n++
		}
	}
	return n
}
