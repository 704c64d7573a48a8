package export

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// promUnits are the suffixes of units, as Prometheus' naming asks for.
var promUnits = map[string]string{"s": "_seconds", "By": "_bytes"}

// Describe makes the Meter an unchecked prometheus.Collector: which endpoints
// and outcomes there will be is not known beforehand.
func (m *Meter) Describe(chan<- *prometheus.Desc) {}

// Collect gives every series.
func (m *Meter) Collect(out chan<- prometheus.Metric) {
	for _, p := range m.points() {
		name := p.name + promUnits[p.unit]
		if p.kind == counter {
			name += "_total"
		}
		var names, values []string
		for i := 0; i < len(p.labels); i += 2 {
			names, values = append(names, p.labels[i]), append(values, p.labels[i+1])
		}
		d := prometheus.NewDesc(name, p.help, names, nil)
		if p.kind == histogram {
			cumulative, sum := make(map[float64]uint64, len(Edges)), uint64(0)
			for i, e := range Edges {
				sum += p.histogram.counts[i]
				cumulative[e] = sum
			}
			out <- prometheus.MustNewConstHistogram(d, p.histogram.n, p.histogram.sum, cumulative, values...)
			continue
		}
		kind := prometheus.GaugeValue
		if p.kind == counter {
			kind = prometheus.CounterValue
		}
		out <- prometheus.MustNewConstMetric(d, kind, p.value, values...)
	}
}

// A Server answers Prometheus. Close ends it.
type Server struct {
	server   http.Server
	listener net.Listener
}

// Serve answers at /metrics on address, HOST:PORT or :PORT, which is loopback.
func Serve(address string, m *Meter) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(m); err != nil {
		l.Close()
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	s := &Server{listener: l, server: http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// URL is where the metrics are.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/metrics" }

// Close ends the server; a reader under way has a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		return s.server.Close()
	} else {
		return err
	}
}
