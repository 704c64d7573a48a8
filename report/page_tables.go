package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// maxRows is how many rows a table of the page has at most.
const maxRows = 500

type thresholdRow struct {
	Tone, Word, Mark  string
	Expression, Scope string
	Value, Interval   string
	Limit, Margin     string
	Share, ShareLimit string
	N, Reason         string
	Bar               *bar
}

// A bar is a threshold's value and interval against its limit, in percent of its
// width.
type bar struct {
	Tone, Label           string
	BadX, BadW, Limit     string
	Low, Span, Value      string
	HasInterval, HasValue bool
}

func (p *page) thresholds(r *run.Result) {
	shown, folded := split(r.Thresholds)
	p.Thresholds, p.Folded = thresholdRows(shown), thresholdRows(folded)
	if len(folded) > 0 {
		p.FoldedTitle = strings.ToUpper(foldedLine(folded)[:1]) + foldedLine(folded)[1:]
	}
}

func thresholdRows(js []verdict.Judged) []thresholdRow {
	var rows []thresholdRow
	for i := range js {
		if i == maxRows {
			break
		}
		j := &js[i]
		tone, word := toneName(j.Verdict)
		row := thresholdRow{
			Tone: tone, Word: word, Mark: toneOf(j.Verdict).Mark, Expression: clean(j.Expression, maxName), Scope: clean(j.Scope, maxName),
			Value: none, Interval: interval(j.Low, j.High, j.Unit), Limit: limit(j.Limit, j.Unit), N: count(j.N), Reason: tie(clean(j.Reason, maxMessage)),
			Bar: newBar(j, tone),
		}
		if strings.Contains(row.Expression, row.Scope) {
			row.Scope = ""
		}
		if row.Scope != "" { // the endpoint tells such rows apart
			row.Expression, row.Scope = row.Scope, row.Expression
		}
		if j.Value != nil {
			row.Value, row.Margin = quantity(*j.Value, j.Unit), margin(*j.Value, j.Limit)
		}
		if j.Share != nil {
			row.Share = percent(*j.Share) + " %"
			if j.ShareLimit != nil {
				row.ShareLimit = limit(*j.ShareLimit, "ratio") + " allowed"
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// margin is how far the value is from the limit: "95 % below", "2.4 × the limit".
func margin(value, limit float64) string {
	switch ratio := value / limit; {
	case !(limit > 0) || !(value >= 0) || math.IsInf(ratio, 0):
		return ""
	case ratio == 1:
		return "at the limit"
	case ratio < 1:
		return count(max(int64((1-ratio)*100), 1)) + " % below"
	case ratio < 2:
		return count(max(int64((ratio-1)*100), 1)) + " % above"
	default:
		return decimal(ratio) + " × the limit"
	}
}

// newBar draws a threshold; nil where there is nothing to draw. Of a latency
// threshold whose percentile has no value, the share over the limit is drawn
// against the share that may be.
func newBar(j *verdict.Judged, tone string) *bar {
	value, low, high, edge := j.Value, j.Low, j.High, j.Limit
	what := limit(edge, j.Unit)
	if value == nil && j.Share != nil && j.ShareLimit != nil {
		value, low, high, edge = j.Share, nil, nil, *j.ShareLimit
		what = limit(edge, "ratio")
	}
	if value == nil || edge < 0 {
		return nil
	}
	top := max(edge*1.6, *value*1.15)
	if high != nil {
		top = max(top, *high*1.1)
	}
	if low == nil || high == nil || *low > *high {
		low, high = nil, nil
	}
	if edge == 0 {
		top = max(top, 1)
	}
	if math.IsInf(top, 0) || math.IsNaN(top) || !(top > 0) {
		return nil
	}
	b := &bar{Tone: tone, Limit: hundredths(edge / top), HasValue: true, Value: hundredths(*value / top)}
	b.BadX, b.BadW = b.Limit, hundredths(1-edge/top)
	if upward(j) {
		b.BadX, b.BadW = "0", b.Limit
	}
	b.Label = "value against the limit of " + what
	if low != nil {
		b.HasInterval = true
		b.Low, b.Span = hundredths(*low/top), hundredths(*high/top-max(*low/top, 0))
	}
	return b
}

// upward reports whether the threshold asks for at least its limit.
func upward(j *verdict.Judged) bool {
	return strings.HasPrefix(j.Op, ">")
}

type endpointRow struct {
	Class, Method, Path string
	Tone, Verdict       string
	Rank                int
	Outcomes            string // of what failed
	Hops                string // where the time went
	Cells               []cell
	Spark               *spark
}

// hopSplit says where the median request's time went. The parts are percentiles
// of their own, which do not add up.
func hopSplit(p *run.Phases) string {
	if p == nil || p.FirstByte == nil {
		return ""
	}
	s := "P50: first byte " + decimal(p.FirstByte.P50) + " ms"
	if p.Upstream != nil {
		s += ", of it upstream " + decimal(p.Upstream.P50) + " ms"
	}
	if p.Transfer != nil {
		s += "; transfer " + decimal(p.Transfer.P50) + " ms"
	}
	return s
}

// A cell is a number, and what it is sorted by.
type cell struct{ Text, Sort string }

func (p *page) endpoints(r *run.Result) {
	for i := range r.Endpoints {
		if i == maxRows {
			p.EndpointsCut = "and " + plural(int64(len(r.Endpoints)-i), "endpoint") + " more, in result.json."
			break
		}
		e := &r.Endpoints[i]
		row := endpointRow{
			Method: clean(e.Method, 24), Path: clean(e.Path, maxName), Rank: rank(e.Verdict), Spark: newSpark(e.Timeline),
			Cells: cells(e.Requests, e.Failed, e.ErrorRate, e.Throughput, e.Response),
		}
		if row.Path == "" {
			row.Path = clean(e.Name, maxName)
		}
		row.Tone, row.Verdict = toneName(e.Verdict)
		switch {
		case e.Requests == 0:
			row.Class, row.Verdict = "idle", "not exercised"
		case e.Failed > 0:
			failed := map[string]int64{}
			for k, n := range e.Outcomes {
				if k != "ok" {
					failed[k] = n
				}
			}
			row.Outcomes = cut(outcomeList(failed), maxName)
		}
		row.Hops = tie(hopSplit(e.Phases))
		p.Sparks = p.Sparks || row.Spark != nil
		p.Endpoints = append(p.Endpoints, row)
	}
	p.EndpointsNote = "Requests of the measured window. Response times in ms, of successful requests."
	if r.Warmup.Requests > 0 {
		p.EndpointsNote += " Error rates count the warm-up too, as their thresholds do."
	}
	if len(r.Endpoints) > 0 {
		t := &r.Totals
		p.Total = cells(t.Requests, t.Failed, t.ErrorRate, t.Throughput, t.Response)
	}
}

func cells(requests, failed int64, rate, throughput *float64, l *run.Latency) []cell {
	out := []cell{
		{count(requests), strconv.FormatInt(requests, 10)},
		{count(failed), strconv.FormatInt(failed, 10)},
		optionalCell(rate, percent), optionalCell(throughput, perSecond),
	}
	if l == nil {
		l = &run.Latency{P50: math.NaN(), P90: math.NaN(), P95: math.NaN(), P99: math.NaN(), Max: math.NaN()}
	}
	for _, v := range []float64{l.P50, l.P90, l.P95, l.P99, l.Max} {
		out = append(out, optionalCell(&v, decimal))
	}
	return out
}

func optionalCell(v *float64, f func(float64) string) cell {
	if v == nil || math.IsNaN(*v) {
		return cell{none, "-1"}
	}
	return cell{f(*v), strconv.FormatFloat(*v, 'g', 8, 64)}
}
