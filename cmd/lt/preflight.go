package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/scenarios"
)

// waitStep is how long --wait waits between two tries.
const waitStep = 500 * time.Millisecond

// preflight sends the first requests of each persona before any load, and stops
// where the load would only repeat one mistake a hundred thousand times.
func (r *runner) preflight(ctx context.Context) error {
	if r.o.noPreflight {
		return nil
	}
	result := &run.Preflight{}
	r.plan.Preflight = result
	deadline := time.Now().Add(r.o.wait)
	for {
		probes := r.script.Preflight(ctx)
		*result = run.Preflight{} // the tries before met nobody
		var stop error
		again := true // nothing answers: waiting may help
		for _, p := range probes {
			result.Requests += int64(p.Requests)
			if p.Requests == 0 {
				result.Warnings = append(result.Warnings, fmt.Sprintf("persona %s: %s", p.Persona, p.Message))
				continue
			}
			if p.Class.Outcome == metric.OK {
				if p.Endpoint.Method == "POST" && r.plan.HasMembers(p.Endpoint.Path) {
					result.Created++
				}
				continue
			}
			result.Failed++
			if err := r.refuse(p); err != nil {
				if stop == nil {
					stop = err
				}
				again = again && p.Class.Outcome != metric.Status
				continue
			}
			warning := r.o.redactor.RedactString(fmt.Sprintf("%s: %s", p.Endpoint.Name(), p.Message))
			result.Warnings = append(result.Warnings, warning)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if stop == nil {
			for _, w := range result.Warnings {
				fmt.Fprintf(r.env.Stderr, "lt: warning: preflight: %s\n", w)
			}
			return nil
		}
		if !again || time.Now().After(deadline) {
			return stop
		}
		if r.o.wait > 0 {
			r.env.warn(fmt.Sprintf("the target is not ready; waiting up to %s for it", short(r.o.wait)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(waitStep):
		}
	}
}

// refuse is why the load must not start after such a probe; nil: it may.
func (r *runner) refuse(p scenarios.Probe) error {
	at := r.plan.Target
	if o := p.Class.Outcome; r.o.conn.http2 && (o == metric.Protocol || o == metric.TLS && (strings.Contains(p.Message, "protocol") || strings.Contains(p.Message, "HTTP/2"))) {
		return hintf(notReadyf("%s does not answer in HTTP/2: %s", at, p.Message), "without --http 2 lt speaks HTTP/1.1")
	}
	switch p.Class.Outcome {
	case metric.Refused, metric.Unreachable, metric.DNS, metric.Generator:
		if strings.HasSuffix(p.Endpoint.Path, scenarios.RedirectedSuffix) {
			return hintf(notReadyf("%s leads where nothing answers: %s", strings.TrimSuffix(p.Endpoint.Name(), scenarios.RedirectedSuffix), p.Message),
				"redirect: never or same-origin in the scenario does not follow it")
		}
		return hintf(notReadyf("nothing answers at %s: %s", at, p.Message),
			"--target URL says where, --wait 60s waits for it, --reference tries lt against its own platform")
	case metric.Timeout:
		if p.Status == 0 {
			return hintf(notReadyf("nothing answers at %s: %s", at, p.Message),
				"--target URL says where, --timeout how long, --reference tries lt against its own platform")
		}
	case metric.TLS:
		return hintf(notReadyf("no TLS connection to %s: %s", at, p.Message),
			"-k goes on without verifying the certificate, and the report says so; http:// for a target without TLS")
	case metric.Reset, metric.ConnDropped, metric.Protocol:
		return hintf(notReadyf("%s does not answer in HTTP: %s", at, p.Message), "look at the scheme and the port of --target")
	case metric.Status:
		switch p.Class.Status {
		case 401:
			if p.Step == "login" {
				return hintf(notReadyf("%s: 401: the login was refused (%s)", p.Endpoint.Name(), p.Message), "look at the name and the password that auth.login sends")
			}
			if r.o.apiKey == "" {
				return hintf(notReadyf("%s: 401: no credential was sent", p.Endpoint.Name()), "set LT_API_KEY, or --api-key env:NAME")
			}
			return hintf(notReadyf("%s: 401: the credential was refused", p.Endpoint.Name()), "look at the key that LT_API_KEY or --api-key gives")
		case 403:
			return hintf(notReadyf("%s: 403: the credential may not do this (%s)", p.Endpoint.Name(), p.Message), "use a key with the rights that the scenario needs")
		}
	}
	return nil
}
