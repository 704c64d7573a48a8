package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/seed-42693903/lt/internal/export"
	"github.com/seed-42693903/lt/internal/run"
)

// exportEnd is how long the last figures may take to be sent.
const exportEnd = 3 * time.Second

func addExportFlags(s *settings) {
	s.text("prometheus", "", "HOST:PORT", "serve the run's own metrics to Prometheus while it goes on, at /metrics; without a host, 127.0.0.1")
	s.text("otlp", "", "URL", "send the run's metrics over OTLP/HTTP; alone, to where OpenTelemetry's variables say")
	s.flags.Lookup("otlp").NoOptDefVal = otlpByEnv
}

// otlpByEnv is --otlp without a value.
const otlpByEnv = "env"

func (o *runOptions) parseExport(s *settings) {
	if o.prometheus = s.str("prometheus"); o.prometheus != "" {
		if _, _, err := net.SplitHostPort(o.prometheus); err != nil {
			s.mistake("%s %q: want HOST:PORT or :PORT", s.origin("prometheus"), o.prometheus)
		}
	}
	if !s.given("otlp") {
		return
	}
	at := s.str("otlp")
	o.otlp = &at
	if at == otlpByEnv {
		*o.otlp = ""
		return
	}
	if u, err := url.Parse(at); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		s.mistake("%s %q: want a URL such as http://127.0.0.1:4318", s.origin("otlp"), at)
	}
}

// exporter is what shows a run's figures elsewhere while it goes on.
type exporter struct {
	env    *environ
	meter  *export.Meter
	server *export.Server
	sender *export.Sender
}

// startExport starts what the options ask for; nil: nothing.
func startExport(ctx context.Context, env *environ, o *runOptions, p *run.Plan) (*exporter, error) {
	if o.prometheus == "" && o.otlp == nil {
		return nil, nil
	}
	e := &exporter{env: env, meter: export.NewMeter(p.Scenario)}
	var err error
	if o.prometheus != "" {
		if e.server, err = export.Serve(o.prometheus, e.meter); err != nil {
			return nil, hintf(fmt.Errorf("--prometheus: %w", err), "--prometheus :0 takes a free port")
		}
		fmt.Fprintf(env.Stderr, "lt: metrics at %s\n", e.server.URL())
	}
	if o.otlp != nil {
		if e.sender, err = export.Send(ctx, *o.otlp, version(), e.meter, func(err error) {
			fmt.Fprintf(env.Stderr, "lt: warning: --otlp: %s; the run goes on, and is sent where that can be\n", printable(err.Error()))
		}); err != nil {
			e.close()
			return nil, fmt.Errorf("--otlp: %w", err)
		}
	}
	return e, nil
}

func (e *exporter) close() {
	if e == nil {
		return
	}
	if e.sender != nil {
		ctx, cancel := context.WithTimeout(context.Background(), exportEnd)
		defer cancel()
		_ = e.sender.Close(ctx) // it has been told
	}
	if e.server != nil {
		_ = e.server.Close()
	}
}
