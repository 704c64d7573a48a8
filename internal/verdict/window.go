package verdict

import (
	"fmt"
	"time"
)

// badIn is how many of a span's requests were bad by the threshold, and of how
// many.
func (q *question) badIn(s *Span) (k, n int64) {
	switch {
	case s.Spoilt && q.e.way == allGood:
		return 0, s.Requests
	case s.Spoilt && q.e.way == allBad:
		return s.Requests, s.Requests
	case q.t.Quantile > 0:
		if at := q.limit(); at >= 0 && at < len(s.Over) {
			return s.Failed + s.Over[at], s.Requests
		}
		return s.Requests, s.Requests
	case q.t.Metric == "checks":
		return s.Checks, s.Requests - s.Failed + s.Checks
	}
	return s.Failed, s.Requests
}

// A tally is what some spans counted together.
type tally struct {
	from, to time.Duration
	k, n     int64 // bad requests of all; of a rate: those that count
	measured time.Duration
}

func (q *question) tally(spans []Span) tally {
	t := tally{from: spans[0].Start, to: spans[len(spans)-1].Start + spans[len(spans)-1].Length}
	for i := range spans {
		k, n := q.badIn(&spans[i])
		if q.row.unit == UnitPerSecond {
			k, n = spans[i].Requests, spans[i].Requests
			switch {
			case spans[i].Spoilt && q.e.way == allBad:
				k = 0
			case spans[i].Spoilt && q.e.way == allGood:
				continue // it tells nothing
			case q.t.Metric == "throughput":
				k -= spans[i].Failed
			}
		}
		t.k, t.n, t.measured = t.k+k, t.n+n, t.measured+spans[i].Length
	}
	return t
}

// value is the tally's figure: a rate, or the share of bad requests.
func (q *question) windowValue(t tally) (v float64, ok bool) {
	if q.row.unit == UnitPerSecond {
		return float64(t.k) / max(t.measured.Seconds(), 1e-9), t.measured > 0
	}
	return float64(t.k) / float64(max(t.n, 1)), t.n > 0
}

// breaks reports whether the tally's figure breaks the limit.
func (q *question) breaks(t tally) bool {
	v, ok := q.windowValue(t)
	switch {
	case !ok:
		return false
	case q.row.unit == UnitPerSecond:
		return !q.t.keeps(v)
	case q.row.badUpper(q.t):
		return v > q.row.badLimit(q.t)
	}
	return v < q.row.badLimit(q.t)
}

// windows judges a threshold that asks of stretches of the measured window.
func (q *question) windows() finding {
	var spans []Span
	for _, s := range q.s.Spans {
		if !s.Warmup {
			spans = append(spans, s)
		}
	}
	if len(spans) == 0 || q.s.Requests == 0 {
		return finding{pBroken: 1, pOwn: 1, few: true, missing: "no request was measured"}
	}
	if q.t.For > 0 {
		return q.longest(spans)
	}
	return q.worst(spans)
}

// longest judges "for 30s": broken where every second of such a stretch was. A
// second without an answer tells nothing, and neither ends a stretch nor breaks
// the limit; of a rate it is a second of 0.
func (q *question) longest(spans []Span) finding {
	f := finding{n: q.s.Requests, pBroken: 1, pOwn: 1}
	var from, long, worst, at time.Duration
	for i := range spans {
		s := &spans[i]
		one := q.tally(spans[i : i+1])
		if _, known := q.windowValue(one); !known {
			continue
		}
		if !q.breaks(one) {
			from, long = 0, 0
			continue
		}
		if long == 0 {
			from = s.Start
		}
		long = s.Start + s.Length - from
		if long > worst {
			worst, at = long, from
		}
	}
	// A second ends some milliseconds late or early.
	f.broken = worst >= q.t.For-windowSlack
	f.holds = !f.broken
	if f.broken {
		f.pBroken = 0
	}
	what := q.t.Metric + " " + against(q.t.Op) + " " + amount(q.t.Limit, q.t.Unit)
	if worst == 0 {
		f.figures = fmt.Sprintf("%s in no second of the run, limit %s on end", what, brief(q.t.For))
	} else {
		f.figures = fmt.Sprintf("%s for %s on end at most, from %s on, limit %s", what, length(worst), brief(at.Truncate(time.Second)), brief(q.t.For))
	}
	return f
}

// windowSlack is by how much the seconds of a window may fall short in all.
const windowSlack = 200 * time.Millisecond

// against is how a figure that breaks the limit compares with it.
func against(op string) string {
	switch op {
	case "<":
		return "at or over"
	case "<=":
		return "over"
	case ">":
		return "at or under"
	}
	return "under"
}

// worst judges "within 10s": every stretch of that length, or the run where it is
// shorter. A share is broken where one of them shows it, corrected for how many
// were looked at (Bonferroni); between, where a share is seen over the limit that
// so few requests do not show, it is not proven.
func (q *question) worst(spans []Span) finding {
	f := finding{n: q.s.Requests, pBroken: 1, pOwn: 1, holds: true}
	var worst tally
	several, found, from := 0.0, false, 0
	for to := range spans {
		for from < to && spans[to].Start+spans[to].Length-spans[from+1].Start >= q.t.Within-windowSlack {
			from++
		}
		t := q.tally(spans[from : to+1])
		if t.to-t.from < q.t.Within-windowSlack && to < len(spans)-1 { // not whole, and there are more to come
			continue
		}
		v, ok := q.windowValue(t)
		if !ok {
			continue
		}
		if q.breaks(t) {
			f.holds = false
			p := 0.0
			if q.row.unit == UnitRatio || q.t.Quantile > 0 {
				p = q.probability(t)
			}
			f.pBroken = min(f.pBroken, p)
		}
		several++
		if w, _ := q.windowValue(worst); !found || q.worseThan(v, w) {
			worst, found = t, true
		}
	}
	if !found {
		return finding{pBroken: 1, pOwn: 1, few: true, missing: "no stretch of " + brief(q.t.Within) + " had a request"}
	}
	f.pBroken = min(1, f.pBroken*several)
	f.broken = f.pBroken <= q.e.level()
	figure, _ := q.windowValue(worst)
	where := fmt.Sprintf("in the %s from %s on", length(worst.to-worst.from), brief(worst.from.Truncate(time.Second)))
	if q.row.unit == UnitPerSecond {
		f.value = &figure
		f.figures = fmt.Sprintf("%s %s at worst, %s, %s", q.t.Metric, amount(figure, UnitPerSecond), where, "wanted "+q.t.Op+" "+amount(q.t.Limit, UnitPerSecond))
		return f
	}
	limit := q.row.badLimit(q.t)
	f.share, f.shareLimit = &figure, &limit
	what := "failed"
	if q.t.Quantile > 0 {
		what = "failed or took over " + amount(q.t.Limit, UnitMS)
	} else if q.t.Metric == "checks" {
		what = "did not hold"
	}
	if q.t.Quantile == 0 {
		f.value = ptr(figure)
		if q.row.good {
			f.value = ptr(1 - figure)
		}
	}
	f.figures = fmt.Sprintf("%s: %s of %s %s at worst, %s, limit %s", q.t.Metric, amount(figure, UnitRatio), requests(worst.n), what, where, amount(limit, UnitRatio))
	if !f.holds && !f.broken {
		f.advice = "so few requests do not show it; a higher rate or a longer window would"
	}
	return f
}

// worseThan reports whether the figure v of a window is worse than w.
func (q *question) worseThan(v, w float64) bool {
	if q.row.unit == UnitPerSecond {
		return q.t.upper() == (v > w) && v != w
	}
	return q.row.badUpper(q.t) == (v > w) && v != w
}

// probability is that of a share as bad as the tally's, if the limit were just
// kept.
func (q *question) probability(t tally) float64 {
	limit := q.row.badLimit(q.t)
	if q.row.badUpper(q.t) {
		return AtLeast(float64(t.k), float64(t.n), limit)
	}
	return AtMost(float64(t.k), float64(t.n), limit)
}

// Broken reports whether a threshold that aborts the run is shown to be broken
// by now, with a sentence that says so. It looks at the spans alone, which is
// cheap, and splits the error over all looks, of which there are so many in the
// run as planned. Nothing is broken before the threshold's grace is over.
func Broken(t Threshold, e *Evidence, looks int) (sentence string, broken bool) {
	row, _, _, known := lookup(t.Metric)
	if !t.Abort || !known {
		return "", false
	}
	scoped := []*Series{&e.Total}
	if t.Scope != "" {
		scoped = e.matching(t)
	}
	a := alpha / float64(max(looks, 1)*max(len(scoped), 1))
	for _, s := range scoped {
		if len(s.Spans) == 0 || s.Spans[len(s.Spans)-1].Start+s.Spans[len(s.Spans)-1].Length < t.Grace {
			continue
		}
		q := &question{t: t, row: row, s: s, e: e}
		if t.For > 0 || t.Within > 0 {
			if f := q.windows(); f.missing == "" && f.broken && (t.For > 0 || f.pBroken <= a) {
				return sentenceOf(s, f.figures), true
			}
			continue
		}
		if text, ok := q.brokenBy(s.Spans, a); ok {
			return sentenceOf(s, text), true
		}
	}
	return "", false
}

func sentenceOf(s *Series, text string) string {
	if s.Name == "" {
		return text
	}
	return s.Name + ": " + text
}

// brokenBy judges a share by spans, those of the warm-up too where it is one of
// failures.
func (q *question) brokenBy(spans []Span, a float64) (string, bool) {
	var s sample
	for i := range spans {
		if spans[i].Warmup && q.t.Quantile > 0 {
			continue
		}
		k, n := q.badIn(&spans[i])
		s.k, s.n = s.k+k, s.n+n
		s.blocks = append(s.blocks, Cluster{k, n})
	}
	limit := q.row.badLimit(q.t)
	if s.n == 0 || s.n < abortLeast {
		return "", false
	}
	e := sample{k: s.k, n: s.n, blocks: thicken(s.blocks)}.estimate(a)
	if e.k <= limit*e.n || e.atLeast(limit) > a {
		return "", false
	}
	what := "failed"
	if q.t.Quantile > 0 {
		what = "failed or took over " + amount(q.t.Limit, UnitMS)
	}
	return fmt.Sprintf("%s of %s %s, limit %s", amount(share(s.k, s.n), UnitRatio), requests(s.n), what, amount(limit, UnitRatio)), true
}

// abortLeast is how many requests it takes to end a run.
const abortLeast = 10

// thicken joins neighbouring clusters, so that there are at most 60 and each
// spans the same number of them.
func thicken(of []Cluster) []Cluster {
	by := max(5, (len(of)+59)/60)
	var out []Cluster
	for i, c := range of {
		if i%by == 0 {
			out = append(out, Cluster{})
		}
		out[len(out)-1].K += c.K
		out[len(out)-1].N += c.N
	}
	return out
}

func (s *Series) addSpans(o *Series) {
	for i, sp := range o.Spans {
		if i == len(s.Spans) {
			s.Spans = append(s.Spans, Span{Start: sp.Start, Length: sp.Length, Warmup: sp.Warmup, Spoilt: sp.Spoilt})
		}
		t := &s.Spans[i]
		t.Requests += sp.Requests
		t.Failed += sp.Failed
		t.Checks += sp.Checks
		t.Over = addCounts(t.Over, sp.Over)
	}
}
