package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/load"
)

// Digest names what the scenario does to a target: two runs of scenarios with
// the same digest measure the same thing. It covers load, personas, headers and
// the kind of credential, with the personas that a workload brought; comments,
// the order of keys and the spelling of numbers and times do not count, nor do
// name, description, target, labels and thresholds, which change no request.
// Values of the environment stand in it by their names.
func (s *Scenario) Digest() string {
	doc, err := json.Marshal(s.canonical())
	if err != nil {
		panic(err) // a body that the parser let through and JSON does not
	}
	return digestOf(doc)
}

type object map[string]any // marshalled with sorted keys

func (s *Scenario) canonical() object {
	o := object{"language": 1}
	if s.Auth != nil {
		o["auth"] = object{"kind": s.Auth.Kind, "header": s.Auth.Header}
		if l := s.Auth.login; l != nil {
			o["login"] = object{"step": canonicalSteps([]Step{l.step}), "per_run": l.perRun, "refresh_before": l.refreshBefore, "lifetime": l.lifetime}
		}
	}
	s.canonicalExtras(o)
	o["headers"] = canonicalHeaders(s.Headers)
	o["load"] = s.Load.canonical()
	personas := object{}
	for i := range s.Personas {
		p := &s.Personas[i]
		think := p.Think
		if s.Load.Think != nil {
			think = *s.Load.Think
		}
		tasks := make([]any, len(p.Tasks))
		for j := range p.Tasks {
			tasks[j] = object{"weight": p.Tasks[j].Weight, "steps": canonicalSteps(p.Tasks[j].Steps)}
		}
		personas[p.Name] = object{
			"weight": p.Weight, "think": think, "headers": canonicalHeaders(p.Headers),
			"start": canonicalSteps(p.Start), "tasks": tasks,
		}
	}
	o["personas"] = personas
	return o
}

// canonicalExtras adds what most scenarios lack, so that theirs keep their digest.
func (s *Scenario) canonicalExtras(o object) {
	if s.HTTP2 {
		o["http"] = "2"
	}
	if s.Connections > 0 {
		o["connections"] = s.Connections
	}
	if !s.Cookies && !s.exact {
		o["cookies"] = false
	}
	if s.Compressed {
		o["compressed"] = true
	}
	if s.Redirect.Follow > 0 {
		o["redirect"] = s.Redirect
	}
	if len(s.Setup)+len(s.Teardown) > 0 {
		o["setup"], o["teardown"] = canonicalSteps(s.Setup), canonicalSteps(s.Teardown)
	}
	if len(s.feeds) > 0 {
		feeds := object{}
		for _, f := range s.feeds {
			rows := make([]any, 0, len(f.rows))
			for _, row := range f.rows {
				for _, m := range row {
					rows = append(rows, m.text)
				}
			}
			feeds[f.name] = object{"order": f.order, "columns": f.columns, "values": rows}
		}
		o["feeds"] = feeds
	}
}

func (l *LoadSpec) canonical() object {
	o := object{}
	if l.Users > 0 {
		o["users"], o["spawn_rate"] = l.Users, l.SpawnRate
	}
	if l.Rate > 0 {
		o["rate"], o["max_users"] = l.Rate, l.MaxUsers
	}
	if l.Arrivals != load.Even {
		o["arrivals"] = l.Arrivals
	}
	if l.Duration > 0 {
		o["duration"] = l.Duration
	}
	if l.Stages != nil {
		o["stages"] = l.Stages
		if l.Open {
			o["open"] = true
		}
	}
	for key, d := range map[string]*time.Duration{"warmup": l.Warmup, "graceful_stop": l.GracefulStop} {
		if d != nil {
			o[key] = *d
		}
	}
	return o
}

func canonicalHeaders(l []Header) object {
	o := object{}
	for _, h := range l {
		o[h.Name] = h.value.source
		if client.SecretHeader(h.Name) {
			o[h.Name] = "" // a new key makes no other load, and no digest of a secret should stand about
		}
	}
	return o
}

func canonicalSteps(steps []Step) []any {
	l := make([]any, len(steps))
	for i := range steps {
		s := &steps[i]
		if s.Method == "" {
			o := object{"pause": *s.Pause}
			if s.when != nil {
				o["when"] = s.when.source
			}
			l[i] = o
			continue
		}
		o := object{
			"request": s.Method + " " + s.Path, "expect": s.Expect, "timeout": s.Timeout, "headers": canonicalHeaders(s.headers),
		}
		query, saved, pushed, drawn := object{}, object{}, object{}, object{}
		for _, q := range s.query {
			query[q.name] = q.value.source
		}
		for _, v := range s.save {
			saved[v.variable] = v.from.source
		}
		for _, p := range s.push {
			if pushed[p.pool] = p.variable; p.from != nil {
				pushed[p.pool] = p.from.source
			}
		}
		for _, p := range s.pick {
			drawn[p.variable] = []any{p.pool, p.take}
		}
		checks := make([]string, len(s.check))
		for j := range s.check {
			checks[j] = s.check[j].source
		}
		o["query"], o["save"], o["push"], o["pick"], o["check"] = query, saved, pushed, drawn, checks
		switch {
		case s.json != nil:
			o["json"] = s.json.plain()
		case s.body != nil:
			o["body"] = s.body.source
		}
		s.canonicalExtras(o)
		l[i] = o
	}
	return l
}

func (s *Step) canonicalExtras(o object) {
	fields := func(l []pair) object {
		m := object{}
		for _, f := range l {
			m[f.name] = f.value.source
		}
		return m
	}
	if s.when != nil {
		o["when"] = s.when.source
	}
	if s.poll != nil {
		o["poll"] = object{"until": s.poll.until.source, "every": s.poll.every, "times": s.poll.times, "time": s.poll.time}
	}
	if s.redirect != nil {
		o["redirect"] = *s.redirect
	}
	if s.compressed != nil {
		o["compressed"] = *s.compressed
	}
	if s.form != nil {
		o["form"] = fields(s.form)
	}
	if s.bodyFile != nil {
		o["body_file"] = digestOf(s.bodyFile.data)
	}
	for i, p := range s.multipart {
		part := object{"name": p.name, "text": p.value.source, "type": p.kind, "filename": p.filename}
		if p.file != nil {
			part["file"] = digestOf(p.file.data)
		}
		o[fmt.Sprintf("part_%d", i)] = part
	}
	if len(s.set) > 0 {
		set := make([]any, len(s.set))
		for i, a := range s.set {
			set[i] = []string{a.variable, a.value.source}
		}
		o["set"] = set
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
