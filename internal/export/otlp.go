package export

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// A Sender sends a Meter's figures over OTLP/HTTP, at the interval of
// OTEL_METRIC_EXPORT_INTERVAL. Close sends the last ones.
type Sender struct {
	provider *sdk.MeterProvider
	complain func(error)
}

// Send sends to endpoint, a URL whose path is /v1/metrics where it has none. An
// empty one leaves everything to OpenTelemetry's variables: OTEL_EXPORTER_OTLP_*,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME. complain is told the first time that
// something could not be sent, and no other; the run goes on.
func Send(ctx context.Context, endpoint, version string, m *Meter, complain func(error)) (*Sender, error) {
	var once sync.Once
	first := func(err error) { once.Do(func() { complain(err) }) }
	otel.SetErrorHandler(otel.ErrorHandlerFunc(first))
	var options []otlpmetrichttp.Option
	if endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, err
		}
		if u.Path == "" || u.Path == "/" {
			endpoint = u.JoinPath("/v1/metrics").String() // which OpenTelemetry does for its variables only
		}
		options = append(options, otlpmetrichttp.WithEndpointURL(endpoint))
	}
	exporter, err := otlpmetrichttp.New(ctx, options...)
	if err != nil {
		return nil, err
	}
	res, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "lt"), attribute.String("service.version", version)), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	reader := sdk.NewPeriodicReader(exporter, sdk.WithProducer(m))
	return &Sender{sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithResource(res)), first}, nil
}

// Close sends what is left, for at most as long as ctx. Its error has been told to
// complain, if nothing was before.
func (s *Sender) Close(ctx context.Context) error {
	err := s.provider.Shutdown(ctx)
	if err != nil {
		s.complain(err)
	}
	return err
}

// Produce gives every series to OpenTelemetry's reader.
func (m *Meter) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now := time.Now()
	var all []metricdata.Metrics
	for _, p := range m.points() {
		var labels []attribute.KeyValue
		for i := 0; i < len(p.labels); i += 2 {
			labels = append(labels, attribute.String(p.labels[i], p.labels[i+1]))
		}
		set := attribute.NewSet(labels...)
		one := []metricdata.DataPoint[float64]{{Attributes: set, StartTime: m.started, Time: now, Value: p.value}}
		metric := metricdata.Metrics{Name: p.name, Description: p.help, Unit: p.unit}
		switch p.kind {
		case counter:
			metric.Data = metricdata.Sum[float64]{DataPoints: one, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
		case gauge:
			metric.Data = metricdata.Gauge[float64]{DataPoints: one}
		case histogram:
			metric.Data = metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
				Attributes: set, StartTime: m.started, Time: now, Count: p.histogram.n, Sum: p.histogram.sum, Bounds: Edges, BucketCounts: p.histogram.counts,
			}}}
		}
		// Points of one name are one metric.
		if n := len(all); n > 0 && all[n-1].Name == p.name {
			all[n-1].Data = joined(all[n-1].Data, metric.Data)
		} else {
			all = append(all, metric)
		}
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "github.com/seed-42693903/lt"}, Metrics: all}}, nil
}

func joined(a, b metricdata.Aggregation) metricdata.Aggregation {
	switch a := a.(type) {
	case metricdata.Sum[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Sum[float64]).DataPoints...)
		return a
	case metricdata.Gauge[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Gauge[float64]).DataPoints...)
		return a
	case metricdata.Histogram[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Histogram[float64]).DataPoints...)
		return a
	}
	return a
}
