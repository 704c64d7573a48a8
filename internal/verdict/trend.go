package verdict

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// MannKendall is the statistic S of the Mann-Kendall test for a monotone trend
// of x in the order given, and its variance for values that do not depend on each
// other, ties allowed for. It is O(n^2).
//
// H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945)
// 245-259; M. G. Kendall, "Rank Correlation Methods" (4th edition, 1975), 4.2.
func MannKendall(x []float64) (s, variance float64) {
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			s += sign(x[j] - x[i])
		}
	}
	n := float64(len(x))
	variance = n * (n - 1) * (2*n + 5)
	for _, t := range ties(x) {
		variance -= t * (t - 1) * (2*t + 5)
	}
	return s, variance / 18
}

// TrendP is the two-sided p-value of a Mann-Kendall S with the given variance,
// by the normal distribution with the correction for continuity; 1 where the
// variance is 0.
func TrendP(s, variance float64) float64 {
	if variance <= 0 || s == 0 {
		return 1
	}
	z := (math.Abs(s) - 1) / math.Sqrt(variance)
	return math.Min(1, 2*distuv.UnitNormal.Survival(z))
}

// Inflation is by how much the dependence of each value on those before it
// enlarges the variance of S (n/n* of the source), from the autocorrelation of
// the ranks of x, which must have been freed from its trend. Lags whose
// correlation is within the 95 % bounds of chance are left out, as the source
// does. It may be under 1, where neighbours differ more than chance would have it.
//
// K. H. Hamed and A. R. Rao, "A modified Mann-Kendall trend test for
// autocorrelated data", Journal of Hydrology 204 (1998) 182-196, equation 14.
func Inflation(x []float64) float64 {
	n := float64(len(x))
	if n < 4 {
		return 1
	}
	bound, sum := distuv.UnitNormal.Quantile(.975)/math.Sqrt(n), 0.0
	for lag, r := range autocorrelation(ranks(x)) {
		if k := float64(lag + 1); math.Abs(r) > bound {
			sum += (n - k) * (n - k - 1) * (n - k - 2) * r
		}
	}
	return 1 + 2/(n*(n-1)*(n-2))*sum
}

// autocorrelation is that of x at the lags 1 to n-1; zeros where x is constant.
func autocorrelation(x []float64) []float64 {
	mean, squares := 0.0, 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x)) // exact where x are ranks that are all alike
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	out := make([]float64, max(len(x)-1, 0))
	if squares <= 0 {
		return out
	}
	for lag := 1; lag < len(x); lag++ {
		for i := lag; i < len(x); i++ {
			out[lag-1] += (x[i] - mean) * (x[i-lag] - mean)
		}
		out[lag-1] /= squares
	}
	return out
}

// A Line is x = Start + Slope*t.
type Line struct{ Start, Slope float64 }

func (l Line) at(t float64) float64 { return l.Start + l.Slope*t }

// TheilSen is the line whose slope is the median of the slopes of all pairs, and
// the interval of that slope from the ranks that variance, which is that of
// Mann-Kendall's S, leaves open; each bound alone errs with probability a. The
// line goes through the medians of t and x. t must not all be alike.
//
// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau",
// JASA 63 (1968) 1379-1389; W. J. Conover, "Practical Nonparametric Statistics"
// (3rd edition, 1999), 5.5.
func TheilSen(t, x []float64, variance, a float64) (Line, Interval) {
	var slopes []float64
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			if t[j] != t[i] {
				slopes = append(slopes, (x[j]-x[i])/(t[j]-t[i]))
			}
		}
	}
	if len(slopes) == 0 {
		return Line{}, Interval{math.Inf(-1), math.Inf(1)}
	}
	slices.Sort(slopes)
	n := float64(len(slopes))
	half := distuv.UnitNormal.Quantile(1-a) * math.Sqrt(variance)
	low := max(int(math.RoundToEven((n-half)/2))-1, 0)
	high := min(int(math.RoundToEven((n+half)/2)), len(slopes)-1)
	slope := middle(slopes)
	return Line{median(x) - slope*median(t), slope}, Interval{slopes[low], slopes[high]}
}

// withoutParabola is what is left of x without its parabola of least squares: a
// trend is seldom a straight line, and what a line leaves of a curve looks like
// dependence.
func withoutParabola(t, x []float64) []float64 {
	rest := append([]float64(nil), x...)
	var basis [][]float64
	for power := range 3 { // made orthogonal one by one
		b := make([]float64, len(t))
		for i := range t {
			b[i] = math.Pow((t[i]-t[0])/(t[len(t)-1]-t[0]), float64(power))
		}
		for _, other := range basis {
			subtract(b, other)
		}
		basis = append(basis, b)
		subtract(rest, b)
	}
	return rest
}

// subtract takes from x what of it lies along b.
func subtract(x, b []float64) {
	product, square := 0.0, 0.0
	for i := range x {
		product += x[i] * b[i]
		square += b[i] * b[i]
	}
	if square < 1e-12 {
		return
	}
	for i := range x {
		x[i] -= product / square * b[i]
	}
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// ties are the sizes of the groups of equal values of x.
func ties(x []float64) []float64 {
	var out []float64
	sorted := slices.Sorted(slices.Values(x))
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		out = append(out, float64(j-i))
		i = j
	}
	return out
}

// ranks are those of x from 1, equal values sharing the mean of theirs.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return int(sign(x[i] - x[j])) })
	out := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			out[at] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}

// median is that of x, which may be in any order; NaN where there is none.
func median(x []float64) float64 { return middle(slices.Sorted(slices.Values(x))) }

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
