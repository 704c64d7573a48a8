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

// allSteps are all steps of the scenario: setup, login, personas, teardown.
func (s *Scenario) allSteps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for i := range s.Setup {
			if !yield(&s.Setup[i]) {
				return
			}
		}
		if s.Auth != nil && s.Auth.login != nil && !yield(&s.Auth.login.step) {
			return
		}
		for i := range s.Personas {
			for step := range s.Personas[i].steps() {
				if !yield(step) {
					return
				}
			}
		}
		for i := range s.Teardown {
			if !yield(&s.Teardown[i]) {
				return
			}
		}
	}
}

// values calls f for each value of the step, those of its expressions too.
func (s *Step) values(f func(*value)) {
	s.templates(func(t *template) { t.values(f) })
	if s.when != nil {
		s.when.walk(s.when.at, f)
	}
	if s.poll != nil {
		s.poll.until.walk(s.poll.at, f)
	}
	for _, c := range s.check {
		c.walk(c.at, f)
	}
}

// templates calls f for each template of the step's request.
func (s *Step) templates(f func(*template)) {
	for i := range s.set {
		f(&s.set[i].value)
	}
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
	for i := range s.form {
		f(&s.form[i].value)
	}
	for i := range s.multipart {
		f(&s.multipart[i].value)
	}
	if s.body != nil {
		f(s.body)
	}
}

// values calls f for each value of the scenario.
func (s *Scenario) values(f func(*value)) {
	if s.Auth != nil {
		s.Auth.value.values(f)
	}
	for i := range s.Headers {
		s.Headers[i].value.values(f)
	}
	for i := range s.Personas {
		for j := range s.Personas[i].Headers {
			s.Personas[i].Headers[j].value.values(f)
		}
	}
	for step := range s.allSteps() {
		step.values(f)
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
	s.values(func(v *value) {
		if v.kind == valueEnv {
			names[v.name] = true
		}
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
	}
	for step := range s.allSteps() {
		credentials(step.headers)
	}
	if s.Auth != nil && s.Auth.login != nil {
		secrets = append(secrets, s.Auth.login.literals()...)
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return s == "Bearer" || s == "Basic" || s == "Token" })
}
