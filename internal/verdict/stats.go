package verdict

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// alpha is the error of every one-sided statement that lt makes: "shown to hold"
// and "shown to be broken" are each wrong in 5 of 100 runs whose true value lies
// on the limit. An interval drawn beside a value is therefore a 90 % one.
const alpha = 0.05

// level is alpha, split evenly over the looks at the run (Bonferroni): whichever
// of them decides, the error is at most alpha in all.
func (e *Evidence) level() float64 { return alpha / float64(max(e.Looks, 1)) }

// minBlocks is the fewest blocks whose spread says anything.
const minBlocks = 5

// BlockLength is the length of the blocks, in whole seconds, into which a
// measured window is best cut: 5 s or a sixtieth of the window, for blocks should
// be long against what one request's latency says of the next one's, and shorter
// in a window under 30 s, for less than 5 blocks tell nothing and 6 tell a little.
func BlockLength(window time.Duration) time.Duration {
	sixth := max(window/6, time.Second)
	return max(min(5*time.Second, sixth), window/60).Truncate(time.Second)
}

// An Interval is a range that holds the true value, at the confidence that the
// function that made it names.
type Interval struct{ Low, High float64 }

// A Cluster is K of N, counted in one block.
type Cluster struct{ K, N int64 }

// Wilson is the interval of a share of which k of n were seen; each bound alone
// errs with probability a. It is the inverse of the score test of a binomial
// share, so that High <= p exactly when that test rejects a share of p or more.
// k and n may be effective numbers (divided by a design effect).
//
// E. B. Wilson, "Probable inference, the law of succession, and statistical
// inference", JASA 22 (1927) 209-212; R. G. Newcombe, "Two-sided confidence
// intervals for the single proportion", Statistics in Medicine 17 (1998)
// 857-872, method 3.
func Wilson(k, n, a float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	z := zQuantile(1 - a)
	p, zz := k/n, z*z
	mid := p + zz/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+zz/(4*n*n))
	return Interval{max(0, (mid-half)/(1+zz/n)), min(1, (mid+half)/(1+zz/n))}
}

// ClopperPearson is the exact interval of a share of which k of n were seen;
// each bound alone errs with probability a at most. k and n may be effective
// numbers (Korn and Graubard 1998).
//
// C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits
// illustrated in the case of the binomial", Biometrika 26 (1934) 404-413; by the
// Beta quantile: Newcombe 1998, method 5.
func ClopperPearson(k, n, a float64) Interval {
	if n <= 0 {
		return Interval{0, 1}
	}
	in := Interval{0, 1}
	switch { // the closed forms, where one of the Beta's parameters is 1
	case k <= 0:
		in.High = -math.Expm1(math.Log(a) / n)
		return in
	case k >= n:
		in.Low = math.Exp(math.Log(a) / n)
		return in
	}
	in.Low = distuv.Beta{Alpha: k, Beta: n - k + 1}.Quantile(a)
	in.High = distuv.Beta{Alpha: k + 1, Beta: n - k}.Quantile(1 - a)
	return in
}

// AtLeast is the probability of k or more successes in n trials of probability
// p: the p-value of "k of n is no more than a share of p". k and n may be
// effective numbers. It is the regularised incomplete beta function (Abramowitz
// and Stegun 26.5.24).
func AtLeast(k, n, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	return distuv.Beta{Alpha: k, Beta: n - k + 1}.CDF(p)
}

// AtMost is the probability of k or fewer successes in n trials of probability p.
func AtMost(k, n, p float64) float64 { return AtLeast(n-k, n, 1-p) }

// DesignEffect is by how much the variance of the overall share exceeds that of
// as many independent requests: the variance of a ratio estimated from whole
// blocks, over the binomial one. n requests tell as much as n/DesignEffect
// independent ones. It is at least 1; ok is false, and the effect 1, where the
// blocks do not tell: fewer than 5 hold requests, or K is 0 or N in all.
//
// L. Kish, "Survey Sampling" (1965) section 8.2; W. G. Cochran, "Sampling
// Techniques" (3rd edition, 1977) section 9A.1 for the variance of the ratio of
// clusters of unequal size.
func DesignEffect(blocks []Cluster) (effect float64, ok bool) {
	var k, n, used float64
	for _, b := range blocks {
		k += float64(b.K)
		n += float64(b.N)
		if b.N > 0 {
			used++
		}
	}
	if used < minBlocks || k <= 0 || k >= n {
		return 1, false
	}
	p, sum := k/n, 0.0
	for _, b := range blocks {
		d := float64(b.K) - p*float64(b.N)
		sum += d * d
	}
	effect = used / (used - 1) * sum / (n * p * (1 - p))
	return min(max(effect, 1), n), true
}

// Woodruff is the band of ranks, of n values in rising order, between which the
// q-quantile lies; each bound alone errs with probability a. It inverts the band
// of the distribution function at q with the given design effect, and so agrees
// with Wilson's verdict on the share above a limit: the value of rank high is
// within the limit exactly when the share above is shown to be at most 1-q, and
// that of rank low exceeds it exactly when the share is shown to be more. low
// under 1 or high over n means that n values are too few for that bound.
//
// R. S. Woodruff, "Confidence intervals for medians and other position
// measures", JASA 47 (1952) 635-646.
func Woodruff(q, n, effect, a float64) (low, high float64) {
	half := zQuantile(1-a) * math.Sqrt(q*(1-q)*n*effect)
	return math.Floor(q*n-half) + 1, math.Ceil(q*n + half)
}

// OrderRanks is Woodruff for independent values, exact: the ranks by the
// binomial distribution (H. A. David and H. N. Nagaraja, "Order Statistics", 3rd
// edition, 2003, section 7.1). It agrees with ClopperPearson's verdicts.
func OrderRanks(q, n, a float64) (low, high float64) {
	above := 1 - q
	// The most values above a limit that still show a share of at most 1-q.
	few := search(0, n, func(k float64) bool { return AtMost(k, n, above) > a }) - 1
	// The fewest that show a share of more than that.
	many := search(0, n+1, func(k float64) bool { return AtLeast(k, n, above) <= a })
	return n - many + 1, n - few
}

// search is the smallest whole number from low up to high for which f holds; f
// must not fall back to false. It is high when f never holds below.
func search(low, high float64, f func(float64) bool) float64 {
	for low < high {
		mid := math.Floor((low + high) / 2)
		if f(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// RatioInterval is the interval of sum(y)/sum(x) over blocks, by Student's t with
// the variance of a ratio (Cochran 1977, section 6.4): y may be requests and x
// seconds. Where all x are 1 it is the interval of a mean. Each bound alone errs
// with probability a; ok is false for fewer than 5 blocks with x > 0.
func RatioInterval(y, x []float64, a float64) (in Interval, ok bool) {
	var sumY, sumX, squares, used float64
	for i := range x {
		sumY += y[i]
		sumX += x[i]
		if x[i] > 0 {
			used++
		}
	}
	if used < minBlocks {
		return Interval{}, false
	}
	r := sumY / sumX
	for i := range x {
		d := y[i] - r*x[i]
		squares += d * d
	}
	half := tQuantile(1-a, used-1) * math.Sqrt(squares*used/(used-1)) / sumX
	return Interval{r - half, r + half}, true
}

func zQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }

func tQuantile(p, freedom float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(p)
}

// Holm adjusts the p-values of several tests, in the order given: a test is
// significant at level a when its adjusted value is at most a, and the
// probability of even one false alarm among all of them is at most a.
//
// S. Holm, "A simple sequentially rejective multiple test procedure",
// Scandinavian Journal of Statistics 6 (1979) 65-70.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case p[i] < p[j]:
			return -1
		case p[i] > p[j]:
			return 1
		}
		return 0
	})
	adjusted, highest := make([]float64, len(p)), 0.0
	for rank, i := range order {
		highest = max(highest, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = highest
	}
	return adjusted
}

// MinimumRequests is how many requests show, without a single bad one, that the
// share of bad ones is at most limit: the smallest n with (1-limit)^n <= 5 %. It
// is 1 for a limit of 1 and more, and 0 (no number) for a limit of 0.
func MinimumRequests(limit float64) int64 { return minimumRequests(limit, alpha) }

func minimumRequests(limit, a float64) int64 {
	switch {
	case limit <= 0:
		return 0
	case limit >= 1:
		return 1
	}
	return int64(math.Ceil(math.Log(a)/math.Log1p(-limit) - 1e-9))
}
