package main

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// secrets are all values that must stand in no output.
func (o *runOptions) secrets() []string {
	var out []string
	if o.scenario != nil {
		out = o.scenario.Secrets(o.lookup)
	}
	if o.apiKey != "" {
		out = append(out, o.apiKey)
	}
	for _, h := range o.headers {
		if client.SecretHeader(h.Name) {
			out = append(out, h.Value)
			if _, token, ok := strings.Cut(h.Value, " "); ok {
				out = append(out, strings.TrimSpace(token))
			}
		}
	}
	return append(append(out, o.inURL...), o.conn.secrets()...)
}

// formSecrets are the values of a query or a form that are secrets by their names.
func formSecrets(query string) (out []string) {
	values, _ := url.ParseQuery(query) // what can be read of it
	for name, values := range values {
		if client.SecretName(name) {
			out = append(out, values...)
		}
	}
	return out
}

// redact makes the redactor of the run's secrets, and warns of those that are too
// short for it.
func (o *runOptions) redact(env *environ) {
	secrets := o.secrets()
	o.redactor = client.NewRedactor(secrets...)
	env.redactor = o.redactor
	for _, s := range secrets {
		if s != "" && len(s) < client.ShortSecret {
			env.warn(fmt.Sprintf("a secret has fewer than %d characters: it is masked where it is a header's whole value, and nowhere else", client.ShortSecret))
		}
	}
}

// warn writes a warning, once.
func (e *environ) warn(text string) {
	if e.warned[text] {
		return
	}
	if e.warned == nil {
		e.warned = map[string]bool{}
	}
	e.warned[text] = true
	fmt.Fprintln(e.redacted(e.Stderr), "lt: warning:", text)
}

// redacted is w with this command's secrets masked in all that is written to it,
// each write by itself.
func (e *environ) redacted(w io.Writer) io.Writer { return redactingWriter{w, e.redactor} }

type redactingWriter struct {
	w io.Writer
	r *client.Redactor
}

func (w redactingWriter) Write(b []byte) (int, error) {
	if _, err := w.w.Write(w.r.Redact(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// redactPlan masks the secrets in all of the plan's texts, from which those of
// the result come: a key may stand in a path, a label or a name.
func redactPlan(r *client.Redactor, p *run.Plan) { redactValue(r, reflect.ValueOf(p).Elem()) }

// lexical are the fields whose texts are lt's own words, by which it computes.
var lexical = map[string]bool{"Metric": true, "Unit": true, "Op": true, "Method": true, "Class": true, "Phase": true}

func redactValue(r *client.Redactor, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); v.CanSet() {
			v.SetString(r.RedactString(s))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			redactValue(r, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			redactValue(r, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !lexical[f.Name] {
				redactValue(r, v.Field(i))
			}
		}
	case reflect.Map:
		if labels, ok := v.Interface().(map[string]string); ok && labels != nil {
			out := map[string]string{}
			for k, text := range labels {
				out[r.RedactString(k)] = r.RedactString(text)
			}
			v.Set(reflect.ValueOf(out))
		}
	}
}

// redacting gives an observer snapshots whose exemplars name their endpoints as
// the redacted plan does.
func redacting(r *client.Redactor, observe func(*metric.Snapshot) error) func(*metric.Snapshot) error {
	return func(s *metric.Snapshot) error {
		own := *s // others observe it too
		own.Exemplars = slices.Clone(s.Exemplars)
		for i := range own.Exemplars {
			redactValue(r, reflect.ValueOf(&own.Exemplars[i]).Elem())
		}
		return observe(&own)
	}
}
