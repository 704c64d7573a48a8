package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The prefixes of scopes that are no endpoints.
const (
	PersonaScope = "persona:"
	HopScope     = "hop:"
)

// The words that may follow a limit.
var clauseWords = []string{"for", "within", "abort", "warn"}

// setClauses takes what follows the limit off text, and returns the limit.
func (t *Threshold) setClauses(text string, row measure) (limit string, err error) {
	words := strings.Fields(text)
	end := slices.IndexFunc(words, func(w string) bool { return slices.Contains(clauseWords, w) })
	if end < 0 {
		return text, nil
	}
	if end == 0 {
		return "", fmt.Errorf("there is no limit before %s; write one, such as %q", words[0], row.example)
	}
	limit, words = strings.Join(words[:end], " "), words[end:]
	seen := map[string]bool{}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if seen[word] {
			return "", fmt.Errorf("it says %s twice", word)
		}
		seen[word] = true
		switch word {
		case "for", "within":
			d := t.window(word)
			if *d, words, err = clauseLength(word, words); err != nil {
				return "", err
			}
		case "warn":
			t.Warn = true
		case "abort":
			t.Abort = true
			if len(words) > 0 && words[0] == "after" {
				if t.Grace, words, err = clauseLength("abort after", words[1:]); err != nil {
					return "", err
				}
			}
		default:
			return "", fmt.Errorf("%q is no word that may follow a limit; those are for 30s, within 10s, abort after 30s, and warn", word)
		}
	}
	return limit, t.checkClauses(row)
}

func (t *Threshold) window(word string) *time.Duration {
	if word == "for" {
		return &t.For
	}
	return &t.Within
}

// clauseLength takes the duration that follows a word.
func clauseLength(word string, words []string) (time.Duration, []string, error) {
	if len(words) == 0 {
		return 0, nil, fmt.Errorf(`there is no duration after %s; write "%s 30s"`, word, word)
	}
	d, err := time.ParseDuration(words[0])
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf(`%q after %s is no duration; write "%s 30s"`, words[0], word, word)
	case d < time.Second || d > 24*time.Hour:
		return 0, nil, fmt.Errorf("%s %s is out of what lt can tell, 1s to 24h", word, words[0])
	}
	return d, words[1:], nil
}

func (t *Threshold) checkClauses(row measure) error {
	switch {
	case t.For > 0 && t.Within > 0:
		return errors.New("for and within exclude each other: for fails when every second of that time was broken, within when the time as a whole was")
	case t.Abort && t.Warn:
		return errors.New("abort and warn exclude each other: what only warns stops no run")
	case (t.For > 0 || t.Within > 0) && (!row.windows || t.Op == "=="):
		return fmt.Errorf(`%s %s has no windows; percentiles, error_rate, availability, checks, throughput and attempts have, such as "p95 < 500ms for 30s"`, t.Metric, t.Op)
	case t.Abort && (!row.windows || row.unit == UnitPerSecond || !row.badUpper(*t)):
		return fmt.Errorf(`%s %s cannot abort a run; limits on percentiles, error_rate, availability and checks can, such as "error_rate < 20%% abort after 30s"`, t.Metric, t.Op)
	}
	return nil
}

// clauses is what follows the limit in the canonical form.
func (t Threshold) clauses() string {
	s := ""
	if t.For > 0 {
		s += " for " + brief(t.For)
	}
	if t.Within > 0 {
		s += " within " + brief(t.Within)
	}
	if t.Abort {
		s += " abort"
		if t.Grace > 0 {
			s += " after " + brief(t.Grace)
		}
	}
	if t.Warn {
		s += " warn"
	}
	return s
}

// brief is d exactly, without its zero units: 30s, 1m30s, 1h.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
