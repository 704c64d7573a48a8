package report

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// parsed is a fixture's JUnit file as a strict reader sees it.
func parsed(t *testing.T, fixture string) junitSuites {
	t.Helper()
	text := render(t, "junit", fixture, Options{})
	if !utf8.ValidString(text) {
		t.Fatal("not UTF-8")
	}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", fixture, err)
		}
	}
	var s junitSuites
	if err := xml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJUnitCounts(t *testing.T) {
	for name, r := range fixtures() {
		s := parsed(t, name)
		cases, failures, errors, skipped := 0, 0, 0, 0
		names := map[string]bool{}
		for _, suite := range s.Suites {
			cases += len(suite.Cases)
			failures += suite.Failures
			errors += suite.Errors
			skipped += suite.Skipped
			for _, c := range suite.Cases {
				if name != "hostile" && names[c.Class+c.Name] {
					t.Errorf("%s: two cases %s %s", name, c.Class, c.Name)
				}
				names[c.Class+c.Name] = true
			}
		}
		if s.Tests != cases || s.Failures != failures || s.Errors != errors || s.Skipped != skipped || cases < 1+len(r.Endpoints) && name != "hostile" {
			t.Errorf("%s: %d tests, %d failures, %d errors, %d skipped; counted %d, %d, %d, %d", name, s.Tests, s.Failures, s.Errors, s.Skipped, cases, failures, errors, skipped)
		}
	}
}

// TestJUnitTellsTheVerdicts: a reader of the file alone sees what kind of trouble
// there is.
func TestJUnitTellsTheVerdicts(t *testing.T) {
	if s := parsed(t, "passing"); s.Failures+s.Errors != 0 || s.Tests < 15 {
		t.Errorf("passing: %d tests, %d failures, %d errors", s.Tests, s.Failures, s.Errors)
	}
	broken := 0
	for _, j := range failing().Thresholds {
		if j.Verdict == verdict.Fail {
			broken++
		}
	}
	if s := parsed(t, "failing"); s.Failures != broken || broken == 0 {
		t.Errorf("failing: %d failures for %d broken thresholds", s.Failures, broken)
	}
	if s := parsed(t, "invalid"); s.Errors < 2 || s.Failures != 0 {
		t.Errorf("invalid: %d errors, %d failures; want the measurement and the latency thresholds as errors", s.Errors, s.Failures)
	}
	if s := parsed(t, "inconclusive"); s.Errors != 2 || s.Skipped != 2 {
		t.Errorf("not proven: %d errors, %d skipped; want the 2 thresholds, and the 2 endpoints without any", s.Errors, s.Skipped)
	}
	r := inconclusive()
	r.ExitCode = new(0) // --on-inconclusive warn
	var b strings.Builder
	if err := JUnit(&b, r, Options{}); err != nil || strings.Contains(b.String(), "<error") {
		t.Errorf("%v: NOT PROVEN that only warns is an error", err)
	}
	if s := parsed(t, "partial"); s.Suites[0].Cases[0].Error == nil {
		t.Error("partial: the measurement's case is fine")
	}
}

func TestCSVIsData(t *testing.T) {
	for name, r := range fixtures() {
		rows, err := csv.NewReader(strings.NewReader(render(t, "csv", name, Options{}))).ReadAll()
		if err != nil || len(rows) != len(r.Timeline)+1 {
			t.Fatalf("%s: %d rows of %d points: %v", name, len(rows), len(r.Timeline), err)
		}
		for i, p := range r.Timeline {
			if rows[i+1][5] != strconv.FormatInt(p.Requests, 10) {
				t.Errorf("%s: row %d has %s requests, want %d", name, i, rows[i+1][5], p.Requests)
			}
		}
	}
	for _, s := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "\"=1", "'=1", "%0A=1", "|x"} {
		if got := csvText(s); got[0] != '\'' {
			t.Errorf("%q stays a formula: %q", s, got)
		}
	}
	r := inconclusive()
	r.Timeline[0].Period = metric.Period("=HYPERLINK(\"http://evil.example\")")
	var b strings.Builder
	if err := CSV(&b, r, Options{}); err != nil || !strings.Contains(b.String(), "'=HYPERLINK") {
		t.Errorf("%v: %.300s", err, b.String())
	}
}

func TestFailuresFile(t *testing.T) {
	r := passing()
	r.Failures = []run.Failure{{
		Endpoint: "POST /orders", Class: "status_500", Count: 7, FirstSeenS: 1, LastSeenS: 9.5,
		Exemplars: []metric.Exemplar{{
			Status: 500, Message: "no stock for order 4711", ServiceTime: 1_234_567, TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
			Request:      "POST /orders?dry=1&api_key=*** HTTP/1.1\nHost: h\nX-API-Key: ***\nX-Session: ***\nAccept: a \"b\" `c`\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			RequestBody:  `{"sku":"it's"}`,
			ResponseBody: strings.Repeat("é", 9000),
		}},
	}}
	var b strings.Builder
	if err := Failures(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var f failuresFile
	if err := json.Unmarshal([]byte(b.String()), &f); err != nil {
		t.Fatal(err)
	}
	e := f.Failures[0].Exemplars[0]
	if e.Pattern != "no stock for order <n>" || e.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" || len(e.ResponseBody) > 4<<10 || *e.ServiceMS != 1.235 {
		t.Errorf("%+v", e)
	}
	want := `curl -i -X POST "http://127.0.0.1:8009/orders?dry=1&api_key=$LT_API_KEY" \
  -H "X-API-Key: $LT_API_KEY" \
  -H "X-Session: $LT_API_KEY" \
  -H 'Accept: a "b" ` + "`c`" + `' \
  --data-raw '{"sku":"it'\''s"}'`
	if e.Curl != want {
		t.Errorf("curl:\n%s\nwant\n%s", e.Curl, want)
	}
	if got := f.Failures[0].FirstSeen.Format("15:04:05.000") + " " + f.Failures[0].LastSeen.Format("15:04:05.000"); got != "14:00:01.000 14:00:09.500" {
		t.Errorf("first and last seen %s", got)
	}
	if quoteMasked("a$b`c\"\\***") != `"a\$b\`+"`"+`c\"\\$LT_API_KEY"` {
		t.Errorf("%s", quoteMasked("a$b`c\"\\***"))
	}
}
