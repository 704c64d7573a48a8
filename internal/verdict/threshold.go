package verdict

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// everyEndpoint is the scope of a threshold on each endpoint by itself.
const everyEndpoint = "*"

// eachPrefix before a glob judges each endpoint that it matches by itself.
const eachPrefix = "each "

// SourceDefault is the Source of a threshold that nobody set.
const SourceDefault = "default"

// Default is what a run is judged by when nothing else is said: error_rate <
// 1 %, p95 < 500 ms, and no endpoint broken, which is the error rate of each
// endpoint not shown to exceed the run's limit.
func Default() []Threshold {
	defaults := make([]Threshold, 0, 3)
	for _, s := range []string{"error_rate < 1%", "p95 < 500ms", "error_rate{*} < 1%"} {
		t, err := ParseThreshold(s)
		if err != nil {
			panic(err) // a constant of this function is wrong
		}
		t.Source = SourceDefault
		defaults = append(defaults, t)
	}
	return defaults
}

// Merge is base with more set over it: a threshold on the same metric and scope
// is replaced, any other added; one with a window, one that aborts and one that
// warns stand beside each other. The default rule on endpoints follows the run's
// limit of the error rate. Neither slice is changed.
func Merge(base, more []Threshold) []Threshold {
	merged := slices.Clone(base)
	for _, t := range more {
		if i := slices.IndexFunc(merged, t.replaces); i >= 0 {
			merged[i] = t
		} else {
			merged = append(merged, t)
		}
	}
	for i, rule := range merged {
		if rule.Source != SourceDefault || !rule.Each || rule.Metric != "error_rate" {
			continue
		}
		for _, t := range merged {
			if t.Metric == rule.Metric && t.Scope == "" && t.upper() && t.plain() {
				merged[i].Op, merged[i].Limit = t.Op, t.Limit
				merged[i].Expression = merged[i].expression()
			}
		}
	}
	return merged
}

func (t Threshold) replaces(old Threshold) bool {
	return t.Metric == old.Metric && t.Scope == old.Scope && t.Each == old.Each &&
		(t.For > 0) == (old.For > 0) && (t.Within > 0) == (old.Within > 0) && t.Abort == old.Abort && t.Warn == old.Warn
}

// plain reports whether t says nothing but a metric, a scope and a limit.
func (t Threshold) plain() bool { return t.For == 0 && t.Within == 0 && !t.Abort && !t.Warn }

// duration is the limit of a threshold in milliseconds.
func (t Threshold) duration() time.Duration {
	return time.Duration(math.Round(t.Limit * float64(time.Millisecond)))
}

// Matches reports whether the threshold's scope takes in the endpoint, persona or
// hop of this name: * stands for any run of characters, slashes too. A threshold on the
// whole run matches none.
func (t Threshold) Matches(endpoint string) bool { return t.Scope != "" && glob(t.Scope, endpoint) }

func glob(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for star {
		var part string
		part, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return s == ""
}

// expression is the canonical form of t, which ParseThreshold reads back to t.
func (t Threshold) expression() string {
	scope := ""
	switch {
	case t.Scope == everyEndpoint:
		scope = "{" + everyEndpoint + "}"
	case t.Each:
		scope = "{" + eachPrefix + t.Scope + "}"
	case t.Scope != "":
		scope = "{" + t.Scope + "}"
	}
	return fmt.Sprintf("%s%s %s %s%s", t.Metric, scope, t.Op, t.limitText(), t.clauses())
}

// limitText is the limit with its unit, as short as it can be read back exactly.
func (t Threshold) limitText() string {
	plain := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	rounded := func(v float64) string {
		s := strconv.FormatFloat(v, 'f', 12, 64)
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	var forms []string
	switch t.Unit {
	case UnitMS:
		if t.Limit >= 1000 {
			forms = append(forms, rounded(t.Limit/1000)+"s")
		}
		forms = append(forms, plain(t.Limit)+"ms")
		if t.Limit >= 1000 && len(forms[1]) < len(forms[0]) {
			slices.Reverse(forms)
		}
	case UnitRatio:
		if t.Metric != "pace" {
			forms = append(forms, rounded(t.Limit*100)+"%")
		}
		forms = append(forms, plain(t.Limit))
	case UnitPerSecond:
		forms = append(forms, plain(t.Limit)+"/s")
	default:
		forms = append(forms, plain(t.Limit))
	}
	for _, form := range forms {
		if v, err := parseLimit(form, t.Unit); err == nil && v == t.Limit {
			return form
		}
	}
	return forms[len(forms)-1]
}
