package report

import (
	"math"
	"strconv"
)

// An axis maps values to the height of a chart: 0 at the top, 1 at the bottom.
type axis struct {
	low, high float64
	log       bool
	ticks     []float64
}

// linear is an axis from 0 to at least high, with about four ticks.
func linear(high float64) axis {
	if !(high > 0) || math.IsInf(high, 0) {
		high = 1
	}
	step := niceStep(high / 4)
	a := axis{high: math.Ceil(high/step-1e-9) * step}
	for i := 0; float64(i)*step <= a.high*(1+1e-9) && i < 16; i++ {
		a.ticks = append(a.ticks, float64(i)*step)
	}
	return a
}

// logarithmic is an axis over whole steps of 1, 2 and 5 that holds low and high.
func logarithmic(low, high float64) axis {
	low = max(low, 0.001)
	high = max(high, low*10)
	a := axis{low: niceFloor(low), high: niceStep(high), log: true}
	dense := math.Log10(a.high/a.low) <= 2.4
	for _, m := range []float64{1, 2, 5} {
		if m > 1 && !dense {
			break
		}
		for e := math.Floor(math.Log10(a.low)); e <= math.Ceil(math.Log10(a.high)); e++ {
			if v := m * math.Pow(10, e); v >= a.low*(1-1e-9) && v <= a.high*(1+1e-9) {
				a.ticks = append(a.ticks, v)
			}
		}
	}
	return a
}

// place is where v stands, within the axis.
func (a axis) place(v float64) float64 {
	var at float64
	if a.log {
		at = math.Log(max(v, a.low)/a.low) / math.Log(a.high/a.low)
	} else {
		at = (v - a.low) / (a.high - a.low)
	}
	if math.IsNaN(at) {
		at = 0
	}
	return 1 - min(max(at, 0), 1)
}

// niceStep is the smallest of 1, 2 and 5 times a power of ten that is no less
// than v.
func niceStep(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*base >= v*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// niceFloor is the largest of 1, 2 and 5 times a power of ten that is no more
// than v.
func niceFloor(v float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	for _, m := range []float64{5, 2} {
		if m*base <= v*(1+1e-9) {
			return m * base
		}
	}
	return base
}

// timeSteps are the distances of ticks on a time axis, in seconds.
var timeSteps = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400}

// timeTicks are the ticks of a time axis of that many seconds, at most nine.
func timeTicks(seconds float64) []float64 {
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if seconds/s <= 8 {
			step = s
			break
		}
	}
	step *= math.Ceil(max(seconds/step/8, 1))
	var ticks []float64
	for i := 0; float64(i)*step <= seconds && i < 16; i++ {
		ticks = append(ticks, float64(i)*step)
	}
	return ticks
}

// hundredths is a share of 0 to 1 in percent, for an attribute of SVG.
func hundredths(v float64) string {
	return strconv.FormatFloat(math.Round(min(max(v, 0), 1)*10000)/100, 'f', -1, 64)
}
