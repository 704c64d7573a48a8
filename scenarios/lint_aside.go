package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// setupNames is what setup makes, and where.
func (s *Scenario) setupNames() map[string]position {
	names := map[string]position{}
	for i := range s.Setup {
		step := &s.Setup[i]
		for _, v := range step.set {
			names[v.variable] = v.at
		}
		for _, v := range step.save {
			names[v.variable] = v.at
		}
	}
	return names
}

// lintAside follows the variables of setup, login and teardown.
func (s *Scenario) lintAside(unused bool) (ms Mistakes) {
	shared := s.setupNames()
	for _, part := range []struct {
		name  string
		steps []Step
		known map[string]position
	}{{"setup", s.Setup, nil}, {"teardown", s.Teardown, shared}} {
		if part.steps == nil {
			continue
		}
		for i := range part.steps {
			step := &part.steps[i]
			if len(step.pick)+len(step.push) > 0 {
				ms = append(ms, step.at.mistake("%s has no pools: those are a user's own; save a variable, which every user and teardown have", part.name))
			}
		}
		// A persona of one task of these steps, for the same rules.
		l := linter{persona: &Persona{Name: part.name, Weight: 1, Start: part.steps}, shared: part.known}
		ms = append(ms, l.lint(false)...)
	}
	if s.Auth != nil && s.Auth.login != nil {
		s.Auth.login.step.values(func(v *value) {
			if _, ok := shared[v.name]; v.kind == valueVariable && !ok {
				ms = append(ms, v.at.mistake("unknown variable `%s`: a login comes before every step but those of setup; use $env, a feed or ${user}", v.name))
			}
		})
	}
	if !unused {
		return ms
	}
	used := map[string]bool{}
	s.values(func(v *value) { used[v.name] = used[v.name] || v.kind == valueVariable })
	for step := range s.allSteps() {
		for _, p := range step.push {
			used[p.variable] = true
		}
	}
	for name, at := range shared {
		if !used[name] {
			ms = append(ms, at.mistake("`%s` is saved, but no step uses it", name))
		}
	}
	return ms
}

// lintValues finds values that stand where they mean nothing: feeds that nobody
// declared, parts of a request outside of its headers, repeat outside of a list.
// What nothing uses is asked only on demand.
func (s *Scenario) lintValues(unused bool) (ms Mistakes) {
	var names []string
	used := map[string]bool{}
	for _, f := range s.feeds {
		names = append(names, f.name)
	}
	headers := map[*template]bool{}
	mark := func(l []Header) {
		for i := range l {
			headers[&l[i].value] = true
		}
	}
	mark(s.Headers)
	for i := range s.Personas {
		mark(s.Personas[i].Headers)
	}
	s.values(func(v *value) {
		if v.kind == valueFeed {
			used[v.name] = true
			if !slices.Contains(names, v.name) {
				hint := didYouMean(v.name, names)
				if hint == "" {
					hint = fmt.Sprintf(": declare it under feeds, as in `feeds: {%s: %s.csv}`", v.name, v.name)
				}
				ms = append(ms, v.at.mistake("unknown feed `%s`%s", v.name, hint))
			}
		}
		if v.kind == valueRepeat && !v.placed {
			ms = append(ms, v.at.mistake("${repeat(LOW, HIGH)} stands in a list of json, alone, before the item that it repeats"))
		}
	})
	for step := range s.allSteps() {
		mark(step.headers)
		step.templates(func(t *template) {
			t.values(func(v *value) {
				if v.kind == valueRequest && !headers[t] {
					ms = append(ms, v.at.mistake("`request.%s` is known to headers only: the rest of the request is made before them", v.name))
				}
			})
		})
		outside := func(v *value) {
			if v.kind == valueRequest {
				ms = append(ms, v.at.mistake("`request.%s` is known to headers only", v.name))
			}
		}
		if step.when != nil {
			step.when.walk(step.when.at, outside)
		}
		for _, c := range step.check {
			c.walk(c.at, outside)
		}
		if step.poll != nil {
			step.poll.until.walk(step.poll.at, outside)
		}
	}
	for _, f := range s.feeds {
		if unused && !used[f.name] && len(s.Personas) > 0 {
			ms = append(ms, f.at.mistake("the feed `%s` is declared, but nothing uses it", f.name))
		}
	}
	return ms
}

// reachable finds tasks that no user can ever do, because nothing but they
// themselves, or tasks like them, fills the pools that they draw from.
func (l *linter) reachable() {
	p := l.persona
	filled := map[string]bool{}
	fill := func(steps []Step) {
		for i := range steps {
			for _, push := range steps[i].push {
				filled[push.pool] = true
			}
		}
	}
	fill(p.Start)
	done := make([]bool, len(p.Tasks))
	for again := true; again; {
		again = false
		for i := range p.Tasks {
			if !done[i] && l.lacks(p.Tasks[i].Steps, filled) == "" {
				done[i], again = true, true
				fill(p.Tasks[i].Steps)
			}
		}
	}
	for i := range p.Tasks {
		pool := l.lacks(p.Tasks[i].Steps, filled)
		if _, pushed := l.pushed[pool]; !done[i] && pushed {
			l.add(p.Tasks[i].at, "the task `%s` is never done: only tasks that need something in the pool `%s` fill it", shorten(strings.TrimSpace(p.Tasks[i].Name), 60), pool)
		}
	}
}

// lacks is a pool that steps draw from, and that neither filled nor the steps
// before fill.
func (l *linter) lacks(steps []Step, filled map[string]bool) string {
	own := map[string]bool{}
	for i := range steps {
		for _, d := range steps[i].pick {
			if !filled[d.pool] && !own[d.pool] {
				return d.pool
			}
		}
		for _, push := range steps[i].push {
			own[push.pool] = true
		}
	}
	return ""
}
