package report

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/text"
)

// none stands where nothing was measured.
const none = "–"

// count is a whole number with its thousands set apart: "222,260".
func count(n int64) string { return text.Thousands(strconv.FormatInt(n, 10)) }

// decimal is a number of three significant digits, in full from 100 on:
// "0.412", "5.12", "28.1", "412", "12,345".
func decimal(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	digits := 0
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 0.9995:
		digits = 3
	case a < 9.995:
		digits = 2
	case a < 99.95:
		digits = 1
	case a < 1e15:
		return count(int64(math.Round(v)))
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Trim(s, "-0.") == "" { // never call something nothing
		return "<0.001"
	}
	return s
}

// perSecond is a rate with one decimal, so that the rates of a table line up:
// "247.3".
func perSecond(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', 1, 64)
	if s == "0.0" && v != 0 {
		return "<0.1"
	}
	whole, frac, _ := strings.Cut(s, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil {
		whole = count(n)
	}
	if v < 0 {
		whole = "-" + whole
	}
	return whole + "." + frac
}

// percent is a ratio in percent, without the sign: "0.02". It never says 0 of
// what happened, nor 100 of what did not always.
func percent(ratio float64) string {
	p := ratio * 100
	switch {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return none
	case p == 0:
		return "0"
	case p == 100:
		return "100"
	case p > 0 && p < 0.005:
		return "<0.01"
	case p > 99.995 && p < 100:
		return ">99.99"
	}
	return strconv.FormatFloat(p, 'f', 2, 64)
}

// quantity is v with its unit, as a threshold's unit names it.
func quantity(v float64, unit string) string { return number(v, unit) + unitSign(unit) }

// number is v in the unit's own notation, without the sign.
func number(v float64, unit string) string {
	switch unit {
	case "ratio":
		return percent(v)
	case "per_s":
		return perSecond(v)
	case "count":
		return decimal(v)
	}
	return decimal(v)
}

func unitSign(unit string) string {
	switch unit {
	case "ratio":
		return " %"
	case "per_s":
		return "/s"
	case "count", "":
		return ""
	}
	return " " + cut(clean(unit, 20), 8)
}

// limit is a figure that somebody chose, with its unit and as many decimals as it
// needs: "5 %", "0.5 %", "100/s".
func limit(v float64, unit string) string {
	if unit == "ratio" {
		v *= 100
	}
	if math.Abs(v) >= 1e15 || math.IsNaN(v) {
		return decimal(v) + unitSign(unit)
	}
	return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64) + unitSign(unit)
}

// interval is "27.0–29.3 ms"; empty where either end is missing.
func interval(low, high *float64, unit string) string {
	if low == nil || high == nil {
		return ""
	}
	l, h := number(*low, unit), number(*high, unit)
	if l == h {
		return l + unitSign(unit)
	}
	return l + "–" + h + unitSign(unit)
}

// clock is a time since the run's start: "0:05", "15:00", "1:02:03".
func clock(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return none
	}
	s := int64(math.Round(seconds))
	sign := ""
	if s < 0 {
		sign, s = "-", -s
	}
	two := func(n int64) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	if s >= 3600 {
		return sign + strconv.FormatInt(s/3600, 10) + ":" + two(s/60%60) + ":" + two(s%60)
	}
	return sign + strconv.FormatInt(s/60, 10) + ":" + two(s%60)
}

// length is how long a run took: a clock's time from a minute on.
func length(seconds float64) string {
	if seconds >= 60 {
		return clock(seconds)
	}
	return span(seconds)
}

// span is a length of time in words: "0.4 s", "52 s", "15 min", "1 h 2 min".
func span(seconds float64) string {
	switch {
	case math.IsNaN(seconds) || math.IsInf(seconds, 0):
		return none
	case seconds <= 0:
		return "0 s"
	case seconds < 9.95:
		s := strconv.FormatFloat(seconds, 'f', 1, 64)
		return strings.TrimSuffix(s, ".0") + " s"
	case seconds < 59.5:
		return strconv.FormatFloat(seconds, 'f', 0, 64) + " s"
	}
	s := int64(math.Round(seconds))
	parts := make([]string, 0, 2)
	for _, p := range []struct {
		n    int64
		unit string
	}{{s / 3600, " h"}, {s / 60 % 60, " min"}, {s % 60, " s"}} {
		if p.n > 0 && len(parts) < 2 {
			parts = append(parts, strconv.FormatInt(p.n, 10)+p.unit)
		} else if len(parts) > 0 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// size is a number of bytes: "412 B", "12.3 MB".
func size(n int64) string {
	v, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	if i == 0 {
		return strconv.FormatInt(n, 10) + " B"
	}
	return decimal(v) + " " + units[i]
}

// stamp is a moment, always in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// plural is "1 request", "2 requests".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}
