package verdict

import (
	"fmt"
	"time"
)

// goodputLeast is the lowest percentile whose limit every request is asked to
// keep: half of them may take longer than the limit of a median.
const goodputLeast = .9

// goodputLimit is the limit that a request to the endpoint of this name has to
// keep: the tightest of those on its response time, P90 and higher and max, of
// the run and of scopes that it is in; 0: there is none.
func goodputLimit(thresholds []Threshold, endpoint string) time.Duration {
	tightest := time.Duration(0)
	for _, t := range thresholds {
		if t.Unit != UnitMS || !t.upper() || t.service() || t.Warn || t.Quantile < goodputLeast && t.Metric != "max" || t.Scope != "" && !t.Matches(endpoint) {
			continue
		}
		if tightest == 0 || t.duration() < tightest {
			tightest = t.duration()
		}
	}
	return tightest
}

// findGoodput judges the share of attempts that succeeded within every limit that
// the run sets them.
func findGoodput(q *question) finding {
	parts := q.parts()
	s := sample{n: q.s.Requests, own: own(q.s.Outcomes), blocks: make([]Cluster, len(q.s.Blocks))}
	limited := false
	for _, part := range parts {
		limit := goodputLimit(q.e.thresholds, part.Name)
		clusters := part.failed()
		s.k += part.Failed
		if limit > 0 {
			limited = true
			s.k += part.Response.CountAbove(limit)
			for i := range clusters {
				clusters[i].K += part.Blocks[i].Response.CountAbove(limit)
			}
		}
		for i := range clusters {
			if sp := part.Blocks[i].Spoilt; sp != nil && q.e.way != asSeen {
				bad := sp.over(q.e.limit(Limit{false, limit}))
				if limit == 0 {
					bad = sp.Failed
				}
				clusters[i].K -= bad
				clusters[i].N -= sp.Requests
				if s.k -= bad; q.e.way == allBad {
					s.k += sp.Requests
				}
			}
		}
		for i, c := range clusters {
			if i < len(s.blocks) {
				s.blocks[i].K += c.K
				s.blocks[i].N += c.N
			}
		}
	}
	s.k = min(max(s.k, 0), s.n)
	f := q.judge(s)
	if s.n == 0 {
		return f
	}
	within := "within their latency limits"
	if !limited {
		within = "(there is no latency limit)"
	}
	f.figures = fmt.Sprintf("goodput %s, %s of %s succeeded %s, %s",
		span(f, UnitRatio), count(s.n-s.k), requests(s.n), within, q.limitWords(q.t.Limit))
	return f
}

// parts are the endpoints that the question's series is made of, or the series
// itself where these are not told.
func (q *question) parts() []*Series {
	var parts []*Series
	for i := range q.e.Endpoints {
		e := &q.e.Endpoints[i]
		if q.s == &q.e.Total || e == q.s || q.t.Scope != "" && q.t.Matches(e.Name) && (!q.t.Each || e.Name == q.s.Name) {
			parts = append(parts, e)
		}
	}
	if len(parts) == 0 {
		return []*Series{q.s}
	}
	return parts
}
