package report

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// A chart is one panel over the run's time, ready for the template. Its places
// are percent of its box, so that it fits every width; all charts of a page share
// one time axis.
type chart struct {
	ID, Title, Unit string
	Size            string // low, tall: a CSS class
	Note            string
	Summary         string // what the chart shows, in words
	Lines           []chartLine
	XTicks, YTicks  []chartTick
	Bands           []chartBand
	Marks           []chartMark
	Limit           *chartTick
	XUnit           string      // empty: time
	Levels          []heatLevel // of a heat map
	Head            []string    // of the data table
	Rows            [][]string

	series  []series // of a chart over time
	axis    axis
	limitAt float64
}

type chartLine struct {
	Name, Class string
	Path, Area  string
	Dots        string // where Path has a value between two gaps
	Column      int    // of the data table
}

type chartTick struct {
	At, Label string
	Minor     bool // left out where the page is narrow
}

type chartBand struct {
	X, W, Class string
	from, to    float64 // shares of the axis
}

type chartMark struct {
	X, Flag string
	at      float64 // seconds
}

// A series is one quantity over time, as it stands in a chart and its table.
type series struct {
	name, class string
	filled      bool
	hidden      bool // in the data table only
	dashed      bool
	format      func(float64) string
	values      []float64 // NaN: nothing measured
}

// A board is what all charts of a run share.
type board struct {
	points []run.Point
	xs     []float64 // middle of each point, 0 to 1
	end    float64   // seconds
	bands  []chartBand
	marks  []chartMark
	ticks  []chartTick
}

// newBoard lays the time axis out. Of a run that was cut short it shows what was
// planned too, unless that leaves no room for what was run.
func newBoard(r *run.Result) *board {
	b := &board{points: r.Timeline}
	if len(b.points) == 0 {
		return b
	}
	last := b.points[len(b.points)-1]
	ran := last.T + last.Length
	b.end = ran
	if (!r.Complete || r.Interrupted != "") && r.PlannedS > ran && ran > r.PlannedS/4 {
		b.end = r.PlannedS
	}
	if !(b.end > 0) || math.IsInf(b.end, 0) {
		b.end = 1
	}
	for _, p := range b.points {
		b.xs = append(b.xs, min(max((p.T+p.Length/2)/b.end, 0), 1))
	}
	for i, t := range timeTicks(b.end) {
		b.ticks = append(b.ticks, chartTick{hundredths(t / b.end), clock(t), i%2 == 1})
	}
	b.phase(metric.Warmup, "warmup")
	b.phase(metric.Drain, "drain")
	for _, o := range r.Outages {
		b.band("outage", o.FromS, o.ToS)
	}
	if b.end > ran {
		b.band("notrun", ran, b.end)
	}
	return b
}

func (b *board) band(class string, from, to float64) {
	x := min(max(from/b.end, 0), 1)
	end := max(x, min(to/b.end, 1))
	b.bands = append(b.bands, chartBand{hundredths(x), hundredths(end - x), class, x, end})
}

// phase shades the points of a period.
func (b *board) phase(p metric.Period, class string) {
	for i := 0; i < len(b.points); i++ {
		if b.points[i].Period != p {
			continue
		}
		from := b.points[i].T
		for i+1 < len(b.points) && b.points[i+1].Period == p {
			i++
		}
		b.band(class, from, b.points[i].T+b.points[i].Length)
	}
}

// lonePoint is what path writes of a value between two gaps.
var lonePoint = regexp.MustCompile(`M[0-9]+ [0-9]+h6`)

// chart draws the series on one axis.
func (b *board) chart(id, title, unit string, a axis, ss []series) chart {
	c := chart{ID: id, Title: title, Unit: unit, XTicks: b.ticks, Bands: b.bands, Marks: b.marks, Head: []string{"from", "to"}, series: ss, axis: a}
	for _, t := range a.ticks {
		c.YTicks = append(c.YTicks, chartTick{At: hundredths(a.place(t)), Label: tickLabel(t)})
	}
	for _, s := range ss {
		c.Head = append(c.Head, s.name)
		if s.hidden {
			continue
		}
		l := chartLine{Name: s.name, Class: s.class, Path: path(b.xs, s.values, a), Column: len(c.Head) - 1}
		l.Dots = strings.ReplaceAll(strings.Join(lonePoint.FindAllString(l.Path, -1), ""), "h6", "h0")
		if s.filled {
			l.Area = area(l.Path)
		}
		c.Lines = append(c.Lines, l)
		if lowest, highest, ok := extremes(s.values, stretch{0, len(s.values)}); ok {
			c.Summary += ", " + s.name + " from " + s.format(s.values[lowest]) + " to " + s.format(s.values[highest])
		}
	}
	if unit != "" {
		c.Summary = " in " + unit + c.Summary
	}
	c.Summary = title + c.Summary
	for _, part := range stretches(len(b.points), listedStretches) {
		last := b.points[part.to-1]
		row := []string{clock(b.points[part.from].T), clock(last.T + last.Length)}
		for _, s := range ss {
			row = append(row, spread(s.values, part, s.format))
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}

// values is f of each point.
func (b *board) values(f func(p *run.Point) float64) []float64 {
	out := make([]float64, len(b.points))
	for i := range b.points {
		out[i] = f(&b.points[i])
	}
	return out
}

// optionals is f of each point, NaN where nothing was measured.
func (b *board) optionals(f func(p *run.Point) *float64) []float64 {
	return b.values(func(p *run.Point) float64 {
		if v := f(p); v != nil && !math.IsInf(*v, 0) {
			return *v
		}
		return math.NaN()
	})
}

// rates is f over each point's length. A point of less than half the usual length
// is at a period's border: its rate would be chance, and is left out.
func (b *board) rates(f func(p *run.Point) int64) []float64 {
	lengths := make([]float64, len(b.points))
	for i := range b.points {
		lengths[i] = b.points[i].Length
	}
	slices.SortFunc(lengths, cmp.Compare[float64])
	usual := 0.0
	if len(lengths) > 0 {
		usual = lengths[len(lengths)/2]
	}
	return b.values(func(p *run.Point) float64 {
		if p.Length <= 0 || p.Length < usual/2 {
			return math.NaN()
		}
		return float64(f(p)) / p.Length
	})
}

// highest is the highest number of any of the series; 0 where there is none.
func highest(ss ...[]float64) float64 {
	top := 0.0
	for _, values := range ss {
		if _, i, ok := extremes(values, stretch{0, len(values)}); ok {
			top = max(top, values[i])
		}
	}
	return top
}

// tickLabel is a tick's value: short, for it stands in a margin.
func tickLabel(v float64) string {
	switch {
	case v >= 1e6:
		return decimal(v/1e6) + "M"
	case v >= 1e4:
		return trimZeros(v/1e3) + "k"
	}
	return trimZeros(v)
}
