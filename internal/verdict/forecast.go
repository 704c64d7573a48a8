package verdict

import (
	"fmt"
	"math"
	"time"
)

// Expected is what a plan foresees, the whole run or one endpoint of it.
type Expected struct {
	Requests float64       // in Window
	Window   time.Duration // measured
	Total    time.Duration // of the run, warm-up included

	Looks int // see Evidence; 0 counts as 1

	// Ceiling is the most requests/s that the load can ask for, however fast the
	// target is; 0: not known.
	Ceiling float64
}

// A Shortfall is a threshold that a run as planned cannot decide in its favour.
type Shortfall struct {
	Threshold Threshold
	Requests  int64         // that could decide; 0: none can
	Duration  time.Duration // of the run that makes so many; 0: none does
	Sentence  string
}

// Forecast says whether a run as planned could show that t holds, did all go
// well, and if not what could: ok is false where nothing is in the way. The
// minimums are exact: n requests without a bad one show a share of bad ones of at
// most p when (1-p)^n <= 5 % (Clopper and Pearson 1934).
func Forecast(t Threshold, x Expected) (s Shortfall, ok bool) {
	row, _, _, known := lookup(t.Metric)
	// Endpoints must not be shown to break: nothing need be shown. Nor is it of
	// stretches of the run, nor where nothing fails.
	if !known || t.Scope != "" || t.For > 0 || t.Within > 0 || t.Warn {
		return Shortfall{}, false
	}
	s.Threshold = t
	switch {
	case t.Quantile > 0 || row.unit == UnitRatio && !row.whole:
		limit, clean := row.badLimit(t), "failure"
		switch {
		case row.total(t), !row.badUpper(t):
			return Shortfall{}, false
		case t.Quantile > 0:
			clean = "slower or failed one"
		case t.Metric == "goodput":
			clean = "slow or failed one"
		case t.Metric == "checks":
			clean = "failed check"
		}
		s.Requests = minimumRequests(limit, alpha/float64(max(x.Looks, 1)))
		if math.Floor(x.Requests) >= float64(s.Requests) {
			return Shortfall{}, false
		}
		s.Sentence = fmt.Sprintf("%s needs %s without a %s; about %s are expected",
			t.Expression, requests(s.Requests), clean, count(int64(x.Requests)))
		if s.Duration = x.until(s.Requests); s.Duration > 0 {
			s.Sentence += "; a run of " + lengthUp(s.Duration) + " could decide"
		}
		return s, true
	case row.unit == UnitPerSecond && !t.upper() && x.Ceiling > 0 && t.Limit >= x.Ceiling:
		s.Sentence = fmt.Sprintf("%s cannot be met: the load asks for at most %s", t.Expression, amount(x.Ceiling, UnitPerSecond))
		return s, true
	case t.Metric == "count" && !t.upper() && x.Requests < t.Limit:
		s.Requests = int64(math.Ceil(t.Limit))
		s.Duration = x.until(s.Requests)
		s.Sentence = fmt.Sprintf("%s cannot be met: about %s are expected", t.Expression, requests(int64(x.Requests)))
		return s, true
	}
	return Shortfall{}, false
}

// until is the duration of the run that measures n requests, at the same rate; 0
// if there is none.
func (x Expected) until(n int64) time.Duration {
	if x.Requests <= 0 || x.Window <= 0 {
		return 0
	}
	window := float64(x.Window) * float64(n) / x.Requests
	if total := float64(max(x.Total, x.Window)-x.Window) + window; total < math.MaxInt64 {
		return time.Duration(total)
	}
	return 0
}
