package report

import (
	"math"
	"testing"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(-1234567), "-1,234,567"},
		{count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{decimal(0), "0"},
		{decimal(.0001), "<0.001"},
		{decimal(.4123), "0.412"},
		{decimal(.9996), "1.00"},
		{decimal(5.123), "5.12"},
		{decimal(9.996), "10.0"},
		{decimal(28.14), "28.1"},
		{decimal(99.96), "100"},
		{decimal(412.4), "412"},
		{decimal(12345.6), "12,346"},
		{decimal(math.NaN()), none},
		{decimal(math.Inf(1)), none},
		{decimal(1e300), "1e+300"},
		{perSecond(0), "0.0"},
		{perSecond(.01), "<0.1"},
		{perSecond(1247.34), "1,247.3"},
		{perSecond(math.Inf(-1)), none},
		{percent(0), "0"},
		{percent(1), "100"},
		{percent(.00001), "<0.01"},
		{percent(.99999), ">99.99"},
		{percent(.3632), "36.32"},
		{percent(.0002), "0.02"},
		{percent(math.NaN()), none},
		{limit(.05, "ratio"), "5 %"},
		{limit(.001, "ratio"), "0.1 %"},
		{limit(500, "ms"), "500 ms"},
		{limit(100, "per_s"), "100/s"},
		{limit(3, "count"), "3"},
		{quantity(28.14, "ms"), "28.1 ms"},
		{quantity(.01, "ratio"), "1.00 %"},
		{quantity(99.95, "per_s"), "100.0/s"},
		{quantity(1, "a\x1bunit"), "1.00 a\\x1bun…"},
		{interval(at(27.), at(29.3), "ms"), "27.0–29.3 ms"},
		{interval(at(1.), at(1.), "ratio"), "100 %"},
		{interval(nil, at(1.), "ms"), ""},
		{clock(0), "0:00"},
		{clock(5), "0:05"},
		{clock(59.6), "1:00"},
		{clock(900), "15:00"},
		{clock(3723), "1:02:03"},
		{clock(-3), "-0:03"},
		{clock(math.NaN()), none},
		{span(0), "0 s"},
		{span(.44), "0.4 s"},
		{span(8), "8 s"},
		{span(52.3), "52 s"},
		{span(60), "1 min"},
		{span(901), "15 min 1 s"},
		{span(3600), "1 h"},
		{span(3720), "1 h 2 min"},
		{span(3605), "1 h"},
		{length(8.1), "8.1 s"},
		{length(61), "1:01"},
		{size(412), "412 B"},
		{size(12_300_000), "12.3 MB"},
		{size(999_600), "1.00 MB"},
		{size(0), "0 B"},
		{plural(1, "request"), "1 request"},
		{plural(2000, "request"), "2,000 requests"},
		{tickLabel(1500), "1500"},
		{tickLabel(20000), "20k"},
		{tickLabel(2.5e6), "2.50M"},
		{tickLabel(.1 + .2), "0.3"},
		{cpu(0), "0 %"},
		{cpu(.2), "<1 %"},
		{cpu(196.4), "196 %"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{clean("a\x1b[31mb", 99), `a\x1b[31mb`},
		{clean("a\r\n\tb", 99), "a   b"},
		{clean("\u202ex\u2069\u200f", 99), `\u202ex\u2069\u200f`},
		{clean("\xff\x80", 99), "\uFFFD\uFFFD"},
		{clean("\u009b31m", 99), `\x9b31m`},
		{clean("abcdef", 3), "abc… (6 characters in all)"},
		{clean("日本", 2), "日本"},
		{cleanBlock("a\r\nb\tc\rd\x00", 99), "a\nb\tc d\\x00"},
		{short("abcdefghij", 5), "a…hij"},
		{short("abc", 3), "abc"},
		{short("abc", 1), "…"},
		{cut("abcdef", 3), "ab…"},
		{cut("abc", 3), "abc"},
		{mdCode("GET /a/{id}"), "`GET /a/{id}`"},
		{mdCode("a|b"), "<code>a&#124;b</code>"},
		{mdCode("a`b"), "<code>a&#96;b</code>"},
		{mdCode("<b>"), "<code>&lt;b&gt;</code>"},
		{mdCode("p95 < 500ms"), "`p95 < 500ms`"},
		{mdCode(""), ""},
		{mdText("error_rate < 1%"), "error_rate &lt; 1%"},
		{mdText("_x_ *y* @z"), "&#95;x&#95; &#42;y&#42; @\u200bz"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestMargin(t *testing.T) {
	for _, c := range []struct {
		value, limit float64
		want         string
	}{{27.1, 500, "94 % below"}, {499.9, 500, "1 % below"}, {500, 500, "at the limit"}, {501, 500, "1 % above"}, {750, 500, "50 % above"}, {.3845, .01, "38.5 × the limit"}, {1, 0, ""}, {0, 5, "100 % below"}} {
		if got := margin(c.value, c.limit); got != c.want {
			t.Errorf("%v of %v: %q, want %q", c.value, c.limit, got, c.want)
		}
	}
}
