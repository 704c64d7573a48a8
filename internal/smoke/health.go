package smoke

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
)

// maxClockSkew is from when on the target's clock is wrong enough to say so: tokens
// and certificates begin to fail.
const maxClockSkew = 30 * time.Second

// probes are the paths that tell of health, by what they tell.
var probes = []struct {
	name  string
	paths []string
}{
	{"live", []string{"/health/live", "/livez", "/healthz", "/health", "/live"}},
	{"ready", []string{"/health/ready", "/readyz", "/ready"}},
	{"startup", []string{"/health/startup", "/startupz", "/startup"}},
}

// health looks whether there is a target, and how it feels. Its error is a
// *NotReadyError.
func (e *engine) health(ctx context.Context) error {
	host := e.cfg.Target.Hostname()
	check := func(c Check) { e.result.Health = append(e.result.Health, c) }
	if _, err := netip.ParseAddr(host); err != nil {
		started := time.Now()
		if err := e.cfg.Client.Resolve(ctx); err != nil {
			return &NotReadyError{fmt.Sprintf("nothing answers at %s: %s", e.result.Target, firstLine(err.Error()))}
		}
		took := millis(time.Since(started))
		check(Check{Name: "dns", State: "ok", Text: host + " is found", TimeMS: &took})
	}
	if e.cfg.CheckTLS != nil {
		check(e.cfg.CheckTLS(ctx))
	}
	var dated *sent
	answered := false
	for _, p := range probes {
		c := Check{Name: p.name, State: "absent", Text: "no path for it was found (" + strings.Join(p.paths, ", ") + ")"}
		for _, path := range p.paths {
			base := strings.TrimRight(e.cfg.Target.EscapedPath(), "/")
			x := e.send(ctx, &request{Method: "GET", Target: base + path})
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if x.status() == 0 {
				if !answered {
					return e.unreachable(x)
				}
				c.State, c.Text = "failed", "GET "+path+": "+e.message(x)
				break
			}
			answered = true
			if dated == nil {
				dated = x
			}
			took := millis(x.sample.ServiceTime())
			switch status := x.status(); {
			case x.ok():
				c.State, c.Text, c.TimeMS = "ok", fmt.Sprintf("GET %s: %d", path, status), &took
			case status >= 500:
				c.State, c.Text, c.TimeMS = "failed", "GET "+path+": "+e.message(x), &took
			default:
				continue
			}
			break
		}
		check(c)
	}
	check(clock(dated))
	return nil
}

// unreachable is why nothing answers, as an error of the target not being there.
func (e *engine) unreachable(x *sent) error {
	what := "nothing answers at"
	switch x.sample.Outcome {
	case metric.TLS:
		what = "no TLS connection to"
	case metric.Reset, metric.ConnDropped, metric.Protocol:
		what = "no answer in HTTP from"
	}
	return &NotReadyError{fmt.Sprintf("%s %s: %s", what, e.result.Target, e.message(x))}
}

// clock compares the target's Date with this machine's time.
func clock(x *sent) Check {
	c := Check{Name: "clock", State: "absent", Text: "the answers carry no Date"}
	if x == nil {
		return c
	}
	date, err := http.ParseTime(headerOf(x.head, "Date"))
	if err != nil {
		return c
	}
	// Date has whole seconds: the difference is known to one.
	diff := date.Sub(x.at.UTC()).Round(time.Second)
	c.State, c.Text = "ok", fmt.Sprintf("differs from this machine's by %s", diff)
	if diff.Abs() > maxClockSkew {
		c.State = "warning"
		c.Text += ": tokens and signatures with times may be refused"
	}
	return c
}
