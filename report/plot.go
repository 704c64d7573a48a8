package report

import (
	"encoding/json"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/seed-42693903/lt/internal/run"
)

// plots is what the page's script draws the charts over time of, with zoom and a
// cursor: the same series, axes and shades as in the drawings and tables, which
// stand without it.
type plots struct {
	End    float64    `json:"end"`
	X      numbers    `json:"x"` // middles of the points, in seconds
	Charts []plot     `json:"charts"`
	Bands  []plotBand `json:"bands"`
	Marks  []plotMark `json:"marks"`
}

type plot struct {
	ID     string       `json:"id"`
	Log    bool         `json:"log"`
	Low    float64      `json:"low"`
	High   float64      `json:"high"`
	Ticks  []float64    `json:"ticks"`
	Limit  *plotLimit   `json:"limit,omitempty"`
	Series []plotSeries `json:"series"`
}

type plotSeries struct {
	Class  string  `json:"class"`
	Filled bool    `json:"filled"`
	Dashed bool    `json:"dashed,omitempty"`
	Values numbers `json:"values"`
}

type (
	plotLimit struct {
		At    float64 `json:"at"`
		Label string  `json:"label"`
	}
	plotBand struct {
		Class string  `json:"class"`
		From  float64 `json:"from"`
		To    float64 `json:"to"`
	}
	plotMark struct {
		At   float64 `json:"at"`
		Flag string  `json:"flag"`
	}
)

// numbers are written to six digits; what is none is null.
type numbers []float64

func (ns numbers) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, v := range ns {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
			continue
		}
		v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return append(b, ']'), nil
}

// plots is the data of the charts; of many points, the lowest and the highest of
// each stretch, in the order in which they came.
func (b *board) plots(charts []chart) template.JS {
	p := plots{End: b.end, Charts: []plot{}, Bands: []plotBand{}, Marks: []plotMark{}}
	parts := stretches(len(b.points), 2*drawnStretches)
	thinned := len(parts) < len(b.points)
	if thinned {
		parts = stretches(len(b.points), drawnStretches)
	}
	for _, s := range parts {
		first, last := &b.points[s.from], &b.points[s.to-1]
		from, length := first.T, last.T+last.Length-first.T
		if thinned {
			p.X = append(p.X, from+length/4, from+length*3/4)
		} else {
			p.X = append(p.X, from+length/2)
		}
	}
	for i := range charts {
		c := &charts[i]
		if c.series == nil {
			continue
		}
		d := plot{ID: c.ID, Log: c.axis.log, Low: c.axis.low, High: c.axis.high, Ticks: slices.Sorted(slices.Values(c.axis.ticks))}
		if c.Limit != nil {
			d.Limit = &plotLimit{c.limitAt, c.Limit.Label}
		}
		for _, s := range c.series {
			if s.hidden {
				continue
			}
			line := plotSeries{Class: s.class, Filled: s.filled, Dashed: s.dashed, Values: s.values}
			if thinned {
				line.Values = nil
				for _, part := range parts {
					l, h, ok := extremes(s.values, part)
					if !ok {
						line.Values = append(line.Values, math.NaN(), math.NaN())
						continue
					}
					line.Values = append(line.Values, s.values[min(l, h)], s.values[max(l, h)])
				}
			}
			d.Series = append(d.Series, line)
		}
		p.Charts = append(p.Charts, d)
	}
	for _, band := range b.bands {
		p.Bands = append(p.Bands, plotBand{band.Class, band.from * b.end, band.to * b.end})
	}
	for _, m := range b.marks {
		p.Marks = append(p.Marks, plotMark{m.at, m.Flag})
	}
	text, err := json.Marshal(p) // which escapes <, > and &
	if err != nil {
		return "null"
	}
	return template.JS(text)
}

// A spark is an endpoint's P95 over time, and when it failed.
type spark struct{ Line, Fails, Label string }

// newSpark is nil where nothing is known of the endpoint's course.
func newSpark(c *run.Course) *spark {
	if c == nil || len(c.P95) == 0 {
		return nil
	}
	values := make([]float64, len(c.P95))
	xs := make([]float64, len(c.P95))
	for i, v := range c.P95 {
		values[i], xs[i] = math.NaN(), (float64(i)+.5)/float64(len(c.P95))
		if v != nil && !math.IsInf(*v, 0) {
			values[i] = *v
		}
	}
	s := &spark{Label: "no request succeeded"}
	if l, h, ok := extremes(values, stretch{0, len(values)}); ok {
		s.Line = path(xs, values, axis{high: values[h] * 1.1})
		s.Label = "P95 from " + decimal(values[l]) + " to " + decimal(values[h]) + " ms"
	}
	bad, step := 0, 10000/float64(len(values))
	for i := range min(len(c.Failed), len(c.Requests), len(values)) {
		if c.Failed[i] <= 0 || c.Requests[i] <= 0 {
			continue
		}
		bad++
		height := max(150, min(1000, float64(c.Failed[i])/float64(c.Requests[i])*1000))
		x, w := strconv.Itoa(int(float64(i)*step)), strconv.Itoa(max(1, int(step)))
		s.Fails += "M" + x + " 1000v-" + strconv.Itoa(int(height)) + "h" + w + "V1000z"
	}
	if bad > 0 {
		s.Label += "; failures in " + strconv.Itoa(bad) + " of " + strconv.Itoa(len(values)) + " columns"
	}
	return s
}
