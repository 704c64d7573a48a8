package importer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// write makes files of the texts and gives their paths.
func write(t testing.TB, texts ...string) []string {
	t.Helper()
	var paths []string
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("results%d", i+1))
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// imported is the result of importing the texts, and the run's directory.
func imported(t testing.TB, o Options, texts ...string) (*run.Result, string) {
	t.Helper()
	im, err := Open(write(t, texts...), o)
	if err != nil {
		t.Fatal(err)
	}
	p := &run.Plan{Schema: run.Schema, Scenario: "test", RunID: "test"}
	im.Plan(p)
	dir, err := run.Create(t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	j, err := run.NewJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := im.Replay(j.Observe); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return j.Result(), dir.Path
}

const (
	k6Text = `{"type":"Metric","data":{"name":"http_req_duration","type":"trend","contains":"time","thresholds":[],"submetrics":null},"metric":"http_req_duration"}
{"metric":"http_reqs","type":"Point","data":{"time":"2026-03-01T10:00:01.5+01:00","value":1,"tags":{"method":"GET","name":"http://t.test/orders/17","status":"200"}}}
{"metric":"http_req_duration","type":"Point","data":{"time":"2026-03-01T10:00:01.5+01:00","value":12.5,"tags":{"expected_response":"true","method":"GET","name":"http://t.test/orders/17?key=secret","url":"http://t.test/orders/17?key=secret","status":"200"}}}
{"metric":"http_req_duration","type":"Point","data":{"time":"2026-03-01T10:00:02.5+01:00","value":20,"tags":{"expected_response":"true","method":"GET","name":"http://t.test/orders/18","status":"200"}}}
{"metric":"vus","type":"Point","data":{"time":"2026-03-01T10:00:02+01:00","value":3,"tags":null}}
{"metric":"http_req_duration","type":"Point","data":{"time":"2026-03-01T10:00:03.25+01:00","value":250,"tags":{"expected_response":"false","method":"POST","name":"checkout","status":"503"}}}
{"metric":"http_req_duration","type":"Point","data":{"time":"2026-03-01T10:00:03.5+01:00","value":0,"tags":{"expected_response":"false","method":"POST","name":"checkout","status":"0","error_code":"1212","error":"dial tcp 10.0.0.1:80: connect: connection refused"}}}
{"metric":"iterations","type":"Point","data":{"time":"2026-03-01T10:00:03.5+01:00","value":1,"tags":{}}}
`
	jtlText = `timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect
1772355600000,12,GET /orders,200,OK,g 1-1,text,true,,512,100,2,2,http://t.test/orders,11,0,1
1772355601100,30,GET /orders,200,OK,g 1-1,text,true,,512,100,2,2,http://t.test/orders,11,0,1
1772355601000,900,Log in,500,"Internal ""Server""
Error",g 1-2,text,false,,64,100,2,2,http://t.test/login,11,0,1
1772355602000,7,Log in,200,OK,g 1-2,text,false,"Test failed: text expected to contain /ok/",64,100,2,2,http://t.test/login,6,0,1
1772355602200,40,Log in,Non HTTP response code: java.net.SocketTimeoutException,Non HTTP response message: Read timed out,g 1-2,text,false,,0,0,2,2,http://t.test/login,6,0,1
1772355600000,1000,All of it,,"Number of samples in transaction : 2, number of failing samples : 0",g 1-1,,true,,1,1,2,2,null,1,0,1
`
	vegetaText = `{"attack":"a","seq":0,"code":200,"timestamp":"2026-03-01T10:00:00.5Z","latency":5000000,"bytes_out":10,"bytes_in":20,"error":"","body":null,"method":"GET","url":"http://t.test/items/0a1b2c3d4e5f60718293?x=1","headers":null}
{"attack":"a","seq":1,"code":0,"timestamp":"2026-03-01T10:00:01.5Z","latency":30000000000,"bytes_out":0,"bytes_in":0,"error":"Get \"http://u:pw@t.test/items?key=geheim\": context deadline exceeded","body":null,"method":"GET","url":"http://t.test/items","headers":null}
`
	statsText = `Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%
GET,/orders,70,0,10,12.5,2.5,80.25,10.0,7.0,0.0,10,11,12,13,20,30,40,50,80,80,80
POST,POST /orders,30,3,20,22.5,4.5,90.5,10.0,3.0,0.3,20,21,22,23,30,40,60,90,91,91,91
,Aggregated,100,3,12,15.5,2.5,90.5,10.0,10.0,0.3,12,13,14,15,23,33,60,90,91,91,91
`
	historyText = `Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%,Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,Total Min Response Time,Total Max Response Time,Total Average Content Size
1772355600,0,,Aggregated,0.000000,0.000000,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,0,0,0,0.0,0,0,0
1772355601,2,,Aggregated,0.0,0.0,10,11,12,13,20,30,40,50,80,80,80,20,0,10,10,2.5,80.25,10
1772355602,2,,Aggregated,0.0,0.0,10,11,12,13,20,30,40,50,80,80,80,60,1,10,14,2.5,80.25,10
1772355610,2,,Aggregated,0.0,0.0,10,11,12,13,20,30,40,50,80,80,80,99,3,10,15.4,2.5,80.25,10
`
	failuresText = `Method,Name,Error,Occurrences
POST,POST /orders,HTTPError('503 Server Error: Service Unavailable for url: /orders?key=geheim'),2
POST,POST /orders,"ConnectionRefusedError(111, 'Connection refused')",1
`
	k6SummaryText = `{
  "metrics": {
    "http_reqs": {"count": 200, "rate": 20},
    "http_req_failed": {"passes": 4, "fails": 196, "value": 0.02, "thresholds": {"rate<0.01": true}},
    "http_req_duration": {"avg": 15, "min": 1, "med": 12, "max": 80, "p(90)": 30, "p(95)": 40, "thresholds": {"p(95)<500": false}},
    "http_req_duration{expected_response:true}": {"avg": 14, "min": 1, "med": 11, "max": 70, "p(90)": 29, "p(95)": 39},
    "iterations": {"count": 100, "rate": 10},
    "vus_max": {"value": 5, "min": 5, "max": 5}
  }
}`
	k6SummaryNewText = `{"root_group":{},"options":{},"state":{"testRunDurationMs":10000},"metrics":{"http_reqs":{"type":"counter","contains":"default","values":{"count":200,"rate":20}},"http_req_failed":{"type":"rate","values":{"rate":0.02,"passes":4,"fails":196},"thresholds":{"rate<0.01":{"ok":false}}},"http_req_duration":{"type":"trend","values":{"avg":15,"min":1,"med":12,"max":80,"p(90)":30,"p(95)":40}},"vus":{"type":"gauge","values":{"value":1,"min":1,"max":5}}}}`
)

// figures are what a result says, in short.
func figures(r *run.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d/%d in %vs", r.Totals.Failed, r.Totals.Requests, r.DurationS)
	if l := r.Totals.Response; l != nil {
		fmt.Fprintf(&b, " p50=%v max=%v mean=%v n=%d", l.P50, l.Max, l.Mean, l.N)
	}
	for _, e := range r.Endpoints {
		fmt.Fprintf(&b, "\n%s %d/%d %v", e.Name, e.Failed, e.Requests, e.Outcomes)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	vegetaCSV := "1772359200500000000,200,5000000,10,20,,aGk=,a,0,GET,http://t.test/items/0a1b2c3d4e5f60718293?x=1,\n" +
		"1772359201500000000,0,30000000000,0,0,\"Get \"\"http://u:pw@t.test/items?key=geheim\"\": context deadline exceeded\",,a,1,GET,http://t.test/items,\n"
	vegeta := "1/2 in 31s p50=5 max=5 mean=5 n=1\nGET /items/{id} 0/1 map[ok:1]\nGET /items 1/1 map[timeout:1]"
	k6Summary := "4/200 in 10s p50=%v max=%v mean=%v n=%v\nall requests 4/200 map[ok:196 status_0:4]"
	tests := []struct {
		name, format string
		texts        []string
		want         string
		model        metric.Model
		users        int
	}{
		{"k6", "k6", []string{k6Text}, "2/4 in 2.013s p50=12.501 max=20 mean=16.25 n=2\nGET /orders/{id} 0/2 map[ok:2]\nPOST checkout 2/2 map[refused:1 status_503:1]", "", 3},
		{"JTL", "jmeter", []string{jtlText}, "3/5 in 2.24s p50=12.001 max=30 mean=21 n=2\nGET /orders 0/2 map[ok:2]\nLog in 3/3 map[check:1 status_500:1 timeout:1]", metric.Closed, 2},
		{"JTL with semicolons", "jmeter", []string{"timeStamp;elapsed;label;responseCode;success\n1772355600000;12;a;200;true\n1772355600000;8;a;;false\n"}, "1/2 in 0.012s p50=12 max=12 mean=12 n=1\na 1/2 map[ok:1 status_0:1]", metric.Closed, 0},
		{"JTL with dates", "jmeter", []string{"timeStamp,elapsed,label,success\n2026/03/01 10:00:00.000,12,a,true\n"}, "0/1 in 0.012s p50=12 max=12 mean=12 n=1\na 0/1 map[ok:1]", metric.Closed, 0},
		{"vegeta JSON", "vegeta", []string{vegetaText}, vegeta, metric.Open, 0},
		{"vegeta CSV", "vegeta", []string{vegetaCSV}, vegeta, metric.Open, 0},
		{"Locust, all", "locust", []string{statsText, historyText, failuresText}, "3/100 in 10s p50=12 max=90.5 mean=15.5 n=100\nGET /orders 0/70 map[ok:70]\nPOST /orders 3/30 map[ok:27 refused:1 status_503:2]", metric.Closed, 2},
		{"Locust, stats", "locust", []string{statsText}, "3/100 in 10s p50=12 max=90.5 mean=15.5 n=100\nGET /orders 0/70 map[ok:70]\nPOST /orders 3/30 map[ok:27 status_0:3]", metric.Closed, 0},
		{"Locust, history", "locust", []string{historyText}, "3/99 in 10s p50=10 max=80.25 mean=15.4 n=99\nall requests 3/99 map[ok:96 status_0:3]", metric.Closed, 2},
		{"k6 summary, export", "k6-summary", []string{k6SummaryText}, fmt.Sprintf(k6Summary, 11, 70, 14, 196), "", 5},
		{"k6 summary, handleSummary", "k6-summary", []string{k6SummaryNewText}, fmt.Sprintf(k6Summary, 12, 80, 15, 200), "", 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, dir := imported(t, Options{}, tt.texts...)
			if got := figures(r); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			im := r.Imported
			if im == nil || im.Format != tt.format || len(im.Files) != len(tt.texts) || len(im.Files[0].SHA256) != 64 || im.Users != tt.users || r.Model != tt.model {
				t.Errorf("model %q, imported %+v", r.Model, im)
			}
			if !r.Complete || r.Verdict != "none" || len(r.NotShown) == 0 || len(r.NotShown) > 5 {
				t.Errorf("complete %v, verdict %v, not shown: %q", r.Complete, r.Verdict, r.NotShown)
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"secret", "geheim", "u:pw"} {
				if bytes.Contains(b, []byte(secret)) {
					t.Errorf("%s stands in the result", secret)
				}
			}
			// The journal tells the same again, and so does the result when it is read.
			c, err := run.Replay(dir)
			if err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(c.Result())
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("the journal tells another result: %v\n%s\n%s", err, again, b)
			}
			var back run.Result
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			if again, err = json.Marshal(&back); err != nil || !bytes.Equal(again, b) {
				t.Errorf("read and written again, the result differs: %v\n%s\n%s", err, again, b)
			}
			if !back.Generator.Valid {
				t.Error("a generator that nobody watched is called invalid")
			}
		})
	}
}

// TestAbsent holds that nothing that was not measured stands in result.json, as 0 or
// otherwise.
func TestAbsent(t *testing.T) {
	r, _ := imported(t, Options{}, k6SummaryText)
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"seed", "started_at", "model", "environment.cpus", "environment.go", "planned_duration_s", "totals.unsent", "totals.bytes_in", "totals.dropped",
		"totals.service_time_ms", "totals.response_time_ms.p99", "totals.response_time_ms.p99_9", "generator.valid", "generator.stalls", "generator.cpu_quota",
	} {
		at, ok := any(v), true
		for _, key := range strings.Split(path, ".") {
			m, isMap := at.(map[string]any)
			if at, ok = m[key]; !isMap || !ok {
				ok = false
				break
			}
		}
		if ok {
			t.Errorf("%s is there: %v", path, at)
		}
	}
	totals := v["totals"].(map[string]any)
	if totals["iterations"] != 100.0 || totals["response_time_ms"].(map[string]any)["p95"] != 39.0 {
		t.Errorf("what was measured is not there: %v", totals)
	}
	if l := r.Totals.Response; !math.IsNaN(l.P99) {
		t.Errorf("P99 = %v", l.P99)
	}
	want := []string{
		"The response times are k6's http_req_duration of the successful requests",
		"By k6's own judgement the threshold http_req_duration: p(95)<500 held", "By k6's own judgement the threshold http_req_failed: rate<0.01 was broken",
	}
	if !reflect.DeepEqual(r.Notes, want) {
		t.Errorf("notes: %q", r.Notes)
	}
}

// TestLocustWindows holds that windows have counts and means, which add up to the
// totals, and no percentiles.
func TestLocustWindows(t *testing.T) {
	r, _ := imported(t, Options{}, statsText, historyText)
	type window struct {
		t, length        float64
		users            int
		requests, failed int64
		mean             float64
	}
	var got []window
	for _, p := range r.Timeline {
		if p.P50 != nil || p.P95 != nil || p.Max != nil {
			t.Errorf("at %v s there is a percentile", p.T)
		}
		got = append(got, window{p.T, p.Length, p.Users, p.Requests, p.Failed, math.Round(*p.Mean*1000) / 1000})
	}
	// 20 x 10 ms, then 60 x 14 - 20 x 10 over 40; the last second has what the stats
	// file saw after the history's last row: 100 x 15.5 - 60 x 14 over 40.
	want := []window{{0, 1, 2, 20, 0, 10}, {1, 1, 2, 40, 1, 16}, {2, 8, 2, 40, 2, 17.75}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}

	reset := strings.Replace(historyText, "1772355610,2,,Aggregated,0.0,0.0,10,11,12,13,20,30,40,50,80,80,80,99,3", "1772355610,2,,Aggregated,0.0,0.0,10,11,12,13,20,30,40,50,80,80,80,40,0", 1)
	if r, _ = imported(t, Options{}, reset); r.Totals.Requests != 40 || r.DurationS != 8 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "line 5 (--reset-stats)") {
		t.Errorf("after a reset: %d requests in %v s, %q", r.Totals.Requests, r.DurationS, r.Notes)
	}

	// --csv-full-history: rows of endpoints stand between those of all.
	full := strings.Replace(historyText, "1772355602,2,,Agg", "1772355602,2,GET,/orders,0.0,0.0,10,11,12,13,20,30,40,50,80,80,80,9,0,10,14,2.5,80.25,10\n1772355602,2,,Agg", 1)
	if r, _ = imported(t, Options{}, full); r.Totals.Requests != 99 || r.Totals.Response != nil {
		t.Errorf("of a full history: %s", figures(r))
	}
}

// TestMistakes holds that each mistake is told with its place, and all at once.
func TestMistakes(t *testing.T) {
	k6 := func(data string) string {
		return `{"metric":"http_req_duration","type":"Point","data":{` + data + `,"tags":{"status":"200","method":"GET","name":"a"}}}` + "\n"
	}
	const good = `"time":"2026-03-01T10:00:01Z","value":1`
	jtlHead := "timeStamp,elapsed,label,success,allThreads\n"
	hlogHead := "#[Histogram log format version 1.3]\n#[StartTime: 1772355600.000 (seconds since epoch)]\n"
	head, _, _ := strings.Cut(historyText, "\n")
	row := func(at, requests string) string {
		return at + ",2,,Aggregated,0,0,1,1,1,1,1,1,1,1,1,1,1," + requests + ",0,1,1,1,1,1\n"
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{":1: it is empty"}},
		{"another format", "hello\n", []string{":1: in none of the formats that lt can read: locust, k6, k6-summary, jmeter, vegeta, hdr"}},
		{"JTL in XML", "<?xml version=\"1.0\"?>\n<testResults>", []string{":1: JTL in XML cannot be read"}},
		{"JTL without names", "1772355600000,12,a,200,OK\n", []string{":1: JTL without the line of column names"}},
		{"a report of vegeta's", `{"latencies":{},"status_codes":{}}`, []string{":1: a report of vegeta's has no times of single requests"}},
		{"k6, broken", k6(good) + "{\"metric\":}\n" + k6(`"time":"2026-03-01T10:00:01Z","value":-3`) + k6(`"time":"2026-03-01T10:00:01Z","value":1e300`) + k6(`"time":"yesterday","value":1`) + k6(good), []string{
			":2:11: invalid character '}'", ":3: http_req_duration is -3 ms: want 0 to 24 h", ":4: http_req_duration is 1e+300 ms", `:5: parsing time "yesterday"`,
		}},
		{"k6, no JSON", k6(good) + "garbage\n" + k6(good), []string{":2:1: invalid character 'g'"}},
		{"k6, another century", k6(good) + k6(`"time":"0001-01-01T00:00:00Z","value":1`) + k6(`"time":"9999-01-01T00:00:00Z","value":1`), []string{":2: its time is not between 1990 and 2190", ":3: its time is not between"}},
		{"k6, far apart", k6(good) + k6(`"time":"2027-03-01T10:00:01Z","value":1`), []string{":2: its time, 2027-03-01T10:00:01.000Z, lies over 168h0m0s from others"}},
		{"k6, out of order", k6(good) + k6(`"time":"2026-03-01T09:00:01Z","value":1`), []string{":2: its time, 2026-03-01T09:00:01.000Z, lies 1h0m0s before that of a line above: sort the file by time"}},
		{"k6, no request", `{"type":"Metric","data":{},"metric":"vus"}` + "\n", []string{": no request stands in it"}},
		{"JTL, columns", "timeStamp,elapsed,name\n1,2,3\n", []string{":1:1: the column label is missing (the first line names: timeStamp, elapsed, name)", ":1:1: the column success is missing"}},
		{"JTL, rows", jtlHead + "1772355600000,12,a,true\n1772355600000,-1,a,true,1\n1772355600000,x,a,perhaps,-2\nnow,1,a,true,1\n5,1,a,true,1\n1772355600000,1,a\"b,true,1\n", []string{
			":2:1: 4 columns, and the first line names 5", `:3:15: elapsed "-1": want milliseconds from 0 to 24 h`, `:4:15: elapsed "x"`, `:4:19: success "perhaps"`, `:4:27: allThreads "-2"`,
			`:5:1: timeStamp "now": want milliseconds since 1970`, ":6:1: its time is not between 1990 and 2190",
		}},
		{"JTL, quotes", jtlHead + "1772355600000,1,\"a\"b,true,1\n1772355600000,1,\"a,true,1\n", []string{":2:20: a quoted field goes on after its quotes", ":3:17: the quotes that start here do not end"}},
		{"vegeta, columns", "1772359200500000000,200,5,10,20,,,a,0,GET,http://t.test/,\n1772359200500000000,200,5,10\n1772359200500000000,200,x,10,20,,,a,0\n1772359200500000000,2000,5,1,2,,,a,0\n1772359200500000000,200,-5,1,2,,,a,0\n", []string{
			":2:1: 4 fields: a result of vegeta has 12, or 9 of older versions", `:3:25: "x": want a whole number`, ":4:1: the code is -1", ":5:1: the latency is -5 ns",
		}},
		{"hdr", hlogHead + "1.000,1.000,5.000,HISTFxxx\n-1,1.000,5,HISTFAAAAx\n1,2\n", []string{":3:19: no histogram of the V2 encoding", `:4:1: "-1": want seconds`, ":5:1: 2 fields"}},
		{"Locust, rows", head + "\n" + row("1772355600", "5") + row("1772355599", "6") + row("x", "7") + row("1772355601", "1e9") + row("1772355601", "99999999999999999999") + "1,2\n", []string{
			`:3:1: Timestamp "1772355599": want no earlier than the row above`, `:4:1: Timestamp "x": want a whole number`, `:5:`, `:6:`, ":7:1: 2 columns, and the first line names 24",
		}},
		{"Locust, no end", strings.Split(statsText, "\n")[0] + "\n", []string{": the row Aggregated is missing"}},
		{"Locust, failures only", failuresText, []string{": it tells of failures only"}},
		{"k6 summary, broken", "{\n \"metrics\": {\n  \"http_reqs\": 3}}", []string{":3:16: json: cannot unmarshal number"}},
		{"k6 summary, figures", `{"metrics":{"http_reqs":{"count":10,"rate":1},"http_req_failed":{"passes":11},"http_req_duration":{"avg":-1}}}`, []string{": http_req_failed: 11 of 10 requests cannot have failed", ": http_req_duration: avg is -1"}},
		{"k6 summary, no requests", `{"metrics":{}}`, []string{": it has no metric http_reqs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.text)[0]
			_, err := Open([]string{path}, Options{})
			if err == nil {
				t.Fatal("no mistake was found")
			}
			text := strings.ReplaceAll(err.Error(), path, "")
			rest := text
			for _, w := range tt.want {
				_, after, ok := strings.Cut(rest, w)
				if !ok {
					t.Errorf("%q is missing in\n%s", w, text)
				}
				rest = after
			}
			if n := strings.Count(text, "\n") + 1; n != len(tt.want) {
				t.Errorf("%d mistakes, want %d:\n%s", n, len(tt.want), text)
			}
		})
	}

	t.Run("many", func(t *testing.T) {
		_, err := Open(write(t, k6(good)+strings.Repeat("garbage\n", 1000)+k6(good)), Options{})
		if err == nil || strings.Count(err.Error(), "\n") != maxMistakes || !strings.HasSuffix(err.Error(), "and 980 more mistakes") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("mixed", func(t *testing.T) {
		_, err := Open(write(t, k6Text, jtlText), Options{})
		if err == nil || !strings.Contains(err.Error(), "it is of jmeter, and ") {
			t.Errorf("got %v", err)
		}
		if _, err = Open(write(t, k6Text), Options{Format: "jmeter"}); err == nil || !strings.Contains(err.Error(), "it looks like k6, not like jmeter") {
			t.Errorf("got %v", err)
		}
		if _, err = Open(write(t, statsText, statsText), Options{}); err == nil || !strings.Contains(err.Error(), "of the same kind as") {
			t.Errorf("got %v", err)
		}
		if _, err = Open(write(t, strings.ReplaceAll(statsText, "Aggregated,100,", "Aggregated,9,"), historyText), Options{}); err == nil || !strings.Contains(err.Error(), "they are not of one run") {
			t.Errorf("got %v", err)
		}
		if _, err = Open([]string{t.TempDir()}, Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("names", func(t *testing.T) {
		var b strings.Builder
		b.WriteString(jtlHead)
		for i := range maxEndpoints + 2 {
			fmt.Fprintf(&b, "1772355600000,1,user-%d,true,1\n", i)
		}
		_, err := Open(write(t, b.String()), Options{})
		if err == nil || strings.Count(err.Error(), "names hold what differs") != 2 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("long line", func(t *testing.T) {
		_, err := Open(write(t, k6(good)+strings.Repeat("x", maxLine+10)+"\n"+k6(good)), Options{})
		var m *Mistake
		if !errors.As(err, &m) || m.Line != 2 || !strings.Contains(m.Text, "longer than 1024 KiB") {
			t.Errorf("got %v", err)
		}
	})
}

// TestTorn holds that a file whose last line is cut anywhere loses that line alone,
// and says so.
func TestTorn(t *testing.T) {
	for name, text := range map[string]string{"k6": k6Text, "jmeter": jtlText[:strings.LastIndex(jtlText, "1772355600000,1000")], "vegeta": vegetaText} {
		whole := strings.TrimSuffix(text, "\n")
		whole = whole[:strings.LastIndexByte(whole, '\n')+1]
		last := text[len(whole):]
		for cut := 1; cut < len(last)-1; cut += 7 {
			im, err := Open(write(t, whole+last[:cut]), Options{Format: name})
			if err != nil {
				t.Fatalf("%s, cut at %d: %v", name, cut, err)
			}
			if name == "jmeter" && im.requests == 5 {
				continue // what is missing is not asked for
			}
			if len(im.notes) == 0 || !strings.Contains(strings.Join(im.notes, " "), "torn") {
				t.Errorf("%s, cut at %d: %d requests, notes %q", name, cut, im.requests, im.notes)
			}
		}
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, strings.Repeat(k6Text, 300))
	w.Close()
	whole, _ := imported(t, Options{}, b.String())
	if whole.Totals.Requests != 1200 {
		t.Errorf("of a gzip: %d requests", whole.Totals.Requests)
	}
	r, _ := imported(t, Options{}, b.String()[:b.Len()*2/3])
	if n := r.Totals.Requests; n == 0 || n >= 1200 || !strings.Contains(strings.Join(r.Notes, " "), "the gzip ends within line") {
		t.Errorf("of half a gzip: %d requests, %q", n, r.Notes)
	}
}

// many is a JTL file of n requests, some of them out of order; several files where
// parts is over 1.
func many(n, parts int) []string {
	out := make([]strings.Builder, parts)
	for i := range out {
		out[i].WriteString("timeStamp,elapsed,label,responseCode,success\n")
	}
	for i := range n {
		at := 1772355600000 + int64(i)*37
		if i%5 == 0 {
			at += 9000 // written 9 s early
		}
		code, ok := 200, true
		if i%97 == 0 {
			code, ok = 503, false
		}
		fmt.Fprintf(&out[i%parts], "%d,%d,GET /e%d,%d,%v\n", at, i*31%400, i%3, code, ok)
	}
	var texts []string
	for i := range out {
		texts = append(texts, out[i].String())
	}
	return texts
}

// TestOrder holds that a run is the same in whatever order, and however many files,
// its requests stand.
func TestOrder(t *testing.T) {
	one, _ := imported(t, Options{}, many(3000, 1)...)
	three, _ := imported(t, Options{}, many(3000, 3)...)
	if a, b := figures(one), figures(three); a != b {
		t.Errorf("in one file\n%s\nin three\n%s", a, b)
	}
	if !reflect.DeepEqual(one.Timeline, three.Timeline) {
		t.Error("the timelines differ")
	}
	n := int64(0)
	for i, p := range one.Timeline {
		n += p.Requests
		if i > 0 && p.T != one.Timeline[i-1].T+one.Timeline[i-1].Length {
			t.Errorf("a gap before %v s", p.T)
		}
	}
	if n != 3000 || one.Totals.Requests != 3000 {
		t.Errorf("%d requests on the timeline, %d in all", n, one.Totals.Requests)
	}
	warm, _ := imported(t, Options{Warmup: 10 * time.Second}, many(3000, 1)...)
	if warm.Warmup.Requests == 0 || warm.Warmup.Requests+warm.Totals.Requests != 3000 || warm.WarmupS != 10 || warm.MeasuredS != one.MeasuredS-10 {
		t.Errorf("with a warm-up: %+v, %d", warm.Warmup, warm.Totals.Requests)
	}
}

// TestHistogramLog holds that lt's own log gives the run again, to its three digits,
// and that logs of others are read with their unit and their times.
func TestHistogramLog(t *testing.T) {
	from, dir := imported(t, Options{}, many(3000, 1)...)
	log, err := os.ReadFile(filepath.Join(dir, run.HistogramFile))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := imported(t, Options{}, string(log))
	if r.Totals.Requests != 3000 || r.Totals.Failed != from.Totals.Failed || r.StartedAt.Sub(from.StartedAt).Abs() > time.Second {
		t.Errorf("%d requests, %d failed, started %v", r.Totals.Requests, r.Totals.Failed, r.StartedAt)
	}
	for i := range from.Endpoints {
		a, b := from.Endpoints[i], r.Endpoints[i]
		if a.Name != b.Name || a.Requests != b.Requests || math.Abs(a.Response.P95/b.Response.P95-1) > .002 || math.Abs(a.Response.Mean/b.Response.Mean-1) > .002 {
			t.Errorf("%+v became %+v", a, b)
		}
	}
	// The same histograms as another tool's, which has no tag, whose values are
	// called microseconds, and whose log does not tell when it starts.
	line := ""
	for _, l := range strings.Split(string(log), "\n") {
		if _, rest, ok := strings.Cut(l, ":ok,"); ok && line == "" {
			line = rest
		}
	}
	r, _ = imported(t, Options{Unit: time.Microsecond}, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n"+strings.Replace(line, "0.000,1.", "0.000,5.", 1)+"\n")
	if !r.StartedAt.IsZero() || r.DurationS < 1 || r.Endpoints[0].Name != "all" || r.Totals.Response.Max < 100_000 {
		t.Errorf("%v, %v s: %s", r.StartedAt, r.DurationS, figures(r))
	}
}

// TestVerifyImportMemory holds that memory does not grow with the file.
func TestVerifyImportMemory(t *testing.T) {
	if os.Getenv("LT_VERIFY") == "" {
		t.Skip("LT_VERIFY=1 runs it")
	}
	path := filepath.Join(t.TempDir(), "big.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const n = 400_000
	for i := range n {
		at := time.Unix(1772355600, 0).Add(time.Duration(i) * 5 * time.Millisecond).UTC().Format(time.RFC3339Nano)
		fmt.Fprintf(f, `{"metric":"http_req_duration","type":"Point","data":{"time":"%s","value":%d.5,"tags":{"expected_response":"true","group":"","method":"GET","name":"http://t.test/orders/%d","proto":"HTTP/1.1","scenario":"default","status":"200"}}}`+"\n", at, i%300, i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	im, err := Open([]string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &run.Plan{Schema: run.Schema}
	im.Plan(p)
	most, seen, requests := uint64(0), 0, int64(0)
	err = im.Replay(func(s *metric.Snapshot) error {
		total := s.Totals()
		requests += total.Requests
		if seen++; seen%100 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
		return nil
	})
	// From the start of the first, half a millisecond before its end, to the end of the last: 1,999.9955 s.
	if err != nil || seen != 2000 || requests != n {
		t.Errorf("%d snapshots with %d requests, %v", seen, requests, err)
	}
	if most > 64<<20 {
		t.Errorf("the heap grew to %d MiB", most>>20)
	}
	t.Logf("%d requests: heap at most %d MiB", n, most>>20)
}

func TestEndpoints(t *testing.T) {
	for _, tt := range []struct{ method, name, want string }{
		{"GET", "http://t.test/a/12/b?x=1", "GET /a/{id}/b"},
		{"get", "https://t.test", "GET /"},
		{"GET", "GET /health/live", "GET /health/live"},
		{"", "GET /health/live", "GET /health/live"},
		{"", "Log in", "Log in"},
		{"", "https://t.test/a/0f8fad5b-d9cb-469f-a165-70867728950e/v2", "/a/{id}/v2"},
		{"POST", "/a/12", "POST /a/12"},
		{"POST", "/a?key=1", "POST /a"},
		{"", "", "(no name)"},
		{"GET", "http://t.test/feed/deadbeefcafe/cafe", "GET /feed/deadbeefcafe/cafe"},
		{"GET", "http://t.test/feed/deadbeefcaf3", "GET /feed/{id}"},
	} {
		if got := endpoint(tt.method, tt.name).Name(); got != tt.want {
			t.Errorf("endpoint(%q, %q) = %q, want %q", tt.method, tt.name, got, tt.want)
		}
	}
}
