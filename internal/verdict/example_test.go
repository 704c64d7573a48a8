package verdict_test

import (
	"fmt"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

func ExampleParseThreshold() {
	t, _ := verdict.ParseThreshold("http_req_duration{name:GET /orders/{id}}: p(95)<300")
	fmt.Println(t.Expression)
	_, err := verdict.ParseThreshold("eror_rate < 1%")
	fmt.Println(err)
	// Output:
	// p95{GET /orders/{id}} < 300ms
	// threshold "eror_rate < 1%": there is no metric "eror_rate"; did you mean "error_rate < 1%"?
}

func ExampleJudge() {
	thresholds := verdict.Default()
	total := verdict.Series{Requests: 250, Failed: 1, Outcomes: map[metric.Class]int64{{}: 249, {Outcome: metric.Timeout}: 1}}
	for i := range 249 {
		total.Response.Record(time.Duration(i) * time.Millisecond)
	}
	j := verdict.Judge(thresholds, verdict.Evidence{
		Total: total, Model: metric.Closed, Think: true,
		Window: 50 * time.Second, Duration: time.Minute, Complete: true,
	})
	fmt.Println(j.Verdict)
	for _, reason := range j.Reasons {
		fmt.Println(reason)
	}
	fmt.Println(j.Thresholds[1].Reason)
	// Output:
	// inconclusive
	// error rate 0.4 % (0.0205-1.88), 1 of 250 requests failed, limit 1 %; not proven: about 500 more requests would decide, if the share stays: about 1m40s more: -d 2m40s
	// p95 237 ms (231-243), 0.4 % of 250 requests failed (1) or took over 500 ms, limit 5 %
}

func ExampleForecast() {
	for _, t := range verdict.Default() {
		if short, ok := verdict.Forecast(t, verdict.Expected{Requests: 90, Window: 30 * time.Second, Total: 35 * time.Second}); ok {
			fmt.Println(short.Sentence)
		}
	}
	// Output:
	// error_rate < 1% needs 299 requests without a failure; about 90 are expected; a run of 1m50s could decide
}
