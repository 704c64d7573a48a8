package scenarios

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
)

// steps are all steps of the persona: start, then task by task.
func (p *Persona) steps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for i := range p.Start {
			if !yield(&p.Start[i]) {
				return
			}
		}
		for i := range p.Tasks {
			for j := range p.Tasks[i].Steps {
				if !yield(&p.Tasks[i].Steps[j]) {
					return
				}
			}
		}
	}
}

// templates calls f for each template of the step's request.
func (s *Step) templates(f func(*template)) {
	f(&s.path)
	for i := range s.query {
		f(&s.query[i].value)
	}
	for i := range s.headers {
		f(&s.headers[i].value)
	}
	if s.json != nil {
		s.json.templates(f)
	}
	if s.body != nil {
		f(s.body)
	}
}

// templates calls f for each template of the scenario.
func (s *Scenario) templates(f func(*template)) {
	if s.Auth != nil {
		f(&s.Auth.value)
	}
	for i := range s.Headers {
		f(&s.Headers[i].value)
	}
	for i := range s.Personas {
		p := &s.Personas[i]
		for j := range p.Headers {
			f(&p.Headers[j].value)
		}
		for step := range p.steps() {
			step.templates(f)
		}
	}
}

// endpoint is the step's method and path as written, ${id} as {id}, without the
// query.
func (s *Step) endpoint() metric.Endpoint {
	var path strings.Builder
	for _, p := range s.path.parts {
		text := p.text
		if p.value != nil {
			text = p.value.placeholder()
		}
		before, _, query := strings.Cut(text, "?")
		path.WriteString(before)
		if query && p.value == nil {
			break
		}
	}
	return metric.Endpoint{Method: s.Method, Path: path.String()}
}

// Env is the names of the environment's variables that the scenario reads,
// sorted. Their values may be secrets.
func (s *Scenario) Env() []string {
	names := map[string]bool{}
	s.templates(func(t *template) {
		t.values(func(v *value) {
			if v.kind == valueEnv {
				names[v.name] = true
			}
		})
	})
	return slices.Sorted(maps.Keys(names))
}

// Secrets are the texts that must stand in no output: the values of the
// environment that the scenario reads, and credentials written into the file.
// lookup is [os.LookupEnv], or a test's.
func (s *Scenario) Secrets(lookup func(string) (string, bool)) []string {
	var secrets []string
	for _, name := range s.Env() {
		if v, ok := lookup(name); ok && v != "" {
			secrets = append(secrets, v)
		}
	}
	if s.Auth != nil {
		for _, p := range s.Auth.value.parts {
			if p.value == nil && p.text != ":" {
				secrets = append(secrets, p.text)
			}
		}
	}
	credentials := func(headers []Header) {
		for i := range headers {
			if client.SecretHeader(headers[i].Name) {
				for _, p := range headers[i].value.parts {
					if p.value == nil {
						secrets = append(secrets, strings.Fields(p.text)...)
					}
				}
			}
		}
	}
	credentials(s.Headers)
	for i := range s.Personas {
		credentials(s.Personas[i].Headers)
		for step := range s.Personas[i].steps() {
			credentials(step.headers)
		}
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return s == "Bearer" || s == "Basic" || s == "Token" })
}
