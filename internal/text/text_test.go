package text

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestNearest(t *testing.T) {
	names := []string{"run", "report", "serve", "scenarios"}
	for word, want := range map[string]string{
		"rum": "run", "reprot": "report", "Serv": "serve", "scenario": "scenarios", "xyzzy": "", "": "", "r": "",
		strings.Repeat("run", 30): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"weigth", "weight", 1}, {"ca", "abc", 3}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// A quoted word reaches a program as it was.
func TestQuote(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	for _, s := range []string{"", "a/b:c", "it's", "$(x)", "a b", "`x`", "x\ny", "*", "~", "p95 < 500ms", "a=b,c+d@e%", `\`, "!!", "#x", "ä"} {
		out, err := exec.Command(sh, "-c", "printf %s "+Quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q became %q as %s (%v)", s, out, Quote(s), err)
		}
	}
	if got := Quote("http://h:1/p?a=b"); got != "'http://h:1/p?a=b'" {
		t.Error(got)
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"peak": "peak", "My API (v2)": "My-API-v2", "my_api": "my_api", "../../etc": "etc", "": "x", "---": "x", "ä": "x", "a/b\\c:d": "a-b-c-d",
		strings.Repeat("a", 70): strings.Repeat("a", 64), ".hidden": "hidden", "a\x00b": "a-b", "CON.": "CON",
	} {
		if got := Slug(in, "x"); got != want {
			t.Errorf("Slug(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFigures(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 15 * time.Minute: "15m", 90 * time.Second: "1m30s", 2 * time.Hour: "2h", 2*time.Hour + time.Second: "2h0m1s", 10 * time.Millisecond: "10ms",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
	for s, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "-1234567": "-1,234,567", "-100": "-100"} {
		if got := Thousands(s); got != want {
			t.Errorf("Thousands(%s) = %s, want %s", s, got, want)
		}
	}
}
