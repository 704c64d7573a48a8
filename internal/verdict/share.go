package verdict

import (
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/seed-42693903/lt/internal/metric"
)

// A question is one threshold asked of one series.
type question struct {
	t   Threshold
	row measure
	s   *Series
	e   *Evidence

	more time.Duration // that would decide it, where find left it open; 0: not known
}

// A finding is the answer, before anyone has said what it means: a threshold on
// the whole run must be shown to hold, any other must not be shown to break.
type finding struct {
	value, low, high  *float64
	share, shareLimit *float64
	n                 int64
	holds             bool    // shown to hold
	broken            bool    // shown to be broken
	pBroken           float64 // how probable this is, or worse, if the limit were just kept
	pOwn              float64 // pBroken by the target's own failures alone
	byTarget          bool    // broken by the target's own failures alone
	few               bool    // too few requests for "not shown to break" to say anything
	figures           string  // what was found, with its numbers
	missing           string  // why nothing was found
	advice            string  // what would decide it, where neither was shown
}

// A sample of requests: k of n were bad, own of them by the target alone.
type sample struct {
	k, n, own int64
	blocks    []Cluster
	alike     []Cluster // the blocks' requests over the run's own percentile; nil: nobody asks for one
}

// estimate is the statistics of a sample.
type estimate struct {
	k, n   float64
	a      float64 // error of each one-sided statement
	effect float64 // design effect
	exact  bool    // the blocks tell nothing: exact binomial, taken as independent
}

// estimate takes the design effect at the limit or, where it is larger and not
// chance (chi-squared at 5 %), that at the run's own percentile: a short run meets
// the limit in one or two bursts, or in none, which tell nothing of how alike
// neighbours are.
func (s sample) estimate(a float64) estimate {
	effect, ok := carefulEffect(s.blocks, a)
	if alike, shown := carefulEffect(s.alike, a); shown && alike > effect && clustered(s.alike) {
		effect = alike
	}
	return estimate{float64(s.k), float64(s.n), a, effect, !ok || s.k == 0 || s.k == s.n}
}

// clustered reports whether the blocks differ by more than chance: Pearson's test
// of homogeneity, whose statistic is the design effect times the degrees of
// freedom.
func clustered(blocks []Cluster) bool {
	effect, ok := DesignEffect(blocks)
	freedom := float64(usedOf(blocks) - 1)
	return ok && effect*freedom > distuv.ChiSquared{K: freedom}.Quantile(1-alpha)
}

// usedOf is how many blocks hold requests.
func usedOf(blocks []Cluster) (used int) {
	for _, b := range blocks {
		if b.N > 0 {
			used++
		}
	}
	return used
}

// carefulEffect is the design effect, enlarged where it is over 1 by what an
// estimate from so few blocks leaves open: (t/z)^2, with Student's t of one less
// than the number of blocks (E. L. Korn and B. I. Graubard, "Confidence intervals
// for proportions with small expected number of positive counts estimated from
// survey data", Survey Methodology 24 (1998) 193-201).
func carefulEffect(blocks []Cluster, a float64) (effect float64, ok bool) {
	effect, ok = DesignEffect(blocks)
	if effect > 1 {
		t := tQuantile(1-a, float64(usedOf(blocks)-1)) / zQuantile(1-a)
		effect *= t * t
	}
	return effect, ok
}

// interval is Wilson's, or the exact one, with the design effect.
func (e estimate) interval() Interval {
	if e.exact {
		return ClopperPearson(e.k/e.effect, e.n/e.effect, e.a)
	}
	return Wilson(e.k/e.effect, e.n/e.effect, e.a)
}

// atLeast is the p-value of "the share is no more than limit"; always by the
// exact tail, with effective numbers, because the score test's normal
// approximation is poor at the small levels that a correction over many
// endpoints asks for.
func (e estimate) atLeast(limit float64) float64 {
	return AtLeast(e.k/e.effect, e.n/e.effect, limit)
}

func (e estimate) atMost(limit float64) float64 { return AtMost(e.k/e.effect, e.n/e.effect, limit) }

// needed is how many requests in all would decide, did the share stay as it is.
func (e estimate) needed(limit float64) float64 {
	z := zQuantile(1 - e.a)
	d := e.k/e.n - limit
	n := e.effect * z * z * limit * (1 - limit) / (d * d) // where Wilson's bound meets the limit
	if e.k == 0 {
		n = e.effect * float64(minimumRequests(limit, e.a))
	}
	return math.Ceil(max(n, e.n+1))
}

// judge finds whether the share of bad requests keeps the threshold.
func (q *question) judge(s sample) finding {
	f := finding{n: s.n, pBroken: 1, pOwn: 1}
	if s.n == 0 {
		f.missing, f.few = "no request was measured", true
		return f
	}
	limit := q.row.badLimit(q.t)
	share := float64(s.k) / float64(s.n)
	e := s.estimate(q.e.level())
	o := e
	o.k = float64(s.own)
	in := e.interval()
	switch {
	case q.row.total(q.t):
		f.holds, f.broken, f.byTarget = s.k == 0, s.k > 0, s.own > 0
		if f.broken {
			f.pBroken = 0
		}
		if f.byTarget {
			f.pOwn = 0
		}
	case q.row.badUpper(q.t):
		f.holds = in.High <= limit
		f.broken = in.Low > limit || s.k == s.n && limit < 1
		f.byTarget = s.own > 0 && (o.interval().Low > limit || s.own == s.n && limit < 1)
		f.pBroken, f.pOwn = e.atLeast(limit), o.atLeast(limit)
		f.few = s.n < minExpected || float64(s.n)*limit < minExpected
	default:
		f.holds = in.Low >= limit
		f.broken = in.High < limit
		f.pBroken = e.atMost(limit)
		f.few = s.n < minExpected || float64(s.n)*(1-limit) < minExpected
	}
	if !f.holds && !f.broken {
		f.advice = q.moreRequests(e, limit)
	}
	f.share, f.shareLimit = &share, &limit
	if q.row.good {
		f.value, f.low, f.high = ptr(1-share), ptr(1-in.High), ptr(1-in.Low)
	} else {
		f.value, f.low, f.high = ptr(share), ptr(in.Low), ptr(in.High)
	}
	return f
}

// minExpected is the fewest requests, and the fewest that may be bad by the
// limit, from which "not shown to break" is worth saying of an endpoint.
const minExpected = 5

// moreRequests says how much longer a run must be to decide.
func (q *question) moreRequests(e estimate, limit float64) string {
	needed := e.needed(limit)
	if math.IsInf(needed, 0) || needed > 50*max(e.n, 1000) {
		return "it lies so near to the limit that a longer run would hardly decide"
	}
	more := int64(needed - e.n)
	round := int64(1)
	for more/round >= 100 {
		round *= 10
	}
	more = (more + round - 1) / round * round
	text := "about " + plural(more, "more request")
	if e.k == 0 {
		text += " without a bad one would decide"
	} else {
		text += " would decide, if the share stays"
	}
	if q.s.Requests > 0 && q.e.Window > 0 {
		text += ": " + q.longer(time.Duration(float64(q.e.Window)*float64(more)/float64(q.s.Requests)))
	}
	return text
}

// longer is "about 12m more: -d 22m".
func (q *question) longer(by time.Duration) string {
	q.more = by
	text := "about " + lengthUp(by) + " more"
	if q.e.Duration > 0 {
		text += ": -d " + lengthUp(q.e.Duration+by)
	}
	return text
}

// limitWords is the limit of a threshold on a share, as a sentence ends.
func (q *question) limitWords(limit float64) string {
	if q.t.upper() {
		return "limit " + amount(limit, UnitRatio)
	}
	return "wanted " + q.t.Op + " " + amount(limit, UnitRatio)
}

// findPercentile judges p95 < 500ms by the share of attempts that failed or took
// longer, and gives the percentile itself over all attempts, a failure being
// slower than anything.
func findPercentile(q *question) finding {
	s, times := q.s, q.times()
	limit := q.t.duration()
	rank := math.Ceil(q.t.Quantile*float64(s.Requests) - 1e-6)
	value := atRank(times, max(rank, 1))
	all := sample{k: s.Failed + times.CountAbove(limit), n: s.Requests, own: own(s.Outcomes), blocks: q.above(limit)}
	if value != nil {
		all.alike = q.above(duration(*value))
		for i := range s.Blocks {
			if s.Blocks[i].Spoilt != nil { // not the target's doing
				all.alike[i] = Cluster{}
			}
		}
	}
	f := q.judge(q.spoilt(all, (*Spoilt).over))
	f.value, f.low, f.high = nil, nil, nil
	if s.Requests == 0 {
		return f
	}
	f.value = value
	low, high := q.ranks(f.value)
	f.low, f.high = atRank(times, low), atRank(times, high)
	head := q.t.Metric + " " + span(f, UnitMS)
	if f.value == nil {
		head = q.t.Metric + " beyond measure"
	}
	over := "over " + amount(q.t.Limit, UnitMS)
	if s.Failed > 0 {
		over = fmt.Sprintf("failed (%s) or took %s", count(s.Failed), over)
	}
	words := "limit "
	if !q.t.upper() {
		words = "wanted more than "
	}
	f.figures = fmt.Sprintf("%s, %s of %s %s, %s%s",
		head, amount(*f.share, UnitRatio), requests(f.n), over, words, amount(*f.shareLimit, UnitRatio))
	return f
}

// times are the times that the threshold is about.
func (q *question) times() *metric.Dist {
	if q.serviceApart() {
		return &q.s.Service
	}
	return &q.s.Response
}

// serviceApart reports whether the threshold is about service times, and these
// are others than the response times.
func (q *question) serviceApart() bool { return q.t.service() && q.e.Model != metric.Closed }

func (q *question) blockTimes(b *Block) *metric.Dist {
	if q.serviceApart() {
		return &b.Service
	}
	return &b.Response
}

// above are the blocks' requests that failed or took longer than limit.
func (q *question) above(limit time.Duration) []Cluster {
	clusters := q.s.failed()
	for i := range clusters {
		clusters[i].K += q.blockTimes(&q.s.Blocks[i]).CountAbove(limit)
	}
	return clusters
}

// ranks is the band of ranks in which the percentile lies, with the design effect
// at the percentile itself.
func (q *question) ranks(value *float64) (low, high float64) {
	return q.s.ranks(q.t.Quantile, float64(q.s.Requests), q.e.level(), func(shade float64) []Cluster {
		if value == nil {
			return q.s.failed()
		}
		return q.above(duration(*value * shade))
	})
}

// ranks is the band of ranks, of n, in which a quantile lies; above are the
// blocks' requests over that quantile, times shade. Where many requests took
// exactly as long and none longer, those count too.
func (s *Series) ranks(quantile, n, a float64, above func(shade float64) []Cluster) (low, high float64) {
	used := 0
	for i := range s.Blocks {
		if s.Blocks[i].Requests > 0 {
			used++
		}
	}
	if used < minBlocks {
		return OrderRanks(quantile, n, a)
	}
	effect := 1.0 // all requests took equally long
	for _, shade := range []float64{1, nextDown} {
		if at, ok := carefulEffect(above(shade), a); ok {
			effect = at
			break
		}
	}
	return Woodruff(quantile, n, effect, a)
}

// nextDown makes a time one of the histogram's next bucket down.
const nextDown = .998

// atRank is the value of a rank among all attempts in rising order, failures
// last, in milliseconds; nil where no success has that rank.
func atRank(times *metric.Dist, rank float64) *float64 {
	if rank < 1 || rank > float64(times.Count) {
		return nil
	}
	return ptr(milliseconds(times.Quantile(rank / float64(times.Count))))
}

// findErrorRate counts the warm-up too.
func findErrorRate(q *question) finding { return q.findFailed("error rate") }

func findAvailability(q *question) finding { return q.findFailed("availability") }

func (q *question) findFailed(name string) finding {
	s := q.s
	all := Count{s.Requests + s.Warmup.Requests, s.Failed + s.Warmup.Failed}
	f := q.judge(sample{k: all.Failed, n: all.Requests, own: own(s.Outcomes), blocks: s.failed()})
	if all.Requests == 0 {
		return f
	}
	warmup := ""
	if s.Warmup.Failed > 0 {
		warmup = fmt.Sprintf(" (%s of them in the warm-up)", count(s.Warmup.Failed))
	}
	f.figures = fmt.Sprintf("%s %s, %s of %s failed%s, %s",
		name, span(f, UnitRatio), count(all.Failed), requests(all.Requests), warmup, q.limitWords(q.t.Limit))
	return f
}

// findChecks takes the answers that came as expected, and asks whether their
// checks held. The design effect is that of all failures.
func findChecks(q *question) finding {
	s := q.s
	bad := s.Outcomes[metric.Class{Outcome: metric.Check}]
	n := bad + s.Requests - s.Failed
	f := q.judge(sample{k: bad, n: n, blocks: s.failed()})
	if n == 0 {
		f.missing = "no answer came whose checks could be judged"
		return f
	}
	f.figures = fmt.Sprintf("checks %s, %s of %s did not hold, %s",
		span(f, UnitRatio), count(bad), plural(n, "answer"), q.limitWords(q.t.Limit))
	return f
}

// failed are the blocks' failures.
func (s *Series) failed() []Cluster {
	clusters := make([]Cluster, len(s.Blocks))
	for i, b := range s.Blocks {
		clusters[i] = Cluster{b.Failed, b.Requests}
	}
	return clusters
}

// span is a value with its interval: "420 ms (390-455)".
func span(f finding, unit string) string {
	if f.value == nil {
		return "unknown"
	}
	s := amount(*f.value, unit)
	switch {
	case f.low != nil && f.high != nil:
		s += " (" + bare(*f.low, unit) + "-" + bare(*f.high, unit) + ")"
	case f.low != nil:
		s += " (" + bare(*f.low, unit) + " at least)"
	case f.high != nil:
		s += " (" + bare(*f.high, unit) + " at most)"
	}
	return s
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func ptr(v float64) *float64 { return &v }
