package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// heatLevels is how many shades a heat map has.
const heatLevels = 8

// A heatLevel is all cells of a heat map of one shade.
type heatLevel struct {
	Level int
	Path  string
}

// heat is the map of response times on the charts' time axis; nil without one.
func heat(b *board, r *run.Result) *chart {
	h := r.Heatmap
	if h == nil || len(h.Edges) < 2 || !(h.Width > 0) || len(h.Columns) == 0 || !(h.Edges[0] > 0) || !slices.IsSorted(h.Edges) {
		return nil
	}
	rows := len(h.Edges) - 1
	most := int64(0)
	for _, col := range h.Columns {
		if len(col) != rows {
			return nil
		}
		most = max(most, slices.Max(col))
	}
	if most <= 0 {
		return nil
	}
	a := between(h.Edges[0], h.Edges[rows])
	c := chart{
		ID: "heat", Title: "Where the response times were", Unit: "ms", Size: "tall", XTicks: b.ticks, Bands: b.bands, Marks: b.marks,
		Summary: "heat map of response times: most requests of a cell " + count(most),
		Note:    "log scale; darker: more of the successes, at most " + count(most) + " in a cell of " + span(h.Width),
	}
	for _, t := range a.ticks {
		c.YTicks = append(c.YTicks, chartTick{At: hundredths(a.place(t)), Label: tickLabel(t)})
	}
	c.Levels = heatPaths(h, most, b.end)
	c.limit(a, limitOf(r, "ms", "p95", "p99", "p50", "p90"))
	c.heatTable(h)
	return &c
}

// between is a logarithmic axis with just these ends.
func between(low, high float64) axis {
	a := logarithmic(low, high)
	a.low, a.high = low, high
	a.ticks = slices.DeleteFunc(a.ticks, func(t float64) bool { return t < low || t > high })
	return a
}

// heatPaths are the cells as paths, neighbours of one shade in one piece.
func heatPaths(h *run.Heatmap, most int64, end float64) []heatLevel {
	var paths [heatLevels + 1]strings.Builder
	rows := len(h.Edges) - 1
	x := func(column int) int { return int(math.Round(min(float64(column)*h.Width/end, 1) * 10000)) }
	y := func(row int) int { return 1000 - int(math.Round(float64(row)/float64(rows)*1000)) }
	level := func(column, row int) int {
		n := h.Columns[column][row]
		if n <= 0 {
			return 0
		}
		return max(1, int(math.Ceil(heatLevels*math.Log1p(float64(n))/math.Log1p(float64(most)))))
	}
	for row := range rows {
		for column := 0; column < len(h.Columns); column++ {
			from, l := column, level(column, row)
			for column+1 < len(h.Columns) && level(column+1, row) == l {
				column++
			}
			width, height := x(column+1)-x(from), y(row)-y(row+1)
			if l == 0 || width <= 0 {
				continue
			}
			p := &paths[min(l, heatLevels)]
			p.WriteString("M" + strconv.Itoa(x(from)) + " " + strconv.Itoa(y(row+1)) + "h" + strconv.Itoa(width) + "v" + strconv.Itoa(height) + "h-" + strconv.Itoa(width) + "z")
		}
	}
	var out []heatLevel
	for l := range paths {
		if paths[l].Len() > 0 {
			out = append(out, heatLevel{l, paths[l].String()})
		}
	}
	return out
}

// heatTable lists the map with fewer, wider rows and columns: their counts add up.
func (c *chart) heatTable(h *run.Heatmap) {
	c.Head = []string{"from", "to"}
	bands := stretches(len(h.Edges)-1, 10)
	for _, band := range bands {
		c.Head = append(c.Head, decimal(h.Edges[band.from])+"–"+decimal(h.Edges[band.to])+" ms")
	}
	for _, part := range stretches(len(h.Columns), 30) {
		row := []string{clock(float64(part.from) * h.Width), clock(float64(part.to) * h.Width)}
		for _, band := range bands {
			n := int64(0)
			for _, col := range h.Columns[part.from:part.to] {
				for _, cell := range col[band.from:band.to] {
					n += cell
				}
			}
			row = append(row, count(n))
		}
		c.Rows = append(c.Rows, row)
	}
}

// curveEnds are the ticks of a percentile curve's axis.
var curveEnds = []float64{0, .5, .9, .99, .999, .9999}

// nines is where a percentile stands on an axis that gives each nine the same
// room: 0 for the minimum, 1 for P99.99.
func nines(q float64) float64 {
	if q >= .99995 {
		return 1
	}
	return min(max(-math.Log10(1-q)/4, 0), 1)
}

// curves is the distribution of the response times; nil without one.
func curves(r *run.Result) *chart {
	d := r.Distribution
	if d == nil || len(d.Success)+len(d.Failed) == 0 {
		return nil
	}
	lines := []struct {
		name, class string
		of          []run.Quantile
	}{{"baseline's successes", "base", nil}, {"failures", "failed", d.Failed}, {"successes", "p95", d.Success}}
	if r.Comparison != nil {
		lines[0].of = r.Comparison.Curve
	}
	low, high := math.Inf(1), 0.0
	for _, l := range lines {
		for _, q := range l.of {
			if q.MS > 0 {
				low, high = min(low, q.MS), max(high, q.MS)
			}
		}
	}
	if !(high > 0) {
		return nil
	}
	a := logarithmic(low, high)
	c := chart{ID: "curve", Title: "Response time by percentile", Unit: "ms", Size: "tall", Summary: "percentile curves of response times", Head: []string{"percentile"}}
	for _, q := range curveEnds {
		c.XTicks = append(c.XTicks, chartTick{At: hundredths(nines(q)), Label: percentileName(q)})
	}
	for _, t := range a.ticks {
		c.YTicks = append(c.YTicks, chartTick{At: hundredths(a.place(t)), Label: tickLabel(t)})
	}
	byQ := map[float64][]string{}
	column := 0
	for _, l := range lines {
		if len(l.of) == 0 {
			continue
		}
		column++
		c.Head = append(c.Head, l.name+", ms")
		var xs, ys []float64
		for _, q := range l.of {
			if q.MS < 0 || math.IsNaN(q.MS) || math.IsNaN(q.Q) {
				continue
			}
			xs, ys = append(xs, nines(q.Q)), append(ys, q.MS)
			for len(byQ[q.Q]) < column-1 {
				byQ[q.Q] = append(byQ[q.Q], none)
			}
			byQ[q.Q] = append(byQ[q.Q], decimal(q.MS))
		}
		if len(ys) == 0 {
			continue
		}
		c.Lines = append(c.Lines, chartLine{Name: l.name, Class: l.class, Path: path(xs, ys, a), Column: column})
		c.Summary += ", " + l.name + " from " + decimal(ys[0]) + " to " + decimal(ys[len(ys)-1]) + " ms"
	}
	for i, q := range sortedKeys(byQ) {
		if i == listedStretches {
			break
		}
		row := append([]string{percentileName(q)}, byQ[q]...)
		for len(row) < len(c.Head) {
			row = append(row, none)
		}
		c.Rows = append(c.Rows, row)
	}
	c.limit(a, limitOf(r, "ms", "p95", "p99", "p50", "p90"))
	return &c
}

func sortedKeys(m map[float64][]string) []float64 {
	keys := make([]float64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// percentileName is "P99.9"; "min" for the start.
func percentileName(q float64) string {
	if q <= 0 {
		return "min"
	}
	return "P" + strconv.FormatFloat(math.Round(q*1e6)/1e4, 'f', -1, 64)
}

// knee is the response time against the throughput, a dot for each point of the
// timeline; nil where nothing succeeded. What drains is left out.
func knee(b *board) *chart {
	rate := b.rates(func(p *run.Point) int64 { return p.Requests - p.Failed })
	p95 := b.optionals(func(p *run.Point) *float64 { return p.P95 })
	for i := range b.points {
		if b.points[i].Period == metric.Drain || math.IsNaN(rate[i]) || p95[i] <= 0 {
			p95[i] = math.NaN()
		}
	}
	low, high, ok := extremes(p95, stretch{0, len(p95)})
	if !ok {
		return nil
	}
	x, y := linear(highest(rate)*1.02), linear(p95[high]*1.02)
	note := ""
	if p95[high]/p95[low] > 40 {
		y, note = logarithmic(p95[low], p95[high]), "log scale"
	}
	c := chart{
		ID: "knee", Title: "P95 against throughput", Unit: "ms", XUnit: "successes/s", Note: note, Size: "tall",
		Summary: "P95 from " + decimal(p95[low]) + " to " + decimal(p95[high]) + " ms at up to " + perSecond(highest(rate)) + " successes/s",
	}
	for _, t := range y.ticks {
		c.YTicks = append(c.YTicks, chartTick{At: hundredths(y.place(t)), Label: tickLabel(t)})
	}
	for i, t := range x.ticks {
		c.XTicks = append(c.XTicks, chartTick{hundredths(1 - x.place(t)), tickLabel(t), i%2 == 1})
	}
	dots := map[bool]*strings.Builder{true: {}, false: {}}
	seen := map[[2]int]bool{}
	for i, v := range p95 {
		if math.IsNaN(v) {
			continue
		}
		at := [2]int{int(math.Round((1-x.place(rate[i]))*2000)) * 5, int(math.Round(y.place(v)*250)) * 4}
		if !seen[at] {
			seen[at] = true
			dots[b.points[i].Period == metric.Warmup].WriteString("M" + strconv.Itoa(at[0]) + " " + strconv.Itoa(at[1]) + "h0")
		}
	}
	for _, d := range []struct {
		name, class string
		warm        bool
	}{{"warm-up", "users dots", true}, {"measured", "p95 dots", false}} {
		if dots[d.warm].Len() > 0 {
			c.Lines = append(c.Lines, chartLine{Name: d.name, Class: d.class, Path: dots[d.warm].String()})
		}
	}
	c.kneeTable(rate, p95, x.high)
	return &c
}

// kneeTable lists the dots by ranges of throughput.
func (c *chart) kneeTable(rate, p95 []float64, top float64) {
	const ranges = 10
	c.Head = []string{"successes/s from", "to", "intervals", "P95, ms"}
	for k := range ranges {
		from, to := top*float64(k)/ranges, top*float64(k+1)/ranges
		var in []float64
		for i, v := range p95 {
			if !math.IsNaN(v) && rate[i] >= from && (rate[i] < to || k == ranges-1) {
				in = append(in, v)
			}
		}
		if len(in) > 0 {
			c.Rows = append(c.Rows, []string{perSecond(from), perSecond(to), count(int64(len(in))), spread(in, stretch{0, len(in)}, decimal)})
		}
	}
}
