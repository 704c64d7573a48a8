package verdict

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// The references of this file are computed by other means than the code under
// test: tails of the binomial distribution by summing them term by term with 200
// bits, their inverses by bisection, Student's distribution by integration, and
// Holm's procedure by the closed test that it is a shortcut of.

const prec = 200

func bigFloat(v float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(v) }

// tail is P(X >= k) for n trials of probability p.
func tail(k, n int64, p *big.Float) *big.Float {
	k = max(k, 0)
	sum := bigFloat(0)
	if k > n {
		return sum
	}
	q := new(big.Float).SetPrec(prec).Sub(bigFloat(1), p)
	odds := new(big.Float).SetPrec(prec).Quo(p, q)
	term := new(big.Float).SetPrec(prec).SetInt(new(big.Int).Binomial(n, k))
	term.Mul(term, power(p, k)).Mul(term, power(q, n-k))
	for i := k; i <= n; i++ {
		sum.Add(sum, term)
		term.Mul(term, odds).Mul(term, bigFloat(float64(n-i))).Quo(term, bigFloat(float64(i+1)))
	}
	return sum
}

func power(x *big.Float, n int64) *big.Float {
	result, base := bigFloat(1), new(big.Float).SetPrec(prec).Set(x)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result.Mul(result, base)
		}
		base.Mul(base, base)
	}
	return result
}

// bisect is the x in (low, high) where the rising f passes target.
func bisect(low, high, target float64, f func(x *big.Float) *big.Float) float64 {
	a, b, goal := bigFloat(low), bigFloat(high), bigFloat(target)
	for range 50 {
		mid := new(big.Float).SetPrec(prec).Add(a, b)
		mid.Quo(mid, bigFloat(2))
		if f(mid).Cmp(goal) < 0 {
			a = mid
		} else {
			b = mid
		}
	}
	v, _ := a.Float64()
	return v
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %.12g, want %.12g (off by %.2g)", what, got, want, got-want)
	}
}

// counts are the samples that the intervals are tested on.
var counts = []struct{ k, n int64 }{
	{0, 1},
	{1, 1},
	{0, 20},
	{1, 29},
	{15, 148},
	{81, 263},
	{5, 10},
	{9, 10},
	{20, 20},
	{3, 1000},
	{10, 431},
	{40, 800},
	{0, 59},
	{0, 299},
	{1, 473},
	{2, 300},
	{997, 1000},
	{60, 2000},
	{7, 7},
	{1, 2},
	{299, 300},
	{123, 456},
}

func TestClopperPearson(t *testing.T) {
	// Newcombe 1998, table I, method 5, two-sided 95 %.
	published := []struct{ k, n, low, high float64 }{
		{81, 263, .2527, .3676}, {15, 148, .0578, .1617}, {0, 20, 0, .1684}, {1, 29, .0009, .1776},
	}
	for _, v := range published {
		in := ClopperPearson(v.k, v.n, .025)
		near(t, fmt.Sprintf("%v of %v low", v.k, v.n), in.Low, v.low, 5e-5)
		near(t, fmt.Sprintf("%v of %v high", v.k, v.n), in.High, v.high, 5e-5)
	}
	for _, c := range counts {
		for _, a := range []float64{.05, .005} {
			in := ClopperPearson(float64(c.k), float64(c.n), a)
			want := Interval{0, 1}
			if c.k > 0 {
				want.Low = bisect(0, 1, a, func(p *big.Float) *big.Float { return tail(c.k, c.n, p) })
			}
			if c.k < c.n { // P(X <= k) = a where P(X >= k+1) = 1-a
				want.High = bisect(0, 1, 1-a, func(p *big.Float) *big.Float { return tail(c.k+1, c.n, p) })
			}
			near(t, fmt.Sprintf("%d of %d at %v low", c.k, c.n, a), in.Low, want.Low, 1e-9)
			near(t, fmt.Sprintf("%d of %d at %v high", c.k, c.n, a), in.High, want.High, 1e-9)
		}
	}
}

func TestWilson(t *testing.T) {
	// Newcombe 1998, table I, method 3, two-sided 95 %.
	published := []struct{ k, n, low, high float64 }{
		{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718},
	}
	for _, v := range published {
		in := Wilson(v.k, v.n, .025)
		near(t, fmt.Sprintf("%v of %v low", v.k, v.n), in.Low, v.low, 5e-5)
		near(t, fmt.Sprintf("%v of %v high", v.k, v.n), in.High, v.high, 5e-5)
	}
	// The bounds are where the score test turns: (k - n p)^2 = z^2 n p (1-p).
	zz := bigFloat(1.644853626951472714863848907991632136083)
	zz.Mul(zz, zz)
	for _, c := range counts {
		score := func(p *big.Float) *big.Float {
			d := new(big.Float).SetPrec(prec).Mul(p, bigFloat(float64(c.n)))
			d.Sub(d, bigFloat(float64(c.k)))
			v := new(big.Float).SetPrec(prec).Sub(bigFloat(1), p)
			v.Mul(v, p).Mul(v, bigFloat(float64(c.n))).Mul(v, zz)
			return d.Mul(d, d).Sub(d, v) // over 0 outside of the interval
		}
		minus := func(p *big.Float) *big.Float { s := score(p); return s.Neg(s) }
		p := float64(c.k) / float64(c.n)
		in, want := Wilson(float64(c.k), float64(c.n), .05), Interval{0, 1}
		if c.k > 0 {
			want.Low = bisect(0, p, 0, minus)
		}
		if c.k < c.n {
			want.High = bisect(p, 1, 0, score)
		}
		near(t, fmt.Sprintf("%d of %d low", c.k, c.n), in.Low, want.Low, 1e-9)
		near(t, fmt.Sprintf("%d of %d high", c.k, c.n), in.High, want.High, 1e-9)
	}
}

func TestTails(t *testing.T) {
	for _, c := range counts {
		for _, p := range []float64{.001, .01, .05, .3, .9} {
			want, _ := tail(c.k, c.n, bigFloat(p)).Float64()
			near(t, fmt.Sprintf("at least %d of %d at %v", c.k, c.n, p), AtLeast(float64(c.k), float64(c.n), p), want, 1e-9)
			want, _ = tail(c.k+1, c.n, bigFloat(p)).Float64()
			near(t, fmt.Sprintf("at most %d of %d at %v", c.k, c.n, p), AtMost(float64(c.k), float64(c.n), p), 1-want, 1e-9)
		}
	}
}

func TestMinimumRequests(t *testing.T) {
	// Published: the "rule of 59", 299 and 2,995 (distribution-free tolerance
	// limits, S. S. Wilks 1941).
	for limit, want := range map[float64]int64{.05: 59, .01: 299, .001: 2995, .0001: 29956, .1: 29, .5: 5, .25: 11, .005: 598, .02: 149, .03: 99, .04: 74, 1: 1} {
		got := MinimumRequests(limit)
		if got != want {
			t.Errorf("limit %v: %d, want %d", limit, got, want)
		}
		if limit < 1 {
			q := bigFloat(1 - limit)
			enough, _ := power(q, got).Float64()
			short, _ := power(q, got-1).Float64()
			if enough > .05+1e-12 || short <= .05 {
				t.Errorf("limit %v: %d requests leave %v, one less %v", limit, got, enough, short)
			}
		}
	}
	if MinimumRequests(0) != 0 {
		t.Error("no number of requests shows that nothing ever fails")
	}
}

func TestDesignEffect(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		blocks := make([]Cluster, 5+random.IntN(20))
		for b := range blocks {
			blocks[b].N = 1 + random.Int64N(500)
			blocks[b].K = random.Int64N(blocks[b].N + 1)
		}
		got, ok := DesignEffect(blocks)
		near(t, fmt.Sprintf("sample %d", i), got, exactEffect(blocks), 1e-9*got)
		if !ok {
			t.Errorf("sample %d: not told", i)
		}
	}
	tests := []struct {
		name   string
		blocks []Cluster
		want   float64
		ok     bool
	}{
		// Ten blocks of 100, all bad or all good: 100 requests tell as one, but for
		// the 10/9 of the sample's variance.
		{"whole blocks", alternate(10, Cluster{100, 100}, Cluster{0, 100}), 1000. / 9, true},
		{"evenly spread: never under 1", alternate(10, Cluster{5, 100}), 1, true},
		{"four blocks", alternate(4, Cluster{1, 100}, Cluster{9, 100}), 1, false},
		{"four blocks that hold requests", append(alternate(4, Cluster{1, 100}, Cluster{9, 100}), Cluster{}, Cluster{}), 1, false},
		{"none bad", alternate(10, Cluster{0, 100}), 1, false},
		{"all bad", alternate(10, Cluster{100, 100}), 1, false},
		{"none", nil, 1, false},
	}
	for _, tt := range tests {
		got, ok := DesignEffect(tt.blocks)
		near(t, tt.name, got, tt.want, 1e-9)
		if ok != tt.ok {
			t.Errorf("%s: ok %v", tt.name, ok)
		}
	}
}

func alternate(n int, of ...Cluster) []Cluster {
	blocks := make([]Cluster, n)
	for i := range blocks {
		blocks[i] = of[i%len(of)]
	}
	return blocks
}

// exactEffect is the definition in fractions: the variance of the ratio over the
// binomial one.
func exactEffect(blocks []Cluster) float64 {
	k, n := new(big.Rat), new(big.Rat)
	for _, b := range blocks {
		k.Add(k, big.NewRat(b.K, 1))
		n.Add(n, big.NewRat(b.N, 1))
	}
	p, sum := new(big.Rat).Quo(k, n), new(big.Rat)
	for _, b := range blocks {
		d := new(big.Rat).Sub(big.NewRat(b.K, 1), new(big.Rat).Mul(p, big.NewRat(b.N, 1)))
		sum.Add(sum, d.Mul(d, d))
	}
	variance := sum.Mul(sum, big.NewRat(int64(len(blocks)), int64(len(blocks)-1)))
	variance.Quo(variance, new(big.Rat).Mul(n, n))
	q := new(big.Rat).Sub(big.NewRat(1, 1), p)
	variance.Quo(variance, q.Mul(q, p).Quo(q, n))
	v, _ := variance.Float64()
	return max(v, 1)
}

// TestRanks holds both bands of ranks to their promise: the value of rank high is
// within a limit exactly when the share above the limit is shown to be small
// enough, that of rank low is beyond it exactly when it is shown to be too large.
func TestRanks(t *testing.T) {
	for _, n := range []float64{1, 5, 20, 59, 60, 93, 100, 299, 1000, 4321} {
		for _, q := range []float64{.5, .9, .95, .99} {
			low, high := OrderRanks(q, n, alpha)
			checkRanks(t, fmt.Sprintf("exact, n %v, q %v", n, q), low, high, n, func(k float64) Interval { return ClopperPearson(k, n, alpha) }, tidy(1-q))
			for _, effect := range []float64{1, 3.7} {
				low, high := Woodruff(q, n, effect, alpha)
				checkRanks(t, fmt.Sprintf("effect %v, n %v, q %v", effect, n, q), low, high, n, func(k float64) Interval { return Wilson(k/effect, n/effect, alpha) }, tidy(1-q))
			}
		}
	}
}

func checkRanks(t *testing.T, what string, low, high, n float64, interval func(k float64) Interval, limit float64) {
	t.Helper()
	few, many := -1.0, n+1
	for k := 0.0; k <= n; k++ {
		in := interval(k)
		if in.High <= limit {
			few = k
		}
		if in.Low > limit && many > n {
			many = k
		}
	}
	if want := n - few; high != want && !(high > n && want > n) {
		t.Errorf("%s: high %v, want %v", what, high, want)
	}
	if want := n - many + 1; low != want && !(low < 1 && want < 1) {
		t.Errorf("%s: low %v, want %v", what, low, want)
	}
}

// TestOrderRanksPublished has the sample minimums of distribution-free bounds:
// the largest of n values bounds the q-quantile from n = 59 and 299 on.
func TestOrderRanksPublished(t *testing.T) {
	for _, tt := range []struct{ q, n, high float64 }{
		{.95, 58, 59},
		{.95, 59, 59},
		{.95, 92, 92},
		{.95, 93, 92},
		{.95, 123, 122},
		{.95, 124, 122},
		{.99, 298, 299},
		{.99, 299, 299},
		{.99, 472, 472},
		{.99, 473, 472},
		{.9, 29, 29},
		{.9, 45, 45},
		{.9, 46, 45},
	} {
		if _, high := OrderRanks(tt.q, tt.n, alpha); high != tt.high {
			t.Errorf("q %v, n %v: rank %v, want %v", tt.q, tt.n, high, tt.high)
		}
	}
}

func TestStudent(t *testing.T) {
	// Published in every table of Student's distribution.
	for _, v := range []struct{ p, freedom, want float64 }{
		{.95, 1, 6.313751514675},
		{.95, 2, 2.919985580354},
		{.95, 4, 2.131846786327},
		{.95, 9, 1.833112932653},
		{.95, 19, 1.729132811521},
		{.95, 59, 1.671093032},
		{.975, 4, 2.776445105198},
		{.975, 10, 2.228138851965},
	} {
		near(t, fmt.Sprintf("t %v of %v", v.p, v.freedom), tQuantile(v.p, v.freedom), v.want, 1e-8)
	}
	// By integrating the density from 0 (Simpson's rule).
	for freedom := 1.0; freedom <= 60; freedom += 4 {
		x := tQuantile(.95, freedom)
		a, _ := math.Lgamma((freedom + 1) / 2)
		b, _ := math.Lgamma(freedom / 2)
		density := func(x float64) float64 {
			return math.Exp(a-b) / math.Sqrt(freedom*math.Pi) * math.Pow(1+x*x/freedom, -(freedom+1)/2)
		}
		const steps = 20000
		sum := density(0) + density(x)
		for i := 1; i < steps; i++ {
			sum += density(x*float64(i)/steps) * float64(2+2*(i%2))
		}
		near(t, fmt.Sprintf("t of %v degrees", freedom), .5+sum*x/steps/3, .95, 1e-9)
	}
	near(t, "normal quantile", zQuantile(1-alpha), math.Sqrt2*math.Erfinv(.9), 1e-12)
}

func TestRatioInterval(t *testing.T) {
	// A mean: 3, with s^2 = 2.5 and t = 2.1318.
	in, ok := RatioInterval([]float64{1, 2, 3, 4, 5}, []float64{1, 1, 1, 1, 1}, .05)
	near(t, "low", in.Low, 3-2.131846786326649*math.Sqrt(.5), 1e-9)
	near(t, "high", in.High, 3+2.131846786326649*math.Sqrt(.5), 1e-9)
	if !ok {
		t.Error("5 blocks are enough")
	}
	if _, ok := RatioInterval([]float64{10, 14, 9, 16, 11, 12}, []float64{1, 1, 1, 1, 0, 0}, .05); ok {
		t.Error("4 are not")
	}
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 24 {
		n := 5 + random.IntN(15)
		y, x := make([]float64, n), make([]float64, n)
		sumY, sumX := new(big.Rat), new(big.Rat)
		for j := range n {
			y[j], x[j] = float64(random.IntN(900)), float64(1+random.IntN(9))
			sumY.Add(sumY, new(big.Rat).SetFloat64(y[j]))
			sumX.Add(sumX, new(big.Rat).SetFloat64(x[j]))
		}
		r, squares := new(big.Rat).Quo(sumY, sumX), new(big.Rat)
		for j := range n {
			d := new(big.Rat).Mul(r, new(big.Rat).SetFloat64(x[j]))
			d.Sub(new(big.Rat).SetFloat64(y[j]), d)
			squares.Add(squares, d.Mul(d, d))
		}
		squares.Mul(squares, big.NewRat(int64(n), int64(n-1))).Quo(squares, sumX.Mul(sumX, sumX))
		variance, _ := squares.Float64()
		ratio, _ := r.Float64()
		got, _ := RatioInterval(y, x, .05)
		half := tQuantile(.95, float64(n-1)) * math.Sqrt(variance)
		near(t, fmt.Sprintf("sample %d low", i), got.Low, ratio-half, 1e-9)
		near(t, fmt.Sprintf("sample %d high", i), got.High, ratio+half, 1e-9)
	}
}

func TestHolm(t *testing.T) {
	// As p.adjust(c(.01, .02, .03, .04), "holm") of R.
	for i, want := range []float64{.04, .06, .06, .06} {
		near(t, "published", Holm([]float64{.01, .02, .03, .04})[i], want, 1e-12)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		p := make([]float64, 1+random.IntN(9))
		for i := range p {
			p[i] = math.Pow(random.Float64(), 3)
		}
		for i, got := range Holm(p) {
			near(t, fmt.Sprint(p, i), got, closedTest(p, i), 1e-12)
		}
	}
	if len(Holm(nil)) != 0 {
		t.Error("none")
	}
}

// closedTest is hypothesis i's adjusted p-value by the closure principle: the
// largest Bonferroni p-value of any set of hypotheses with i in it.
func closedTest(p []float64, i int) float64 {
	worst := 0.0
	for set := range 1 << len(p) {
		if set>>i&1 == 0 {
			continue
		}
		size, least := 0.0, 1.0
		for j := range p {
			if set>>j&1 == 1 {
				size++
				least = min(least, p[j])
			}
		}
		worst = max(worst, min(1, size*least))
	}
	return worst
}
