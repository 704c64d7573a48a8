package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// jsonMistake notes what is wrong with a line of JSON, at its column.
func (l *lines) jsonMistake(err error) {
	column, text := 0, err.Error()
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		column = int(syntax.Offset)
	case errors.As(err, &typed):
		column = int(typed.Offset)
		text = typed.Field + " is a " + typed.Value + ", and must be a " + typed.Type.String()
	}
	l.f.mistake(l.n, column, "%s", strings.TrimPrefix(text, "json: "))
}

// decode reads a whole line of JSON into v; false: it is a mistake, or torn.
func (l *lines) decode(line []byte, v any) bool {
	err := json.Unmarshal(line, v)
	if err == nil {
		return true
	}
	if !l.dropTorn() {
		l.jsonMistake(err)
	}
	return false
}

// k6Lines reads what k6 writes with --out json: a point of a metric in each line.
type k6Lines struct{ *lines }

type k6Point struct {
	Type   string `json:"type"`
	Metric string `json:"metric"`
	Data   struct {
		Time  time.Time         `json:"time"`
		Value float64           `json:"value"`
		Tags  map[string]string `json:"tags"`
	} `json:"data"`
}

// k6Metrics are the metrics that are read.
var k6Metrics = [][]byte{[]byte(`"http_req_duration"`), []byte(`"vus"`), []byte(`"iterations"`), []byte(`"dropped_iterations"`)}

func (k *k6Lines) next(e *event) bool {
	for {
		line, ok := k.lines.next()
		if !ok {
			return false
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		wanted := line[0] != '{' || line[len(line)-1] != '}'
		for _, m := range k6Metrics {
			wanted = wanted || bytes.Contains(line, m)
		}
		if !wanted && json.Valid(line) {
			continue // another metric's
		}
		var p k6Point
		if !k.decode(line, &p) || p.Type != "Point" {
			continue
		}
		*e = event{at: p.Data.Time.UnixNano(), line: k.n}
		if p.Data.Time.Year() < 1990 || p.Data.Time.Year() > 2189 {
			e.at = 0 // of which the reader complains
		}
		switch p.Metric {
		case "http_req_duration":
			if !k.request(e, &p) {
				continue
			}
		case "vus":
			e.kind = users
		case "iterations":
			e.kind = iterations
		case "dropped_iterations":
			e.kind = dropped
		default:
			continue
		}
		if e.kind != request {
			if !(p.Data.Value >= 0 && p.Data.Value <= 1e7) {
				k.f.mistake(k.n, 0, "%s is %v: want 0 to 10,000,000", p.Metric, p.Data.Value)
				continue
			}
			e.n = int64(p.Data.Value)
		}
		return true
	}
}

func (k *k6Lines) request(e *event, p *k6Point) bool {
	var ok bool
	if e.took, ok = duration(p.Data.Value, time.Millisecond); !ok {
		k.f.mistake(k.n, 0, "http_req_duration is %v ms: want 0 to 24 h", p.Data.Value)
		return false
	}
	tags := p.Data.Tags
	name := tags["name"]
	if name == "" {
		name = tags["url"]
	}
	e.kind, e.endpoint = request, endpoint(tags["method"], name)
	status, _ := strconv.Atoi(tags["status"])
	failed := status == 0 || status >= 400
	if expected, ok := tags["expected_response"]; ok {
		failed = expected == "false"
	}
	if !failed {
		return true
	}
	e.message = brief(tags["error"])
	switch code, _ := strconv.Atoi(tags["error_code"]); {
	case status != 0:
		e.class = metric.Class{Outcome: metric.Status, Status: min(max(status, 0), 999)}
	case code == 1050:
		e.class.Outcome = metric.Timeout
	case code >= 1100 && code < 1200:
		e.class.Outcome = metric.DNS
	case code == 1211:
		e.class.Outcome = metric.Unreachable
	case code == 1212:
		e.class.Outcome = metric.Refused
	case code == 1220:
		e.class.Outcome = metric.Reset
	case code == 1201:
		e.class.Outcome = metric.ConnDropped
	case code >= 1300 && code < 1400:
		e.class.Outcome = metric.TLS
	default:
		e.class = classOf(0, tags["error"])
	}
	return true
}

// vegetaJSON reads what vegeta encode --to json writes: a result in each line.
type vegetaJSON struct{ *lines }

func (v *vegetaJSON) next(e *event) bool {
	for {
		line, ok := v.lines.next()
		if !ok {
			return false
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r struct {
			Code      int       `json:"code"`
			Timestamp time.Time `json:"timestamp"`
			Latency   int64     `json:"latency"`
			BytesOut  int64     `json:"bytes_out"`
			BytesIn   int64     `json:"bytes_in"`
			Error     string    `json:"error"`
			Attack    string    `json:"attack"`
			Method    string    `json:"method"`
			URL       string    `json:"url"`
		}
		if !v.decode(line, &r) {
			continue
		}
		at := r.Timestamp.UnixNano()
		if r.Timestamp.Year() < 1990 || r.Timestamp.Year() > 2189 {
			at = 0
		}
		*e = event{line: v.n}
		if v.f.vegeta(e, at, r.Latency, r.Code, r.BytesOut, r.BytesIn, r.Error, r.Method, r.URL, r.Attack) {
			return true
		}
	}
}

// vegeta makes an event of a result; false: it is a mistake.
func (f *file) vegeta(e *event, at, latency int64, code int, out, in int64, message, method, url, attack string) bool {
	switch {
	case latency < 0 || latency > int64(longest):
		f.mistake(e.line, e.column, "the latency is %d ns: want 0 to 24 h", latency)
		return false
	case code < 0 || code > 999:
		f.mistake(e.line, e.column, "the code is %d: want 0 to 999", code)
		return false
	case out < 0 || in < 0 || out > maxCount || in > maxCount:
		f.mistake(e.line, e.column, "%d bytes sent and %d received: that cannot be", out, in)
		return false
	case at < earliest || at > latest:
		e.at = 0
		return true // of which the reader complains
	}
	e.at, e.took, e.out, e.in = at+latency, time.Duration(latency), out, in
	if url == "" {
		url = attack // vegeta before 12.8 kept no URL
	}
	e.endpoint = endpoint(method, url)
	if code < 200 || code >= 400 { // as vegeta itself counts
		e.class, e.message = classOf(code, message), brief(message)
	}
	return true
}

// vegetaCSV reads what vegeta encode --to csv writes: timestamp, code, latency,
// bytes out and in, error, body, attack, number, and of newer versions method, URL
// and headers; the times in nanoseconds.
type vegetaCSV struct{ *table }

func (v *vegetaCSV) next(e *event) bool {
	for {
		fields, ok := v.record()
		if !ok {
			return false
		}
		if len(fields) != 9 && len(fields) != 12 && len(fields) != 11 && len(fields) != 8 {
			if !v.dropTorn() {
				v.f.mistake(fields[0].line, 1, "%d fields: a result of vegeta has 12, or 9 of older versions", len(fields))
			}
			continue
		}
		var n [5]int64
		bad := false
		for i := range n {
			var err error
			if n[i], err = strconv.ParseInt(fields[i].text, 10, 64); err != nil {
				bad = true
				if !v.torn {
					v.f.mistake(fields[i].line, fields[i].column, "%q: want a whole number", brief(fields[i].text))
				}
			}
		}
		if bad {
			v.dropTorn()
			continue
		}
		*e = event{line: fields[0].line, column: 1}
		method, url := "", ""
		if len(fields) >= 11 {
			method, url = fields[9].text, fields[10].text
		}
		if n[1] < 0 || n[1] > 999 {
			n[1] = -1
		}
		if v.f.vegeta(e, n[0], n[2], int(n[1]), n[3], n[4], fields[5].text, method, url, fields[7].text) {
			return true
		}
	}
}

// jtl reads JMeter's results in CSV. Which columns there are is told by the first
// line.
type jtl struct {
	*table
	column  map[string]int
	columns int
	skipped int // transactions, which are sums of requests
}

// jtlNeeded are the columns without which a result says nothing.
var jtlNeeded = []string{"timeStamp", "elapsed", "label", "success"}

func newJTL(t *table) (*jtl, bool) {
	head, ok := t.record()
	if !ok {
		return nil, false
	}
	j := &jtl{table: t, column: map[string]int{}, columns: len(head)}
	for i, f := range head {
		j.column[strings.TrimSpace(f.text)] = i
	}
	for _, name := range jtlNeeded {
		if _, there := j.column[name]; !there {
			t.f.mistake(1, 1, "the column %s is missing (the first line names: %s)", name, brief(strings.Join(names(head), ", ")))
			ok = false
		}
	}
	return j, ok
}

func names(fs []field) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.text)
	}
	return out
}

func (j *jtl) get(fields []field, name string) (field, bool) {
	i, ok := j.column[name]
	if !ok || i >= len(fields) {
		return field{}, false
	}
	return fields[i], true
}

func (j *jtl) next(e *event) bool {
	for {
		fields, ok := j.record()
		if !ok {
			return false
		}
		if len(fields) != j.columns {
			if !j.dropTorn() {
				j.f.mistake(fields[0].line, 1, "%d columns, and the first line names %d", len(fields), j.columns)
			}
			continue
		}
		if m, _ := j.get(fields, "responseMessage"); strings.HasPrefix(m.text, "Number of samples in transaction") {
			j.skipped++
			continue
		}
		*e = event{line: fields[0].line}
		before := len(j.f.mistakes) + j.f.more
		mistake := func(f field, format string, args ...any) { j.f.mistake(f.line, f.column, format, args...) }

		stamp, _ := j.get(fields, "timeStamp")
		e.column = stamp.column
		start, ok := jtlTime(stamp.text)
		if !ok {
			mistake(stamp, "timeStamp %q: want milliseconds since 1970", brief(stamp.text))
		}
		elapsed, _ := j.get(fields, "elapsed")
		ms, err := strconv.ParseInt(elapsed.text, 10, 64)
		e.took, ok = duration(float64(ms), time.Millisecond)
		if err != nil || !ok {
			mistake(elapsed, "elapsed %q: want milliseconds from 0 to 24 h", brief(elapsed.text))
		}
		success, _ := j.get(fields, "success")
		failed := !strings.EqualFold(success.text, "true")
		if failed && !strings.EqualFold(success.text, "false") {
			mistake(success, "success %q: want true or false", brief(success.text))
		}
		for _, b := range []struct {
			name string
			into *int64
		}{{"bytes", &e.in}, {"sentBytes", &e.out}} {
			if f, there := j.get(fields, b.name); there && f.text != "" {
				if *b.into, ok = counted(f.text); !ok {
					mistake(f, "%s %q: want a whole number of at least 0", b.name, brief(f.text))
				}
			}
		}
		e.n = -1
		if f, there := j.get(fields, "allThreads"); there && f.text != "" {
			if e.n, ok = counted(f.text); !ok || e.n > 1e7 {
				mistake(f, "allThreads %q: want a whole number from 0 to 10,000,000", brief(f.text))
			}
		}
		if len(j.f.mistakes)+j.f.more > before {
			if j.torn { // the file ends in the middle of this line
				j.f.mistakes = j.f.mistakes[:min(before, len(j.f.mistakes))]
				j.dropTorn()
			}
			continue
		}
		if start != 0 {
			e.at = start + int64(e.took)
		}
		label, _ := j.get(fields, "label")
		e.endpoint = endpoint("", label.text)
		if failed {
			code, _ := j.get(fields, "responseCode")
			message, _ := j.get(fields, "failureMessage")
			if message.text == "" {
				message, _ = j.get(fields, "responseMessage")
			}
			status, err := strconv.Atoi(code.text)
			if err != nil || status < 0 || status > 999 {
				status = 0
			}
			e.class, e.message = classOf(status, code.text+" "+message.text), brief(message.text)
		}
		return true
	}
}

// jtlTime is a time of JMeter's, in nanoseconds since 1970; 0: one that no clock
// shows.
func jtlTime(text string) (int64, bool) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		if ms < earliest/1e6 || ms > latest/1e6 {
			return 0, true // of which the reader complains
		}
		return ms * 1e6, true
	}
	for _, layout := range []string{"2006/01/02 15:04:05.000", "2006-01-02 15:04:05.000", "2006/01/02 15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			if t.Year() < 1990 || t.Year() > 2189 {
				return 0, true
			}
			return t.UnixNano(), true
		}
	}
	return 0, false
}

// isFinite reports whether v is a number that counts something.
func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
