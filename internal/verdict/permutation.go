package verdict

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// maxArrangements is how many arrangements of runs a permutation test looks at
// one by one (10 runs on each side have 184,756); of more it draws sampled.
const (
	maxArrangements = 200_000
	sampled         = 20_000
)

// A Pair is one figure of each run on two sides, a first. Floor is a standard
// error below which a spread is not believed, in the unit of the figures: without
// it a figure that hardly varies would make a large statistic of a tiny
// difference.
type Pair struct {
	A, B  []float64
	Floor float64
}

// difference is mean(B) - mean(A), and its standard error by the pooled variance.
func (p *Pair) difference() (d, se float64) {
	ma, va := moments(p.A)
	mb, vb := moments(p.B)
	na, nb := float64(len(p.A)), float64(len(p.B))
	pooled := (va*(na-1) + vb*(nb-1)) / (na + nb - 2)
	return mb - ma, math.Sqrt(pooled * (1/na + 1/nb))
}

// A Permuted is what a permutation test found: for each pair the probability of a
// difference as large, if the sides did not differ, allowing for all pairs.
type Permuted struct {
	Above        []float64 // of B lying so far above A
	Below        []float64 // of B lying so far below A
	Critical     float64   // the statistic from which on a single pair would be significant at the level asked for
	Arrangements int       // that were looked at
	Exact        bool      // they are all there are
}

// Permute asks of each pair whether its sides differ. All pairs must be of the
// same runs, in the same order. The statistic is the difference of the means over
// its pooled standard error (with Floor), and its distribution that over all ways
// of giving the runs to the sides: exact, whatever the figures' own distribution.
// The p-values hold for all pairs together: Holm's step-down procedure with the
// joint distribution of the largest statistic in place of Bonferroni's bound,
// which no pair could pass with five runs on a side, for their 252 arrangements
// allow no p-value under 0.004.
//
// E. J. G. Pitman, "Significance tests which may be applied to samples from any
// populations", Supplement to the JRSS 4 (1937) 119-130; P. H. Westfall and S. S.
// Young, "Resampling-Based Multiple Testing" (1993), algorithm 4.1 (max-T).
func Permute(pairs []Pair, level float64) Permuted {
	out := Permuted{Above: make([]float64, len(pairs)), Below: make([]float64, len(pairs)), Critical: math.Inf(1)}
	if len(pairs) == 0 || len(pairs[0].A) == 0 || len(pairs[0].B) == 0 {
		return out
	}
	p := newPermutation(pairs)
	observed := make([]float64, len(pairs))
	second := make([]int, p.nb) // the runs of B
	for i := range second {
		second[i] = p.n - p.nb + i
	}
	p.statistics(second, observed)
	above, below := newStepDown(observed, 1), newStepDown(observed, -1)
	var largest []float64
	t := make([]float64, len(pairs))
	look := func(second []int) {
		p.statistics(second, t)
		largest = append(largest, above.look(t))
		below.look(t)
		out.Arrangements++
	}
	if out.Exact = binomial(p.n, p.nb) <= maxArrangements; out.Exact {
		combinations(p.n, p.nb, look)
	} else { // the observed arrangement is one of them, so that no p-value is 0
		look(second)
		random := rand.New(rand.NewPCG(uint64(p.n), uint64(p.nb)))
		order := make([]int, p.n)
		for i := range order {
			order[i] = i
		}
		for range sampled {
			random.Shuffle(p.n, func(i, j int) { order[i], order[j] = order[j], order[i] })
			look(order[:p.nb])
		}
	}
	above.adjust(out.Above, out.Arrangements)
	below.adjust(out.Below, out.Arrangements)
	slices.Sort(largest)
	if allowed := int(level * float64(len(largest))); allowed > 0 {
		out.Critical = largest[len(largest)-allowed]
	}
	return out
}

// A permutation is the runs of both sides, pair by pair.
type permutation struct {
	n, nb   int
	values  [][]float64 // of each pair: A's, then B's
	sum     []float64
	squares []float64 // about the mean of all
	floor   []float64
}

func newPermutation(pairs []Pair) *permutation {
	na, nb := len(pairs[0].A), len(pairs[0].B)
	p := &permutation{n: na + nb, nb: nb}
	for _, pair := range pairs {
		all := slices.Concat(pair.A, pair.B)
		mean, variance := moments(all)
		for i := range all {
			all[i] -= mean // so that sums do not lose their digits
		}
		sum := 0.0
		for _, v := range all {
			sum += v
		}
		p.values, p.sum = append(p.values, all), append(p.sum, sum)
		p.squares, p.floor = append(p.squares, variance*float64(p.n-1)), append(p.floor, pair.Floor)
	}
	return p
}

// statistics are those of the arrangement in which the runs at second are B's.
func (p *permutation) statistics(second []int, t []float64) {
	na, nb := float64(p.n-p.nb), float64(p.nb)
	each := 1/na + 1/nb
	for i, values := range p.values {
		sum := 0.0
		for _, j := range second {
			sum += values[j]
		}
		d := sum/nb - (p.sum[i]-sum)/na
		within := max(0, p.squares[i]-d*d/each)
		if within <= 1e-12*p.squares[i] {
			within = 0
		}
		freedom := max(float64(p.n-2), 1)
		switch se := math.Sqrt(within/freedom*each + p.floor[i]*p.floor[i]); {
		case d == 0 || p.squares[i] == 0:
			t[i] = 0
		default:
			t[i] = d / se // infinite where nothing varies within the sides
		}
	}
}

// A stepDown counts, of pairs ordered by their observed statistics, how often the
// largest of a pair's and all lesser ones is as large as the pair's own was.
type stepDown struct {
	sign     float64
	observed []float64 // times sign
	order    []int     // falling
	counts   []int     // in that order
}

func newStepDown(observed []float64, sign float64) *stepDown {
	s := &stepDown{sign: sign, counts: make([]int, len(observed))}
	for i, v := range observed {
		s.observed = append(s.observed, v*sign)
		s.order = append(s.order, i)
	}
	slices.SortStableFunc(s.order, func(i, j int) int { return cmp.Compare(s.observed[j], s.observed[i]) })
	return s
}

// look counts one arrangement, and returns its largest statistic.
func (s *stepDown) look(t []float64) float64 {
	largest := math.Inf(-1)
	for k := len(s.order) - 1; k >= 0; k-- {
		i := s.order[k]
		largest = max(largest, t[i]*s.sign)
		if o := s.observed[i]; largest >= o-1e-9*math.Abs(o) || largest >= o {
			s.counts[k]++
		}
	}
	return largest
}

// adjust writes the p-values.
func (s *stepDown) adjust(p []float64, arrangements int) {
	highest := 0.0
	for k, i := range s.order {
		highest = max(highest, float64(s.counts[k])/float64(arrangements))
		p[i] = highest
	}
}

// combinations calls f with every choice of k of the numbers under n, in order.
// f must not keep the slice.
func combinations(n, k int, f func([]int)) {
	c := make([]int, k)
	for i := range c {
		c[i] = i
	}
	for {
		f(c)
		i := k - 1
		for i >= 0 && c[i] == n-k+i {
			i--
		}
		if i < 0 {
			return
		}
		c[i]++
		for j := i + 1; j < k; j++ {
			c[j] = c[j-1] + 1
		}
	}
}

// binomial is n over k.
func binomial(n, k int) float64 {
	r := 1.0
	for i := range min(k, n-k) {
		r = r * float64(n-i) / float64(i+1)
	}
	return math.Round(r)
}

// moments are the mean and the variance (of n-1) of x.
func moments(x []float64) (mean, variance float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	if n < 2 {
		return mean, 0
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, variance
}

// Welch is the interval of mean(b) - mean(a) where the sides' variances may
// differ; each bound alone errs with probability alpha. Both sides need two values.
//
// B. L. Welch, "The generalization of 'Student's' problem when several different
// population variances are involved", Biometrika 34 (1947) 28-35, with
// Satterthwaite's degrees of freedom.
func Welch(a, b []float64, alpha float64) Interval {
	ma, va := moments(a)
	mb, vb := moments(b)
	na, nb := float64(len(a)), float64(len(b))
	ea, eb := va/na, vb/nb
	d, e := mb-ma, ea+eb
	if e == 0 {
		return Interval{d, d}
	}
	freedom := e * e / (ea*ea/(na-1) + eb*eb/(nb-1))
	half := tQuantile(1-alpha, freedom) * math.Sqrt(e)
	return Interval{d - half, d + half}
}

// A Spread is how much a figure differs from run to run.
type Spread struct {
	Runs      int
	Mean, SD  float64
	CV        float64 // SD over Mean; 0 where the mean is
	Low, High float64 // the lowest and the highest
}

// SpreadOf is the spread of the values of several runs.
func SpreadOf(values []float64) Spread {
	s := Spread{Runs: len(values)}
	if len(values) == 0 {
		return s
	}
	mean, variance := moments(values)
	s.Mean, s.SD, s.Low, s.High = mean, math.Sqrt(variance), slices.Min(values), slices.Max(values)
	if mean != 0 {
		s.CV = s.SD / mean
	}
	return s
}
