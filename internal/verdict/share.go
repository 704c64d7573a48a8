package verdict

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// A question is one threshold asked of one series.
type question struct {
	t   Threshold
	row measure
	s   *Series
	e   *Evidence
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
}

// estimate is the statistics of a sample.
type estimate struct {
	k, n   float64
	effect float64 // design effect
	exact  bool    // the blocks tell nothing: exact binomial, taken as independent
}

func (s sample) estimate() estimate {
	effect, ok := carefulEffect(s.blocks)
	return estimate{float64(s.k), float64(s.n), effect, !ok || s.k == 0 || s.k == s.n}
}

// carefulEffect is the design effect, enlarged where it is over 1 by what an
// estimate from so few blocks leaves open: (t/z)^2, with Student's t of one less
// than the number of blocks (E. L. Korn and B. I. Graubard, "Confidence intervals
// for proportions with small expected number of positive counts estimated from
// survey data", Survey Methodology 24 (1998) 193-201).
func carefulEffect(blocks []Cluster) (effect float64, ok bool) {
	effect, ok = DesignEffect(blocks)
	if effect > 1 {
		used := 0
		for _, b := range blocks {
			if b.N > 0 {
				used++
			}
		}
		t := tQuantile(1-alpha, float64(used-1)) / zAlpha
		effect *= t * t
	}
	return effect, ok
}

// interval is Wilson's with the design effect, or the exact one.
func (e estimate) interval() Interval {
	if e.exact {
		return ClopperPearson(e.k, e.n, alpha)
	}
	return Wilson(e.k/e.effect, e.n/e.effect, alpha)
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
	z := zAlpha
	d := e.k/e.n - limit
	n := e.effect * z * z * limit * (1 - limit) / (d * d) // where Wilson's bound meets the limit
	if e.k == 0 {
		n = float64(MinimumRequests(limit))
	}
	return math.Ceil(max(n, e.n+1))
}

// zAlpha is the normal quantile of 1-alpha.
const zAlpha = 1.6448536269514722

// judge finds whether the share of bad requests keeps the threshold.
func (q *question) judge(s sample) finding {
	f := finding{n: s.n, pBroken: 1, pOwn: 1}
	if s.n == 0 {
		f.missing, f.few = "no request was measured", true
		return f
	}
	limit := q.row.badLimit(q.t)
	share := float64(s.k) / float64(s.n)
	e := s.estimate()
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
		f.advice = q.more(e, limit)
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

// more says how much longer a run must be to decide.
func (q *question) more(e estimate, limit float64) string {
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
	if q.s.Requests > 0 && q.e.Window > 0 {
		longer := time.Duration(float64(q.e.Window) * float64(more) / float64(q.s.Requests))
		text += " (" + lengthUp(longer) + " longer)"
	}
	if e.k == 0 {
		return text + " without a bad one would decide"
	}
	return text + " would decide, if the share stays"
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
	s, limit := q.s, q.t.duration()
	above := s.Response.CountAbove(limit)
	f := q.judge(sample{s.Failed + above, s.Requests, own(s.Outcomes), s.above(limit)})
	f.value, f.low, f.high = nil, nil, nil
	if s.Requests == 0 {
		return f
	}
	rank := math.Ceil(q.t.Quantile*float64(s.Requests) - 1e-6)
	f.value = s.atRank(max(rank, 1))
	low, high := q.ranks(f.value)
	f.low, f.high = s.atRank(low), s.atRank(high)
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

// above are the blocks' requests that failed or took longer than limit.
func (s *Series) above(limit time.Duration) []Cluster {
	clusters := s.failed()
	for i := range clusters {
		clusters[i].K += s.Blocks[i].Response.CountAbove(limit)
	}
	return clusters
}

// ranks is the band of ranks in which the percentile lies, with the design effect
// at the percentile itself.
func (q *question) ranks(value *float64) (low, high float64) {
	n, used := float64(q.s.Requests), 0
	for i := range q.s.Blocks {
		if q.s.Blocks[i].Requests > 0 {
			used++
		}
	}
	if used < minBlocks {
		return OrderRanks(q.t.Quantile, n, alpha)
	}
	return Woodruff(q.t.Quantile, n, q.s.effectAt(value), alpha)
}

// effectAt is the design effect of the share of requests that failed or took
// longer than value (milliseconds; nil: that failed). Where many requests took
// exactly as long and none longer, those count too.
func (s *Series) effectAt(value *float64) float64 {
	for _, shade := range []float64{1, .998} { // .998: the histogram's next bucket down
		clusters := s.failed()
		if value != nil {
			clusters = s.above(duration(*value * shade))
		}
		if effect, ok := carefulEffect(clusters); ok {
			return effect
		}
	}
	return 1 // all requests took equally long
}

// atRank is the value of a rank among all attempts in rising order, failures
// last, in milliseconds; nil where no success has that rank.
func (s *Series) atRank(rank float64) *float64 {
	if rank < 1 || rank > float64(s.Response.Count) {
		return nil
	}
	return ptr(milliseconds(s.Response.Quantile(rank / float64(s.Response.Count))))
}

// findErrorRate counts the warm-up too.
func findErrorRate(q *question) finding { return q.findFailed("error rate") }

func findAvailability(q *question) finding { return q.findFailed("availability") }

func (q *question) findFailed(name string) finding {
	s := q.s
	all := Count{s.Requests + s.Warmup.Requests, s.Failed + s.Warmup.Failed}
	f := q.judge(sample{all.Failed, all.Requests, own(s.Outcomes), s.failed()})
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
	f := q.judge(sample{bad, n, 0, s.failed()})
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
