package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/internal/verdict"
)

// fixtures are the runs that every format is tested with. Each call builds them
// anew, from a fixed clock and a fixed seed.
func fixtures() map[string]*run.Result {
	return map[string]*run.Result{
		"passing":      dispersed(passing()),
		"failing":      dispersed(failing()),
		"invalid":      dispersed(invalid()),
		"inconclusive": dispersed(inconclusive()),
		"partial":      dispersed(partial()),
		"regressed":    dispersed(regressed()),
		"empty":        empty(),
		"hostile":      hostile(),
	}
}

var origin = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

var apiEndpoints = []string{
	"POST /api/v1/agents/", "GET /api/v1/agents/", "GET /api/v1/agents/{id}", "PATCH /api/v1/agents/{id}", "DELETE /api/v1/agents/{id}",
	"POST /api/v1/goals/", "GET /api/v1/goals/", "GET /api/v1/goals/{id}", "PATCH /api/v1/goals/{id}",
	"POST /api/v1/tasks/", "GET /api/v1/tasks/{id}", "PATCH /api/v1/tasks/{id}", "GET /health/live",
}

func at[T any](v T) *T { return &v }

func latency(p50 float64, n int64) *run.Latency {
	return &run.Latency{P50: p50, P90: p50 * 3.1, P95: p50 * 4.6, P99: p50 * 11.7, P999: p50 * 23.3, Max: p50 * 41.9, Mean: p50 * 1.42, Min: p50 * .31, N: n}
}

// passing is fifteen minutes of 500 users against 13 endpoints, with nothing
// wrong but a few failures.
func passing() *run.Result {
	r := &run.Result{
		Schema: run.Schema, LT: "v0.1.0", RunID: "peak-20261121T140000Z", Scenario: "peak", Purpose: "tests maximum capacity",
		ScenarioDigest: "sha256:5f0c1d2e", Workload: "api", Target: "http://127.0.0.1:8009", Reference: true,
		Labels: map[string]string{"commit": "4f2a91c", "branch": "main"}, Model: metric.Closed, Load: "500 users, 50/s, 15m",
		StartedAt: origin, DurationS: 901.2, PlannedS: 900, MeasuredS: 880, Complete: true, Seed: 42,
		Command: "lt run peak --reference --label commit=4f2a91c --seed 42",
		Verdict: verdict.Pass, Reasons: []string{"3 of 3 thresholds were shown to hold."},
		Preflight: &run.Preflight{Count: verdict.Count{Requests: 6}},
		Warmup:    verdict.Count{Requests: 3120, Failed: 1}, WarmupS: 20,
		Generator: run.Generator{
			CPUPercent: at(38.2), CPUMax: at(61.0), CPUQuota: 2, RSSMax: at(int64(48_300_000)),
			StartDelay: &run.StartDelay{P50: .08, P99: 1.21, Max: 9.4}, GCPause: &run.GCPause{Max: .31, Total: 12.2}, Valid: true,
		},
		Environment: run.Environment{Host: "build-7", CPUs: 2, Go: "go1.26.8", OS: "linux/amd64"},
		NotShown: []string{
			"Throughput is bounded by think time: 500 users can ask for at most 250/s, so this run does not show the target's capacity.",
			"P99.9 of 12 endpoints rests on fewer than 100 slow requests each.",
			"One run says nothing of the spread between runs.",
		},
		Notes: []string{"lt and its target shared one machine: they competed for its 2 CPUs."},
		Events: []run.Event{
			{T: 0, Kind: "start"}, {T: 10, Kind: "ramped", Note: "500 users"}, {T: 20, Kind: "measured"}, {T: 900, Kind: "stop", Note: "planned end"},
		},
	}
	setEndpoints(r, apiEndpoints, 880)
	r.Thresholds = []verdict.Judged{
		{
			Expression: "error_rate < 1%", Op: "<", Metric: "error_rate", Unit: "ratio", Value: at(.00017), Low: at(.00013), High: at(.00022), Limit: .01,
			N: r.Totals.Requests + 3120, Verdict: verdict.Pass, Source: "default", Reason: "45 of 258,192 requests failed: at most 0.02 %, under the limit of 1 %.",
		},
		{
			Expression: "p95 < 500ms", Op: "<", Metric: "p95", Unit: "ms", Value: at(27.1), Low: at(26.6), High: at(27.7), Limit: 500, Share: at(.0031), ShareLimit: at(.05),
			N: r.Totals.Requests, Verdict: verdict.Pass, Source: "default", Reason: "0.31 % of the requests failed or took longer than 500 ms; 5 % may.",
		},
	}
	for _, e := range r.Endpoints {
		r.Thresholds = append(r.Thresholds, verdict.Judged{
			Expression: "error_rate{*} < 1%", Op: "<", Scope: e.Name, Metric: "error_rate", Unit: "ratio", Value: e.ErrorRate, Low: at(0.), High: at(.0013), Limit: .01,
			N: e.Requests, Verdict: verdict.Pass, Source: "default", Reason: "Not shown to be broken.",
		})
	}
	r.Totals.Failed, r.Totals.ErrorRate = 44, at(.000174)
	r.Timeline = timeline(901, 20, 900, 500, func(int) (float64, float64, float64) { return 1, 0.0002, 1 })
	r.Failures = []run.Failure{
		{
			Endpoint: "GET /api/v1/tasks/{id}", Class: "timeout", Count: 31, Share: .0014, FirstSeenS: 412, LastSeenS: 414,
			Exemplars: []metric.Exemplar{{
				Endpoint: "GET /api/v1/tasks/{id}", Class: "timeout", Phase: "headers", At: 412_400_000_000, ServiceTime: 30 * time.Second,
				Message: "no complete answer within 30s; the request was sent, no byte of the answer came",
				Request: "GET /api/v1/tasks/0b2c6f1e-1d2f-4a2e-9a77-0d6f5a3f8c11 HTTP/1.1\r\nHost: 127.0.0.1:8009\r\nX-API-Key: [redacted]\r\nAccept: application/json",
			}},
		},
		{Endpoint: "POST /api/v1/goals/", Class: "status_503", Count: 14, Share: .0006, FirstSeenS: 3, LastSeenS: 803},
	}
	return r
}

// setEndpoints fills Endpoints and Totals with plausible figures.
func setEndpoints(r *run.Result, names []string, seconds float64) {
	rng := rand.New(rand.NewPCG(7, 9))
	for _, name := range names {
		method, path, _ := strings.Cut(name, " ")
		n := int64(4000 + rng.IntN(31000))
		failed := int64(0)
		switch name {
		case "GET /api/v1/tasks/{id}":
			failed = 30
		case "POST /api/v1/goals/":
			failed = 14
		}
		e := run.EndpointResult{
			Name: name, Method: method, Path: path, Requests: n, Failed: failed, ErrorRate: at(float64(failed) / float64(n)),
			Throughput: at(float64(n-failed) / seconds), Response: latency(3+rng.Float64()*6, n-failed), Verdict: verdict.Pass,
			Outcomes: map[string]int64{"ok": n - failed},
		}
		if failed > 0 {
			e.Outcomes[map[int64]string{30: "timeout", 14: "status_503"}[failed]] = failed
		}
		r.Endpoints = append(r.Endpoints, e)
		r.Totals.Requests += n
		r.Totals.Failed += failed
	}
	total(r, seconds)
}

func total(r *run.Result, seconds float64) {
	t := &r.Totals
	t.ErrorRate = at(float64(t.Failed) / float64(t.Requests))
	t.Throughput = at(float64(t.Requests-t.Failed) / seconds)
	t.Attempts = at(float64(t.Requests) / seconds)
	t.Iterations, t.Idle, t.Pace, t.Reconnects, t.BytesOut, t.BytesIn = t.Requests-900, 120, at(.9874), 12, 81_000_000, 402_000_000
	t.Response = latency(5.9, t.Requests-t.Failed)
}

// timeline is a point a second. shape gives for each second the factors of load
// and latency and the share that fails.
func timeline(seconds, warmup, stop, users int, shape func(s int) (load, failing, slow float64)) []run.Point {
	rng := rand.New(rand.NewPCG(1, 2))
	var ps []run.Point
	for s := range seconds {
		load, failing, slow := shape(s)
		up := min(float64(users), float64(s+1)*float64(users)/10)
		n := int64(up / 2.01 * load * (.94 + .12*rng.Float64()))
		failed := int64(math.Round(float64(n)*failing + .3*rng.Float64()*failing*float64(n)))
		failed = min(failed, n)
		p := run.Point{T: float64(s), Length: 1, Period: metric.Measured, Users: int(up), Requests: n, Failed: failed, Throughput: float64(n - failed), StartDelay: at(.6 + rng.Float64()), CPU: at(30 + 20*rng.Float64())}
		switch {
		case s < warmup:
			p.Period = metric.Warmup
			slow *= 1 + 3*math.Exp(-float64(s)/5)
		case s >= stop:
			p.Period = metric.Drain
			p.Users, p.Requests, p.Failed, p.Throughput = users/50, n/9, failed/9, float64(n/9-failed/9)
		}
		if p.Requests > p.Failed {
			p50 := (5 + rng.Float64()) * slow
			p.P50, p.P95, p.P99 = at(p50), at(p50*(4+rng.Float64())), at(p50*(9+5*rng.Float64()))
			p.Max = at(*p.P99 * (1.2 + 4*rng.Float64()*rng.Float64()))
		}
		ps = append(ps, p)
	}
	return ps
}

// failing is five minutes with four broken endpoints and an outage of 40 s.
func failing() *run.Result {
	r := passing()
	r.RunID, r.Scenario, r.Load, r.Labels = "normal-20261121T140000Z", "normal", "100 users, 10/s, 5m", nil
	r.DurationS, r.PlannedS, r.MeasuredS, r.Reference = 300.4, 300, 280, false
	r.Verdict, r.ExitCode, r.Command = verdict.Fail, new(99), "lt run normal --target https://staging.example.com --duration 5m -k --seed 42"
	r.Target, r.Insecure = "https://staging.example.com", true
	r.Rows = &run.Rows{Created: 4112, Deleted: 300, Left: 3812}
	r.Outages = []run.Outage{{FromS: 150, ToS: 190, Requests: 1480, Failed: 1480}}
	r.Endpoints, r.Totals, r.Failures, r.Thresholds = nil, run.Totals{}, nil, nil
	broken := map[string]string{"POST /api/v1/goals/": "status_500", "POST /api/v1/tasks/": "status_500", "GET /api/v1/agents/{id}": "status_500", "PATCH /api/v1/agents/{id}": "status_422"}
	rng := rand.New(rand.NewPCG(3, 4))
	for i, name := range apiEndpoints {
		method, path, _ := strings.Cut(name, " ")
		n := int64(400 + rng.IntN(3000))
		e := run.EndpointResult{Name: name, Method: method, Path: path, Requests: n, Throughput: at(0.), Verdict: verdict.Pass}
		if i == 11 {
			e = run.EndpointResult{Name: name, Method: method, Path: path, Verdict: verdict.None, Outcomes: map[string]int64{}}
			r.Endpoints = append(r.Endpoints, e)
			continue
		}
		class := broken[name]
		switch {
		case class != "":
			e.Failed, e.Verdict, e.Outcomes = n, verdict.Fail, map[string]int64{class: n}
			e.FailedTime = latency(2.2, n)
		default:
			e.Failed = n / 8
			e.Outcomes = map[string]int64{"ok": n - e.Failed, "refused": e.Failed}
			e.Response, e.Throughput, e.Verdict = latency(4+rng.Float64()*4, n-e.Failed), at(float64(n-e.Failed)/280), verdict.Fail
		}
		e.ErrorRate = at(float64(e.Failed) / float64(n))
		r.Endpoints = append(r.Endpoints, e)
		r.Totals.Requests += n
		r.Totals.Failed += e.Failed
		f := run.Failure{Endpoint: name, Class: class, Count: n, Share: 1, FirstSeenS: 1, LastSeenS: 300}
		if class == "" {
			f.Class, f.Count, f.Share, f.FirstSeenS, f.LastSeenS = "refused", e.Failed, *e.ErrorRate, 150, 190
		}
		f.Exemplars = []metric.Exemplar{*exemplar(&f)}
		if f.Class == "status_422" { // a second cause
			e := *exemplar(&f)
			e.Message, e.At = "422: field configuration: max_tokens must be at least 1", 41_700_000_000
			e.RequestBody, e.Request = `{"configuration":{"max_tokens":0}}`, e.Request+"\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
			f.Exemplars = append(f.Exemplars, e)
		}
		r.Failures = append(r.Failures, f)
		j := verdict.Judged{
			Expression: "error_rate{*} < 1%", Op: "<", Scope: name, Metric: "error_rate", Unit: "ratio", Value: e.ErrorRate, Low: at(*e.ErrorRate * .93),
			High: at(min(1, *e.ErrorRate*1.07)), Limit: .01, N: n, Verdict: verdict.Fail, Source: "default", Reason: fmt.Sprintf("%s of %s failed.", count(e.Failed), count(n)),
		}
		if class == "" {
			j.Verdict = verdict.Pass
		}
		r.Thresholds = append(r.Thresholds, j)
	}
	total(r, 280)
	all, failed := r.Totals.Requests+r.Warmup.Requests, r.Totals.Failed+r.Warmup.Failed
	rate := float64(failed) / float64(all)
	r.Totals.ErrorRate = at(rate)
	r.Reasons = []string{
		fmt.Sprintf("error_rate < 1%% is broken: %s of %s requests failed (%s %%, at least %s %%).", count(failed), count(all), percent(rate), percent(rate-.0044)),
		"p95 < 500ms is broken: 42.61 % of the requests failed or took longer than 500 ms; 5 % may.",
		"4 endpoints are broken: POST /api/v1/goals/, POST /api/v1/tasks/, GET /api/v1/agents/{id}, PATCH /api/v1/agents/{id}.",
		"The target answered nothing from 2:30 to 3:10.",
	}
	r.Thresholds = append(r.Thresholds, []verdict.Judged{
		{
			Expression: "error_rate < 1%", Op: "<", Metric: "error_rate", Unit: "ratio", Value: at(rate), Low: at(rate - .0044), High: at(rate + .0044), Limit: .01,
			N: all, Verdict: verdict.Fail, Source: "default", Reason: count(failed) + " of " + count(all) + " requests failed.",
		},
		{Expression: "p95 < 500ms", Op: "<", Metric: "p95", Unit: "ms", Limit: 500, Share: at(.4261), ShareLimit: at(.05), N: r.Totals.Requests, Verdict: verdict.Fail, Source: "default", Reason: "More requests failed than the percentile leaves room for: it has no value."},
		{Expression: "throughput >= 100/s", Op: ">=", Metric: "throughput", Unit: "per_s", Value: at(63.5), Low: at(62.4), High: at(64.6), Limit: 100, N: 17772, Verdict: verdict.Fail, Source: "flag", Reason: "63.5/s, at most 64.6/s."},
		{Expression: "p99{GET /health/*} < 50ms", Op: "<", Metric: "p99", Unit: "ms", Value: at(38.4), Low: at(31.2), High: at(55.9), Limit: 50, Share: at(.0081), ShareLimit: at(.01), N: 812, Verdict: verdict.Inconclusive, Source: "flag", Reason: "0.81 % were over 50 ms, between 0.4 % and 1.6 %; about 5 more minutes would decide it."},
	}...)
	r.Events = []run.Event{{T: 0, Kind: "start"}, {T: 20, Kind: "measured"}, {T: 240, Kind: "users", Note: "100 to 120"}, {T: 300, Kind: "stop", Note: "planned end"}}
	r.Timeline = timeline(300, 20, 299, 100, func(s int) (float64, float64, float64) {
		if s >= 150 && s < 190 {
			return .8, 1, 1
		}
		return 1, .32, 1 + float64(s)/150
	})
	r.NotShown = append(r.NotShown, "PATCH /api/v1/tasks/{id} was never exercised: no task could be created.")
	return r
}

func exemplar(f *run.Failure) *metric.Exemplar {
	method, path, _ := strings.Cut(f.Endpoint, " ")
	e := &metric.Exemplar{Endpoint: f.Endpoint, Class: f.Class, At: time.Duration(f.FirstSeenS * 1e9), ServiceTime: 2_210_000}
	e.TraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	e.Request = method + " " + path + " HTTP/1.1\r\nHost: staging.example.com\r\nX-API-Key: [redacted]\r\nContent-Type: application/json\r\nContent-Length: 61"
	if f.Class == "refused" {
		e.Phase, e.Message = "dial", "connection refused: nothing listens on 10.2.0.4:443"
		return e
	}
	fmt.Sscanf(f.Class, "status_%d", &e.Status)
	e.Phase, e.Message = "body", "422: status must be one of active, idle, busy, suspended"
	if e.Status == 500 {
		e.Message = "500 (upstream 405): E9901 internal error: KeyError 'goal_id'"
	}
	if method != "GET" {
		e.RequestBody = `{"agent_id":"0b2c6f1e","description":"it's a goal","priority":5}`
	}
	e.Response = fmt.Sprintf("HTTP/1.1 %d Error\r\nContent-Type: application/problem+json\r\nX-Request-ID: 7f3a\r\nServer-Timing: gateway;dur=1.2, upstream;dur=0.9", e.Status)
	e.ResponseBody = "{\n  \"type\": \"about:blank\",\n  \"title\": \"Internal Server Error\",\n  \"code\": \"E9901\",\n  \"detail\": \"KeyError 'goal_id' <script>alert(1)</script>\"\n}"
	return e
}

// invalid is a run whose generator could not keep up.
func invalid() *run.Result {
	r := passing()
	r.Verdict, r.ExitCode, r.Model, r.Load = verdict.Invalid, new(4), metric.Open, "2,000/s for 2m, at most 10,000 users"
	r.Scenario, r.RunID, r.DurationS, r.PlannedS, r.MeasuredS = "rate.yaml", "rate-20261121T140000Z", 121, 120, 110
	r.Reasons = []string{"lt could not keep its own schedule: 1 % of the iterations started more than 412 ms late, and its CPU was at 196 % of 200 %.", "Latency and throughput are withheld; the target's own failures would still count."}
	r.Totals.Dropped, r.Totals.Unsent, r.Totals.Pace = 8123, 412, nil
	r.Totals.Service = latency(4.1, 1000)
	r.Generator = run.Generator{
		CPUPercent: at(196.), CPUMax: at(200.), CPUQuota: 2, RSSMax: at(int64(212_000_000)), StartDelay: &run.StartDelay{P50: 18, P99: 412, Max: 1810},
		GCPause: &run.GCPause{Max: 21, Total: 912}, Stalls: 14, StallMaxMS: 812, Failed: 3, Valid: false,
		Validity: []string{"1 % of the iterations started more than 412 ms late; 50 ms is the limit.", "CPU 196 % of 200 %: give lt more cores, or lower the rate."},
	}
	for i := range r.Thresholds {
		if r.Thresholds[i].Unit == "ms" {
			r.Thresholds[i].Verdict = verdict.Invalid
			r.Thresholds[i].Reason = "Withheld: the generator was the bottleneck."
		}
	}
	r.Timeline = timeline(121, 12, 120, 900, func(s int) (float64, float64, float64) { return 1, .001, 1 + 40*float64(s)/120 })
	r.Events = []run.Event{{T: 0, Kind: "start"}, {T: 120, Kind: "stop"}}
	return r
}

// inconclusive is a run of eight seconds.
func inconclusive() *run.Result {
	r := passing()
	r.Verdict, r.ExitCode, r.Load, r.DurationS, r.PlannedS, r.MeasuredS = verdict.Inconclusive, new(5), "10 users, 2/s, 8s", 8.1, 8, 3
	r.Scenario, r.Warmup, r.WarmupS = "light", verdict.Count{Requests: 19}, 5
	r.Endpoints, r.Totals, r.Failures = nil, run.Totals{}, nil
	setEndpoints(r, apiEndpoints[:2], 3)
	for i := range r.Endpoints {
		r.Endpoints[i].Requests, r.Endpoints[i].Failed, r.Endpoints[i].ErrorRate = 23, 0, at(0.)
		r.Endpoints[i].Throughput, r.Endpoints[i].Outcomes = at(7.7), map[string]int64{"ok": 23}
	}
	r.Totals = run.Totals{Requests: 46}
	total(r, 3)
	r.Reasons = []string{"error_rate < 1% cannot be decided by 65 requests: 299 without a failure would; about 60 s at this rate.", "p95 < 500ms holds in 46 of 46 requests; 59 are needed."}
	r.Thresholds = []verdict.Judged{
		{Expression: "error_rate < 1%", Op: "<", Metric: "error_rate", Unit: "ratio", Value: at(0.), Low: at(0.), High: at(.04), Limit: .01, N: 65, Verdict: verdict.Inconclusive, Source: "default", Reason: "0 of 65 failed: up to 4.00 % may."},
		{Expression: "p95 < 500ms", Op: "<", Metric: "p95", Unit: "ms", Value: at(27.1), Limit: 500, Share: at(0.), ShareLimit: at(.05), N: 46, Verdict: verdict.Inconclusive, Source: "default", Reason: "46 of 46 within 500 ms; 59 would decide."},
	}
	r.Timeline = timeline(8, 5, 8, 10, func(int) (float64, float64, float64) { return 2, 0, 1 })
	r.Events = nil
	return r
}

// partial is the journal of a run that was killed.
func partial() *run.Result {
	r := passing()
	r.Complete, r.Verdict, r.ExitCode, r.DurationS, r.MeasuredS = false, verdict.Inconclusive, nil, 412, 392
	r.Interrupted = "SIGTERM"
	r.Reasons = []string{"The run ended at 6:52 of 15:00: what it would have shown later is not known."}
	r.Timeline = r.Timeline[:412]
	r.Events = append(r.Events[:3], run.Event{T: 412, Kind: "killed"})
	r.Failures = r.Failures[:1]
	return r
}

// empty is a run that sent nothing.
func empty() *run.Result {
	return &run.Result{
		Schema: run.Schema, LT: "v0.1.0", RunID: "light-20261121T140000Z", Scenario: "light", Target: "http://127.0.0.1:1", Model: metric.Closed,
		StartedAt: origin, Verdict: verdict.None, Complete: true, Generator: run.Generator{Valid: true},
	}
}

// hostile is a failing run whose every text is an attack on whoever shows it.
func hostile() *run.Result { return hostileWith(attacks) }

var attacks = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(2)>`, `' onmouseover='alert(3)`, `</style><script>alert(4)</script>`, `--></details><h1>x`,
	"\x1b[2J\x1b]0;owned\x07\x1b[31mred", "\u202eevil\u202c\u2066x", "a|b`c``d\\|e", "[x](javascript:alert(5)) @everyone #1 www.evil.example http://evil.example",
	strings.Repeat("W", 1<<20), "{{.}} {{template \"x\"}} ${alert(6)}", "line\nbreak\r\n\ttab\x00nul\u2028sep", "\xff\xfe\x80 broken", "日本語のエンドポイント/שלום/مرحبا", "javascript:alert(7)//", "&lt;b&gt;&amp;",
}

// hostileStrings are the attacks in every dress: as they are, and broken out of
// quotes, tags, comments, scripts, templates and tables.
func hostileStrings() []string {
	var out []string
	for _, s := range attacks {
		for _, dress := range []string{
			"%s", "\">%s", "'>%s", "</title>%s", "</script>%s", "</style>%s", "--></svg>%s", "</textarea></details></table>%s", "]]>%s", "\u202e%s", "\x1b[31m%s\x1b[0m",
			"\\%s", "{{%s}}", "${%s}", "<svg onload=alert(8)>%s", "<a href=javascript:alert(9)>%s</a>", "<iframe srcdoc='%s'>", "<base href=//evil.example>%s", "<meta http-equiv=refresh content=0>%s",
		} {
			out = append(out, strings.Replace(dress, "%s", s, 1))
		}
	}
	return out
}

func hostileWith(evil []string) *run.Result {
	r := dispersed(failing())
	n := 0
	next := func() string { n++; return evil[n%len(evil)] }
	r.Scenario, r.Purpose, r.Target, r.Load, r.Workload, r.LT, r.RunID, r.Command, r.ScenarioDigest = next(), next(), next(), next(), next(), next(), next(), next(), next()
	r.Interrupted = next()
	r.Labels = map[string]string{}
	for _, s := range evil {
		r.Labels[s] = next()
	}
	all := func() (out []string) {
		for range evil {
			out = append(out, next())
		}
		return
	}
	r.Reasons, r.NotShown, r.Notes, r.Generator.Validity = all(), all(), all(), all()
	r.Generator.Valid = false
	r.Preflight = &run.Preflight{Count: verdict.Count{Requests: 3, Failed: 1}, Warnings: all()}
	r.Environment = run.Environment{Host: next(), CPUs: -1, Go: next(), OS: next()}
	r.Model = metric.Model(next())
	for i := range evil {
		e := r.Endpoints[i%13]
		e.Name, e.Method, e.Path = next(), evil[i], next()
		e.Outcomes = map[string]int64{evil[i]: 1, "ok": 2}
		r.Endpoints = append(r.Endpoints, e)
		j := r.Thresholds[i%len(r.Thresholds)]
		j.Expression, j.Scope, j.Metric, j.Unit, j.Source, j.Reason = next(), next(), next(), next(), next(), evil[i]
		if i == 3 {
			j.Value, j.Low, j.High = at(math.MaxFloat64), at(-math.MaxFloat64), at(5.)
		}
		r.Thresholds = append(r.Thresholds, j)
		r.Failures = append(r.Failures, run.Failure{Endpoint: evil[i], Class: next(), Count: 1 << 60, Share: 7, FirstSeenS: -3, LastSeenS: 1e12, Exemplars: []metric.Exemplar{{
			Endpoint: next(), Class: next(), Phase: next(), Message: evil[i], Request: next(), RequestBody: next(), Response: next(), ResponseBody: evil[i],
		}}})
		r.Events = append(r.Events, run.Event{T: float64(i * 30), Kind: evil[i], Note: next()})
	}
	return r
}
