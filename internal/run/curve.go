package run

import (
	"math"

	"github.com/seed-42693903/lt/internal/metric"
)

// curveSteps are the points of a percentile curve between two nines.
const curveSteps = 10

// A Distribution is the percentile curves of the response times of the measured
// periods.
type Distribution struct {
	Success []Quantile `json:"success,omitempty"`
	Failed  []Quantile `json:"failed,omitempty"`
}

// A Quantile is one point of a percentile curve: the share q of the requests took
// no longer than so many milliseconds.
type Quantile struct {
	Q  float64 `json:"q"`
	MS float64 `json:"ms"`
}

// Curve is the percentiles of d up to P99.99, closer to each other where the tail
// is. It ends where fewer than one value lies above: what follows would be chance.
func Curve(d *metric.Dist) []Quantile {
	var out []Quantile
	for i := range 4*curveSteps + 1 {
		rest := math.Pow(10, -float64(i)/curveSteps)
		if float64(d.Count)*rest < 1-1e-9 {
			break
		}
		v := d.Quantile(1 - rest)
		if i == 0 {
			v = d.Min
		}
		out = append(out, Quantile{Q: round(1-rest, 6), MS: ms(v)})
	}
	return out
}

// distribution is the curves of the run; nil when nothing was measured.
func (c *Collector) distribution() *Distribution {
	if c.total.Response.Count+c.total.failed.Count == 0 {
		return nil
	}
	return &Distribution{Success: Curve(&c.total.Response), Failed: Curve(&c.total.failed)}
}
