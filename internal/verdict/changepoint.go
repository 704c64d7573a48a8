package verdict

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Pettitt finds the place at which x is most likely to have changed its level:
// the last index before the change, and K, the largest |U|. It is O(n log n)
// but for the ranks' sort.
//
// A. N. Pettitt, "A non-parametric approach to the change-point problem",
// Applied Statistics 28 (1979) 126-135; U by ranks: his equation 2.3.
func Pettitt(x []float64) (at int, k float64) {
	n, sum := float64(len(x)), 0.0
	for i, r := range ranks(x) {
		sum += r
		if u := math.Abs(2*sum - float64(i+1)*(n+1)); u > k {
			at, k = i, u
		}
	}
	return at, k
}

// PettittP is the p-value of a Pettitt K among n values, by the source's
// approximation, K being divided by the root of inflation (see Inflation) where
// the values depend on each other.
func PettittP(k float64, n int, inflation float64) float64 {
	m := float64(n)
	return math.Min(1, 2*math.Exp(-6*k*k/inflation/(m*m*m+m*m)))
}

const (
	segmentLeast = 5    // windows on each side of a shift
	shiftLevel   = 0.01 // of the test for one
)

// shifts are the indexes at which x comes to a new level, in order, by binary
// segmentation: the most likely place is tested, and, where it is one, both sides
// of it are. material says whether the step between two levels is worth a name.
func shifts(x []float64, material func(before, after float64) bool) []int {
	var out []int
	var split func(from, to int)
	split = func(from, to int) {
		part := x[from:to]
		if len(part) < 2*segmentLeast {
			return
		}
		last, k := Pettitt(part)
		cut := last + 1
		if cut < segmentLeast || len(part)-cut < segmentLeast {
			return
		}
		before, after := median(part[:cut]), median(part[cut:])
		rest := make([]float64, len(part)) // without the step
		for i, v := range part {
			rest[i] = v - before
			if i >= cut {
				rest[i] = v - after
			}
		}
		inflation := careful(rest)
		p := min(PettittP(k, len(part), inflation), stepP(after-before, rest, cut, inflation))
		if p > shiftLevel || !material(before, after) {
			return
		}
		split(from, from+cut)
		out = append(out, from+cut)
		split(from+cut, to)
	}
	split(0, len(x))
	return out
}

// stepP is the p-value of a step of that size between two medians, the place
// having been sought (Bonferroni): by Student's t, with the spread of the rest
// (1.48 median absolute deviations, and 1.25 for a median's efficiency) and as
// many degrees of freedom as the dependence leaves. Ranks alone cannot tell a step
// of ten deviations from one of three, and are hard pressed where one value is
// like the next.
func stepP(step float64, rest []float64, cut int, inflation float64) float64 {
	size := make([]float64, len(rest))
	for i, v := range rest {
		size[i] = math.Abs(v)
	}
	n, n1 := float64(len(rest)), float64(cut)
	spread := 1.4826 * median(size) * 1.2533 * math.Sqrt(inflation*(1/n1+1/(n-n1)))
	freedom := n/inflation - 2
	if spread <= 0 || freedom < 1 {
		return 1
	}
	t := distuv.StudentsT{Sigma: 1, Nu: freedom}
	return min(1, 2*n*t.Survival(math.Abs(step)/spread))
}

// careful is Inflation, never under 1, and no less than what a first-order
// process has whose correlation of neighbours is that of x, freed of the bias
// that so few values have: significant lags alone, of a series that has been
// fitted, come out too small.
func careful(x []float64) float64 {
	n := float64(len(x))
	if n < 4 {
		return 1
	}
	// M. H. Quenouille / F. H. C. Marriott and J. A. Pope, "Bias in the estimation
	// of autocorrelations", Biometrika 41 (1954) 390-402: E r = rho - (1 + 4 rho)/n.
	r := (n*autocorrelation(ranks(x))[0] + 1) / (n - 4)
	r = min(max(r, 0), .9)
	return max(1, Inflation(x), (1+r)/(1-r))
}
