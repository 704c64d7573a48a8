package verdict

import "math"

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
		if PettittP(k, len(part), careful(rest)) > shiftLevel || !material(before, after) {
			return
		}
		split(from, from+cut)
		out = append(out, from+cut)
		split(from+cut, to)
	}
	split(0, len(x))
	return out
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
