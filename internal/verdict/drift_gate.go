package verdict

import (
	"fmt"
	"strings"
)

// findCompliance gives the share of windows that kept the run's limits. Three
// bad windows in a row break it, whatever the share.
func findCompliance(q *question) finding {
	f := finding{pBroken: 1, pOwn: 1}
	d := q.e.drift
	if d == nil || d.Compliance == nil {
		f.missing, f.few = d.missing("no limit of the whole run can be asked of a window"), true
		return f
	}
	c := d.Compliance
	f.value, f.n = ptr(c.Share), int64(c.Windows)
	f.broken = !q.t.keeps(c.Share) || c.InARow >= badInARow
	f.holds = !f.broken
	f.figures = fmt.Sprintf("%s of %s of %s kept the limits (%s), wanted %s",
		count(int64(c.Windows-len(c.Bad))), plural(int64(c.Windows), "window"), length(fromSeconds(d.WindowS)),
		amount(c.Share, UnitRatio), amount(q.t.Limit, UnitRatio))
	if len(c.Bad) > 0 {
		f.figures += "; not those from " + times(c.Bad)
	}
	if c.InARow >= badInARow {
		f.figures += fmt.Sprintf("; %d in a row are never allowed, there were %d", badInARow, c.InARow)
	}
	if f.broken {
		f.pBroken = 0
	}
	return f
}

// findDegradations counts the figures that were shown to be worse at the end of
// the run than at its start.
func findDegradations(q *question) finding {
	f := finding{pBroken: 1, pOwn: 1}
	d := q.e.drift
	if d == nil || len(d.Metrics) == 0 {
		f.missing, f.few = d.missing("nothing was measured"), true
		return f
	}
	worse := d.Degraded()
	f.value, f.n = ptr(float64(len(worse))), int64(len(d.Starts))
	f.holds = q.t.keeps(float64(len(worse)))
	f.broken = !f.holds
	var names []string
	for i, m := range worse {
		if i == 3 {
			names = append(names, fmt.Sprintf("and %d more", len(worse)-i))
			break
		}
		names = append(names, m.title()+" "+m.Reason)
	}
	f.figures = fmt.Sprintf("no figure was shown to degrade over %s", plural(f.n, "window"))
	if len(worse) > 0 {
		f.figures = strings.Join(names, "; ")
	}
	if f.broken {
		f.pBroken = 0
	}
	return f
}

// missing is why drift was not judged.
func (d *Drift) missing(otherwise string) string {
	if d != nil && len(d.Metrics) == 0 {
		return d.Reason
	}
	return otherwise
}

// times are moments of a run, the first few of them.
func times(all []float64) string {
	var out []string
	for i, s := range all {
		if i == 5 {
			out = append(out, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		out = append(out, length(fromSeconds(s)))
	}
	return strings.Join(out, ", ")
}
