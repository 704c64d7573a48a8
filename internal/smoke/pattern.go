package smoke

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// longRepeat is a repetition beyond what RE2 takes.
var longRepeat = regexp.MustCompile(`\{(\d+),([1-9]\d{3,})\}`)

// matching is a text that the pattern finds, of at least least and at most most
// bytes; most -1: of any length.
func matching(pattern string, rng *rand.Rand, least, most int) (string, error) {
	// ECMA's classes that RE2 writes otherwise.
	pattern = strings.NewReplacer(`\/`, `/`, `\-`, `\x2d`).Replace(pattern)
	pattern = longRepeat.ReplaceAllStringFunc(pattern, func(s string) string {
		m := longRepeat.FindStringSubmatch(s)
		if n, err := strconv.Atoi(m[1]); err == nil && n > 1000 {
			return s // nothing can be done about the least
		}
		return "{" + m[1] + ",1000}" // RE2's limit; what is shorter fits as well
	})
	want, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", err
	}
	for try := range 40 {
		p := printer{rng: rng, more: try % 8}
		if try >= 16 {
			p.more = try * max(least, 1) / 16
		}
		p.write(tree.Simplify(), 0)
		t := p.b.String()
		if len(t) < least && !strings.HasSuffix(pattern, "$") {
			t += strings.Repeat("x", least-len(t))
		}
		if want.MatchString(t) && len(t) >= least && (most < 0 || len(t) <= most) {
			return t, nil
		}
	}
	return "", errors.New("no text was found")
}

// A printer writes a text that a syntax tree matches.
type printer struct {
	b    strings.Builder
	rng  *rand.Rand
	more int // how often what may repeat does, at most, beyond the least
}

func (p *printer) write(r *syntax.Regexp, depth int) {
	if depth > 200 || p.b.Len() > 1<<16 {
		return
	}
	repeat := func(least, most int) {
		n := least
		if extra := p.more; extra > 0 {
			if most >= 0 {
				extra = min(extra, most-least)
			}
			n += p.rng.IntN(extra + 1)
		}
		for range n {
			p.write(r.Sub[0], depth+1)
		}
	}
	switch r.Op {
	case syntax.OpLiteral:
		p.b.WriteString(string(r.Rune))
	case syntax.OpCharClass:
		p.b.WriteRune(p.pick(r.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		p.b.WriteByte('x')
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(r.Min, r.Max)
	case syntax.OpAlternate:
		p.write(r.Sub[p.rng.IntN(len(r.Sub))], depth+1)
	case syntax.OpConcat, syntax.OpCapture:
		for _, s := range r.Sub {
			p.write(s, depth+1)
		}
	}
}

// pick is a character of the class, a letter or digit where it has some.
func (p *printer) pick(ranges []rune) rune {
	var good []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		for c := ranges[i]; c <= ranges[i+1] && c < 128; c++ {
			if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
				good = append(good, c)
			}
		}
	}
	if len(good) > 0 {
		return good[p.rng.IntN(len(good))]
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
