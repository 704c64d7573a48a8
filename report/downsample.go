package report

import (
	"math"
	"strconv"
	"strings"
)

// A long run has more points than a screen has columns. What is drawn and listed
// then are stretches of several points: of a stretch the lowest and the highest
// value are kept, never a mean, and percentiles are never averaged.
const (
	drawnStretches  = 360 // of a line
	listedStretches = 120 // of a data table
)

// A stretch is the points from..to-1 of a timeline.
type stretch struct{ from, to int }

// stretches cuts n points into at most limit stretches of the same length.
func stretches(n, limit int) []stretch {
	if n == 0 {
		return nil
	}
	each := (n + limit - 1) / limit
	out := make([]stretch, 0, n/each+1)
	for from := 0; from < n; from += each {
		out = append(out, stretch{from, min(from+each, n)})
	}
	return out
}

// extremes are the indexes of the lowest and the highest of the values that are
// numbers; ok is false where there are none.
func extremes(values []float64, s stretch) (lowest, highest int, ok bool) {
	for i := s.from; i < s.to; i++ {
		if math.IsNaN(values[i]) {
			continue
		}
		if !ok {
			lowest, highest, ok = i, i, true
			continue
		}
		if values[i] < values[lowest] {
			lowest = i
		}
		if values[i] > values[highest] {
			highest = i
		}
	}
	return lowest, highest, ok
}

// path is the line through values at xs (0 to 1) as the data of an SVG path in a
// box of 10000 by 1000. NaN breaks the line; a value between two breaks is a dot.
func path(xs, values []float64, a axis) string {
	var b strings.Builder
	drawing := false
	point := func(i int, last bool) {
		x, y := strconv.Itoa(int(math.Round(xs[i]*10000))), strconv.Itoa(int(math.Round(a.place(values[i])*1000)))
		switch {
		case drawing:
			b.WriteString("L" + x + " " + y)
		default:
			b.WriteString("M" + x + " " + y)
			if last {
				b.WriteString("h6")
			}
		}
		drawing = true
	}
	parts := stretches(len(values), 2*drawnStretches)
	if len(parts) < len(values) {
		parts = stretches(len(values), drawnStretches)
	}
	for n, s := range parts {
		lowest, highest, ok := extremes(values, s)
		if !ok {
			drawing = false
			continue
		}
		alone := n+1 == len(parts)
		if !alone {
			_, _, next := extremes(values, parts[n+1])
			alone = !next
		}
		first, second := min(lowest, highest), max(lowest, highest)
		point(first, alone && first == second)
		if second != first {
			point(second, false)
		}
	}
	return b.String()
}

// area is the surface under a path that path made, down to the axis.
func area(line string) string {
	if line == "" {
		return ""
	}
	var b strings.Builder
	for _, part := range strings.Split(line[1:], "M") {
		part, _, _ = strings.Cut(part, "h")
		first, _, _ := strings.Cut(part, " ")
		last := part[strings.LastIndexByte(part, 'L')+1:]
		last, _, _ = strings.Cut(last, " ")
		b.WriteString("M" + first + " 1000L" + part + "L" + last + " 1000Z")
	}
	return b.String()
}

// spread is "12" or "5–31": the lowest and the highest of a stretch.
func spread(values []float64, s stretch, format func(float64) string) string {
	lowest, highest, ok := extremes(values, s)
	if !ok {
		return none
	}
	l, h := format(values[lowest]), format(values[highest])
	if l == h {
		return l
	}
	return l + "–" + h
}
