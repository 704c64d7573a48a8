package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/seed-42693903/lt/internal/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

var (
	list   = metric.Endpoint{Method: "GET", Path: "/api/v1/agents/{id}"}
	create = metric.Endpoint{Method: "POST", Path: `/a"\b`}
)

// second is one interval's snapshot, with figures that depend on i.
func second(i int) *metric.Snapshot {
	s := &metric.Snapshot{
		Seq: i, Offset: time.Duration(i) * time.Second, Length: time.Second, Users: 10 - i, Iterations: 7, Dropped: 2,
		Health: metric.Health{CPU: 150, RSS: 1 << 20},
	}
	one := metric.EndpointSnapshot{Endpoint: list, Requests: 9, Failed: 3, BytesOut: 100, BytesIn: 1000, Outcomes: map[metric.Class]int64{
		{}: 6, {Outcome: metric.Status, Status: 503}: 2, {Outcome: metric.Timeout}: 1,
	}}
	for k := range 6 {
		one.Response.Record(time.Duration(k+1) * 10 * time.Millisecond)
	}
	for range 3 {
		one.Failures.Record(2 * time.Minute) // beyond the last bucket
	}
	two := metric.EndpointSnapshot{Endpoint: create, Requests: 1, Outcomes: map[metric.Class]int64{{}: 1}}
	two.Response.Record(time.Microsecond) // below the first
	s.Endpoints = []metric.EndpointSnapshot{one, two}
	return s
}

func fed(t *testing.T, seconds int) *Meter {
	t.Helper()
	m := NewMeter("peak")
	for i := range seconds {
		if err := m.Observe(second(i)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func serve(t *testing.T, m *Meter) *Server {
	t.Helper()
	s, err := Serve("127.0.0.1:0", m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func scrape(t *testing.T, s *Server) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s, %v: %.300s", res.Status, err, b)
	}
	return string(b)
}

// value is the one series of that name with these labels, name, value, ...
func value(t *testing.T, family *dto.MetricFamily, labels ...string) *dto.Metric {
	t.Helper()
next:
	for _, m := range family.GetMetric() {
		for i := 0; i < len(labels); i += 2 {
			if !slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == labels[i] && l.GetValue() == labels[i+1] }) {
				continue next
			}
		}
		return m
	}
	t.Fatalf("%s: no series with %v", family.GetName(), labels)
	return nil
}

func TestPrometheusReadsTheRunsTotals(t *testing.T) {
	const n = 4
	s := serve(t, fed(t, n))
	text := scrape(t, s)
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, c := range []struct {
		name   string
		want   float64
		labels []string
	}{
		{"lt_http_reqs_total", 6 * n, []string{"method", "GET", "path", "/api/v1/agents/{id}", "outcome", "ok", "scenario", "peak"}},
		{"lt_http_reqs_total", 2 * n, []string{"method", "GET", "outcome", "status_503"}},
		{"lt_http_reqs_total", n, []string{"method", "GET", "outcome", "timeout"}},
		{"lt_http_reqs_total", n, []string{"method", "POST", "path", `/a"\b`, "outcome", "ok"}},
		{"lt_data_sent_bytes_total", 100 * n, []string{"method", "GET"}},
		{"lt_data_received_bytes_total", 1000 * n, []string{"method", "GET"}},
		{"lt_iterations_total", 7 * n, nil},
		{"lt_dropped_iterations_total", 2 * n, nil},
		{"lt_vus", 10 - (n - 1), nil},
		{"lt_vus_max", 10, nil},
		{"lt_generator_cpu", 1.5, nil},
		{"lt_generator_memory_bytes", 1 << 20, nil},
	} {
		m := value(t, families[c.name], c.labels...)
		if got := m.GetCounter().GetValue() + m.GetGauge().GetValue(); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	duration := families["lt_http_req_duration_seconds"]
	ok := value(t, duration, "method", "GET", "failed", "false").GetHistogram()
	if ok.GetSampleCount() != 6*n || math.Abs(ok.GetSampleSum()-.21*n) > 1e-9 {
		t.Errorf("%d answers in %v s, want %d in %v", ok.GetSampleCount(), ok.GetSampleSum(), 6*n, .21*n)
	}
	for _, b := range ok.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			continue
		}
		want := uint64(0) // answers took 10, 20, ... 60 ms, of which the histogram knows three digits
		for k := 1; k <= 6; k++ {
			if float64(k)*.01 <= b.GetUpperBound() {
				want += n
			}
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("%d answers within %v s, want %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
		}
	}
	failed := value(t, duration, "method", "GET", "failed", "true").GetHistogram()
	if top := failed.GetBucket()[len(Edges)-1]; top.GetCumulativeCount() != 0 || failed.GetSampleCount() != 3*n {
		t.Errorf("answers after 2 min: %d of %d within %v s", top.GetCumulativeCount(), failed.GetSampleCount(), top.GetUpperBound())
	}
	if fast := value(t, duration, "method", "POST", "failed", "false").GetHistogram(); fast.GetBucket()[0].GetCumulativeCount() != n {
		t.Errorf("an answer after 1 us is not in the first bucket: %v", fast)
	}
}

func TestASystemThatDoesNotTellHasNoSeries(t *testing.T) {
	m := NewMeter("peak")
	s := second(0)
	s.Health = metric.Health{CPU: -1, RSS: -1}
	if err := m.Observe(s); err != nil {
		t.Fatal(err)
	}
	if text := scrape(t, serve(t, m)); strings.Contains(text, "lt_generator") {
		t.Errorf("%s", text)
	}
}

func TestEdges(t *testing.T) {
	if Edges[0] != 1e-4 || Edges[len(Edges)-1] < 60 || !slices.IsSorted(Edges) {
		t.Errorf("%v", Edges)
	}
	for i := 1; i < len(Edges); i++ {
		if r := Edges[i] / Edges[i-1]; r < 1.18 || r > 1.22 {
			t.Errorf("%v is %v times the edge before it", Edges[i], r)
		}
	}
}

// TestAStuckScraperSlowsNobody has readers that take nothing while the run goes on.
func TestAStuckScraperSlowsNobody(t *testing.T) {
	m := fed(t, 1)
	s, err := Serve("127.0.0.1:0", m)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		for range 200 { // answers of some 10 kB each, that nobody reads
			fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", s.listener.Addr())
		}
	}
	began := time.Now()
	for i := 1; i < 2000; i++ {
		if err := m.Observe(second(i)); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(began); d > patience {
		t.Errorf("2000 intervals took %v", d)
	}
	if text := scrape(t, s); !strings.Contains(text, "lt_iterations_total{scenario=\"peak\"} 14000") {
		t.Errorf("one who reads is told %.300s", text)
	}
	began = time.Now()
	_ = s.Close() // those who read nothing are cut off
	if d := time.Since(began); d > patience {
		t.Errorf("the end took %v", d)
	}
}

func TestServeRefuses(t *testing.T) {
	first := serve(t, NewMeter("peak"))
	if s, err := Serve(first.listener.Addr().String(), NewMeter("peak")); err == nil {
		s.Close()
		t.Error("two on one port")
	}
	if s, err := Serve("nonsense", NewMeter("peak")); err == nil {
		s.Close()
		t.Error("an address without a port")
	}
	if s, err := Serve(":0", NewMeter("peak")); err != nil {
		t.Error(err)
	} else if s.Close(); !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Errorf("without a host: %s", s.URL())
	}
}

// A stub is a collector of OTLP/HTTP, which keeps what it is sent.
type stub struct {
	*httptest.Server
	mu     sync.Mutex
	paths  []string
	header http.Header
	got    []*collector.ExportMetricsServiceRequest
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		req := &collector.ExportMetricsServiceRequest{}
		if err := proto.Unmarshal(b, req); err != nil {
			t.Errorf("no OTLP: %v", err)
		}
		s.mu.Lock()
		s.paths, s.header, s.got = append(s.paths, r.URL.Path), r.Header.Clone(), append(s.got, req)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s
}

// last is what the collector was sent last: the resource's attributes, and the metrics by name.
func (s *stub) last(t *testing.T) (resource map[string]string, metrics map[string]*otlp.Metric) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) == 0 {
		t.Fatal("the collector was sent nothing")
	}
	resource, metrics = map[string]string{}, map[string]*otlp.Metric{}
	for _, rm := range s.got[len(s.got)-1].ResourceMetrics {
		for _, a := range rm.Resource.Attributes {
			resource[a.Key] = a.Value.GetStringValue()
		}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if metrics[m.Name] != nil {
					t.Errorf("two metrics are named %s", m.Name)
				}
				metrics[m.Name] = m
			}
		}
	}
	return resource, metrics
}

func send(t *testing.T, endpoint string, m *Meter) {
	t.Helper()
	s, err := Send(t.Context(), endpoint, "v1.2.3", m, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestOTLPHasTheRunsTotals(t *testing.T) {
	const n = 3
	stub := newStub(t)
	send(t, stub.URL, fed(t, n))
	if stub.paths[0] != "/v1/metrics" {
		t.Errorf("path %s", stub.paths[0])
	}
	resource, metrics := stub.last(t)
	if resource["service.name"] != "lt" || resource["service.version"] != "v1.2.3" || resource["telemetry.sdk.name"] == "" {
		t.Errorf("resource %v", resource)
	}
	byOutcome := map[string]float64{}
	for _, p := range metrics["lt_http_reqs"].GetSum().GetDataPoints() {
		for _, a := range p.Attributes {
			if a.Key == "outcome" {
				byOutcome[a.Value.GetStringValue()] += p.GetAsDouble()
			}
		}
	}
	if byOutcome["ok"] != 7*n || byOutcome["status_503"] != 2*n || byOutcome["timeout"] != n || len(byOutcome) != 3 {
		t.Errorf("requests %v", byOutcome)
	}
	sum := metrics["lt_http_reqs"].GetSum()
	if !sum.IsMonotonic || sum.AggregationTemporality != otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
		t.Errorf("requests are no cumulative counter: %v", sum)
	}
	count, over := uint64(0), uint64(0)
	for _, p := range metrics["lt_http_req_duration"].GetHistogram().GetDataPoints() {
		count += p.Count
		over += p.BucketCounts[len(p.BucketCounts)-1]
		total := uint64(0)
		for _, b := range p.BucketCounts {
			total += b
		}
		if total != p.Count || len(p.BucketCounts) != len(p.ExplicitBounds)+1 || !slices.Equal(p.ExplicitBounds, Edges) {
			t.Errorf("%d in %d buckets, of %d", total, len(p.BucketCounts), p.Count)
		}
	}
	if count != 10*n || over != 3*n || metrics["lt_http_req_duration"].Unit != "s" {
		t.Errorf("%d response times, %d beyond the last bucket, in %q", count, over, metrics["lt_http_req_duration"].Unit)
	}
	if v := metrics["lt_vus"].GetGauge().GetDataPoints()[0].GetAsDouble(); v != 10-(n-1) {
		t.Errorf("%v users", v)
	}
	if u := metrics["lt_data_sent"].Unit; u != "By" {
		t.Errorf("bytes are in %q", u)
	}
}

func TestOTLPHeedsTheVariables(t *testing.T) {
	stub := newStub(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stub.URL+"/under")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=seven")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_SERVICE_NAME", "night run")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=staging")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
	m := fed(t, 1)
	s, err := Send(t.Context(), "", "v1", m, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // each 20 ms, not only at the end
		stub.mu.Lock()
		n := len(stub.got)
		stub.mu.Unlock()
		if n >= 3 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d exports", n)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	resource, metrics := stub.last(t)
	if resource["service.name"] != "night run" || resource["deployment.environment"] != "staging" || len(metrics) == 0 {
		t.Errorf("resource %v, %d metrics", resource, len(metrics))
	}
	if stub.paths[0] != "/under/v1/metrics" || stub.header.Get("X-Tenant") != "seven" || stub.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s, %v", stub.paths[0], stub.header)
	}
	own := newStub(t) // an address of one's own wins
	send(t, own.URL+"/mine", m)
	if own.paths[0] != "/mine" {
		t.Errorf("path %s", own.paths[0])
	}
}

// TestADeadCollectorIsNobodysFault: the run is not slowed, complaints are few,
// and the end is in time.
func TestADeadCollectorIsNobodysFault(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for name, address := range map[string]string{"silent": l.Addr().String(), "gone": gone.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
			t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "50")
			var mu sync.Mutex
			var complaints bytes.Buffer
			told := 0
			heard := make(chan struct{}, 1)
			m := NewMeter("peak")
			s, err := Send(t.Context(), "http://"+address, "v1", m, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				told++
				fmt.Fprintln(&complaints, err)
				select {
				case heard <- struct{}{}:
				default:
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for i := range 2000 {
				if err := m.Observe(second(i)); err != nil {
					t.Fatal(err)
				}
			}
			if d := time.Since(began); d > patience {
				t.Errorf("2000 intervals took %v", d)
			}
			select {
			case <-heard:
			case <-time.After(patience):
				t.Error("nobody was told")
			}
			time.Sleep(300 * time.Millisecond) // some more attempts, of which nothing is said
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			defer cancel()
			began = time.Now()
			if err := s.Close(ctx); err == nil {
				t.Error("the last figures were sent to nobody, and it is no error")
			}
			if d := time.Since(began); d > patience/4 {
				t.Errorf("the end took %v", d)
			}
			mu.Lock()
			defer mu.Unlock()
			if told != 1 {
				t.Errorf("told %d times:\n%s", told, complaints.String())
			}
		})
	}
}
