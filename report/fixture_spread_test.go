package report

import (
	"math"

	"github.com/seed-42693903/lt/internal/run"
)

// dispersed gives a fixture the percentile curves, the heat map and the courses
// that fit its timeline: response times that are lognormal in each second.
func dispersed(r *run.Result) *run.Result {
	if len(r.Timeline) == 0 {
		return r
	}
	last := r.Timeline[len(r.Timeline)-1]
	width := 1.0
	for last.T/width >= 60 {
		width *= 2
	}
	columns := int(last.T/width) + 1
	h := &run.Heatmap{Width: width}
	const rows, low = 32, .5 // ms
	for i := range rows + 1 {
		h.Edges = append(h.Edges, math.Round(low*math.Exp2(float64(i)/2.2)*1000)/1000)
	}
	requests, failed := make([]int64, columns), make([]int64, columns)
	p95 := make([]*float64, columns)
	for range columns {
		h.Columns = append(h.Columns, make([]int64, rows))
	}
	share := make([]float64, rows+1)
	total, sum := 0.0, make([]float64, rows)
	for _, p := range r.Timeline {
		c := int(p.T / width)
		requests[c] += p.Requests
		failed[c] += p.Failed
		if p.P50 == nil {
			continue
		}
		p95[c] = p.P95
		sigma := math.Log(*p.P95 / *p.P50) / 1.645
		for i, e := range h.Edges {
			share[i] = .5 * (1 + math.Erf(math.Log(e / *p.P50)/sigma/math.Sqrt2))
		}
		for i := range rows {
			n := (share[i+1] - share[i]) * float64(p.Requests-p.Failed)
			h.Columns[c][i] += int64(math.Round(n))
			sum[i] += n
			total += n
		}
	}
	r.Heatmap = h
	d := &run.Distribution{}
	for i := range 41 {
		q := 1 - math.Pow(10, -float64(i)/10)
		acc := 0.0
		for k := range rows {
			if acc += sum[k]; acc >= q*total {
				part := 1 - (acc-q*total)/max(sum[k], 1e-9)
				d.Success = append(d.Success, run.Quantile{Q: math.Round(q*1e6) / 1e6, MS: math.Round(1000*h.Edges[k]*math.Pow(h.Edges[k+1]/h.Edges[k], part)) / 1000})
				break
			}
		}
	}
	if r.Totals.Failed > 100 {
		for i := range 30 {
			d.Failed = append(d.Failed, run.Quantile{Q: math.Round((1-math.Pow(10, -float64(i)/10))*1e6) / 1e6, MS: 1.1 + float64(i*i)/90})
		}
	}
	r.Distribution = d
	for i := range r.Endpoints {
		e := &r.Endpoints[i]
		if e.Requests == 0 {
			continue
		}
		c := &run.Course{Width: width}
		for k := range columns {
			n := requests[k] * e.Requests / max(r.Totals.Requests, 1)
			bad := min(n, failed[k]*e.Failed/max(r.Totals.Failed, 1))
			if e.Failed == e.Requests {
				bad = n
			}
			c.Requests, c.Failed = append(c.Requests, n), append(c.Failed, bad)
			v := p95[k]
			if n == bad {
				v = nil
			} else if v != nil {
				v = at(math.Round(*v*(.5+float64((i*7+k*3)%11)/10)*100) / 100)
			}
			c.P95 = append(c.P95, v)
		}
		e.Timeline = c
	}
	return r
}
