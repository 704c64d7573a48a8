package scenarios

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// attempt sends a step's request, and those that redirects lead to, all of which
// but the last it records.
func (u *session) attempt(ctx context.Context, r *request, due time.Duration, rec taker) *metric.Sample {
	s := u.exchange(ctx, r, due, rec)
	if r.redirect.Follow == 0 || s.Outcome != metric.OK && s.Outcome != metric.Status {
		return s
	}
	head, body, _ := bytes.Cut(u.sent, []byte("\r\n\r\n"))
	line := bytes.SplitN(head, []byte(" "), 3)
	method, at := r.method, u.urlOf(string(line[1]))
	for hops := 0; ; hops++ {
		next, problem := u.redirected(r, method, at, body, hops)
		if problem != "" && s.Outcome == metric.Status {
			u.failed.err = errors.New(problem)
		}
		if next == nil {
			return s
		}
		next.body = bytes.Clone(next.body)
		s.Outcome = metric.OK // the step says to follow it
		u.finish(r, s, rec)
		method, at, body = next.method, next.url, next.body
		s = u.hop(ctx, r, next, s.End, rec)
		if s.Outcome != metric.OK && s.Outcome != metric.Status {
			return s
		}
	}
}

// hop sends the request that a redirect asks for.
func (u *session) hop(ctx context.Context, r *request, h *hop, due time.Duration, rec taker) *metric.Sample {
	u.row, u.failed, u.unmade, u.copied = r.hopRow, failure{}, nil, nil
	conn, err := u.connTo(h.url)
	if err == nil {
		u.wire, err = u.appendHop(u.wire[:0], r, h)
	}
	if err != nil {
		u.unmade = err
		return u.notSent(r, due)
	}
	u.http = r.http
	u.http.Wire, u.http.NoBody, u.sent = u.wire, h.method == "HEAD", u.wire
	u.begin(due, rec)
	conn.Exchange(ctx, &u.http, &u.resp, &u.sample)
	if len(u.resp.Cookies) > 0 {
		u.keepCookies(h.url)
	}
	return &u.sample
}

// exchange sends a step's request. Sample and answer are the session's until the
// next exchange.
func (u *session) exchange(ctx context.Context, r *request, due time.Duration, rec taker) *metric.Sample {
	req := u.prepare(r)
	u.row = r.row
	if u.unmade != nil {
		return u.notSent(r, due)
	}
	u.failed = failure{}
	u.begin(due, rec)
	u.conn.Exchange(ctx, req, &u.resp, &u.sample)
	if len(u.resp.Cookies) > 0 {
		_, target, _ := bytes.Cut(u.sent, []byte(" "))
		target, _, _ = bytes.Cut(target, []byte(" "))
		u.keepCookies(u.urlOf(string(target)))
	}
	if u.sample.Status == http.StatusUnauthorized && r.token {
		u.refused(u.sample.End)
	}
	return &u.sample
}

// begin stamps when the request that was due is sent, which is now.
func (u *session) begin(due time.Duration, rec taker) {
	u.sample.Due, u.sample.Sent, u.sample.Begun = due, u.script.clock.Now(), true
	rec.Begin(u.sample.Sent)
}

// notSent is the sample of a request that could not be made: the scenario asks for
// a value that is not there.
func (u *session) notSent(r *request, due time.Duration) *metric.Sample {
	u.resp.Release()
	now := u.script.clock.Now()
	u.sample = metric.Sample{Due: due, Sent: now, End: now, Outcome: metric.Extract}
	u.failed = failure{err: u.unmade}
	u.row, u.sent, u.copied = r.row, nil, nil
	return &u.sample
}

// prepare is the step's request as this user sends it.
func (u *session) prepare(r *request) *client.Request {
	u.unmade = nil
	if r.fixed && u.jar == nil {
		if r.traceAt == 0 {
			u.sent = r.http.Wire
			return &r.http
		}
		// A copy of the user's own, in which only the ids change.
		if u.copied != r {
			u.wire = append(u.wire[:0], r.http.Wire...)
			u.http = r.http
			u.http.Wire, u.copied = u.wire, r
		}
		u.sent = u.wire
		u.trace.write(u.wire[r.traceAt:])
		return &u.http
	}
	if u.wire == nil {
		u.wire = make([]byte, 0, 512)
	}
	var err error
	u.wire, err = r.appendWire(u.wire[:0], u)
	if err != nil && u.unmade == nil {
		u.unmade = err
	}
	u.copied = nil
	u.http = r.http
	u.http.Wire, u.sent = u.wire, u.wire
	return &u.http
}
