package verdict

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/text"
)

// number is v with three significant digits at least, no needless zeros, and a
// comma between thousands.
func number(v float64) string {
	digits := 0
	if a := math.Abs(v); a > 0 && a < 100 {
		digits = min(max(2-int(math.Floor(math.Log10(a))), 0), 6)
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if fraction != "" {
		fraction = "." + fraction
	}
	return text.Thousands(whole) + fraction
}

// count is n with a comma between thousands.
func count(n int64) string { return number(float64(n)) }

// requests is "1 request" or "8,431 requests".
func requests(n int64) string { return plural(n, "request") }

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// percent is a ratio in percent. Near 100 % it has the digits that tell how near.
func percent(v float64) string {
	if rest := 100 - v*100; v > .9 && rest > 1e-4 {
		digits := max(-int(math.Floor(math.Log10(rest))), 1)
		s := strconv.FormatFloat(v*100, 'f', digits, 64)
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return number(math.Round(v*1e12) / 1e10)
}

// bare is a value of unit without the unit's sign, as it stands in an interval.
func bare(v float64, unit string) string {
	if unit == UnitRatio {
		return percent(v)
	}
	return number(v)
}

// Amount is a value of unit with the unit's sign, as it stands in reasons.
func Amount(v float64, unit string) string { return amount(v, unit) }

// amount is a value with its unit: "420 ms", "1.2 %", "247/s", "8,431".
func amount(v float64, unit string) string {
	switch unit {
	case UnitMS:
		return number(v) + " ms"
	case UnitRatio:
		return percent(v) + " %"
	case UnitPerSecond:
		return number(v) + "/s"
	}
	return number(v)
}

// milliseconds is d to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// length is a duration that a person would type: "45s", "12m", "1h30m".
func length(d time.Duration) string {
	switch {
	case d >= 10*time.Minute:
		d = d.Round(time.Minute)
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	default:
		d = d.Round(100 * time.Millisecond)
	}
	return text.Duration(d)
}

// lengthUp is length, rounded up, so that whoever follows the advice gets enough.
func lengthUp(d time.Duration) string {
	step := time.Second
	switch {
	case d > 10*time.Minute:
		step = time.Minute
	case d > time.Minute:
		step = 10 * time.Second
	}
	return length((d + step - 1) / step * step)
}
