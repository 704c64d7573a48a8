package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// lint is every mistake that shows only in the scenario as a whole: variables
// and pools that nothing fills or nothing uses, personas that never act,
// thresholds that match no endpoint. What nothing uses is asked only on demand.
func (s *Scenario) lint(unused bool) (ms Mistakes) {
	weights := 0
	shared := s.setupNames()
	for i := range s.Headers {
		s.Headers[i].value.values(func(v *value) {
			if v.kind == valueVariable {
				if _, ok := shared[v.name]; ok {
					return
				}
				ms = append(ms, v.at.mistake("unknown variable `%s`: headers of the whole scenario are sent before any step has saved one", v.name))
			}
		})
	}
	for i := range s.Personas {
		p := &s.Personas[i]
		weights += p.Weight
		if p.Weight == 0 {
			ms = append(ms, p.at.mistake("persona `%s` has weight 0: nobody would be one; give it a weight, or remove it", p.Name))
		}
		l := linter{persona: p, shared: shared}
		ms = append(ms, l.lint(unused)...)
	}
	ms = append(ms, s.lintAside(unused)...)
	ms = append(ms, s.lintValues(unused)...)
	return append(ms, s.lintScopes()...)
}

// lintScopes finds thresholds on endpoints that no step requests.
func (s *Scenario) lintScopes() (ms Mistakes) {
	if len(s.Personas) == 0 {
		return nil
	}
	if len(s.scopes) == 0 {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	note := func(step *Step) {
		if step.Method == "" {
			return
		}
		e := step.endpoint()
		for _, name := range []string{e.Name(), e.Name() + RedirectedSuffix} {
			if strings.HasSuffix(name, RedirectedSuffix) && step.redirect == nil && s.Redirect.Follow == 0 {
				continue
			}
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	if s.Auth != nil && s.Auth.login != nil {
		note(&s.Auth.login.step)
	}
	for _, p := range s.Personas {
		for step := range p.steps() {
			note(step)
		}
	}
	for _, sc := range s.scopes {
		if !slices.ContainsFunc(names, sc.threshold.Matches) {
			hint := didYouMean(sc.threshold.Scope, names)
			if hint == "" && len(names) > 0 {
				hint = "; there is " + shorten(strings.Join(names[:min(len(names), 20)], ", "), 200)
			}
			ms = append(ms, sc.at.mistake("the threshold's scope `%s` matches no endpoint%s", sc.threshold.Scope, hint))
		}
	}
	return ms
}

// maxPools is how many pools a persona may have: every user holds them all.
const maxPools = 100

// A linter follows the variables and pools of one persona.
type linter struct {
	persona *Persona
	shared  map[string]position // what setup makes
	saved   map[string]place    // where each variable is made, anywhere in the persona
	used    map[string]bool
	pushed  map[string]position
	drawn   map[string]bool
	ms      Mistakes
}

// A place is a step of a persona.
type place struct {
	where string // "start", or the task's name
	at    position
}

func (l *linter) lint(unused bool) Mistakes {
	p := l.persona
	l.saved, l.used = map[string]place{}, map[string]bool{}
	l.pushed, l.drawn = map[string]position{}, map[string]bool{}
	l.collect("start", p.Start)
	for i := range p.Tasks {
		l.collect("task `"+p.Tasks[i].Name+"`", p.Tasks[i].Steps)
	}
	known := map[string]bool{}
	for name := range l.shared {
		known[name] = true
	}
	l.follow("start", p.Start, known)
	for i := range p.Headers {
		known := maps.Clone(known)
		for _, a := range p.set {
			known[a.variable] = true
		}
		p.Headers[i].value.values(func(v *value) { l.use(v, "the headers of the persona", known) })
	}
	for i := range p.Tasks {
		l.follow("task `"+p.Tasks[i].Name+"`", p.Tasks[i].Steps, maps.Clone(known))
		if !slices.ContainsFunc(p.Tasks[i].Steps, func(s Step) bool { return s.Method != "" }) && len(p.Tasks[i].Steps) > 0 {
			l.add(p.Tasks[i].at, "the task sends nothing: it only pauses")
		}
	}
	l.reachable()
	if n := len(l.pushed); n > maxPools {
		l.add(p.at, "persona `%s` has %d pools; at most %d are possible", p.Name, n, maxPools)
	}
	if !unused {
		return l.ms
	}
	for _, name := range slices.Sorted(maps.Keys(l.saved)) {
		if !l.used[name] {
			l.add(l.saved[name].at, "`%s` is saved, but no step uses it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.pushed)) {
		if !l.drawn[name] {
			l.add(l.pushed[name], "the pool `%s` is filled, but no step picks or takes from it", name)
		}
	}
	return l.ms
}

func (l *linter) add(at position, format string, args ...any) {
	l.ms = append(l.ms, at.mistake(format, args...))
}

// collect notes what the steps save, push and draw, wherever that is.
func (l *linter) collect(where string, steps []Step) {
	for i := range steps {
		s := &steps[i]
		for _, v := range s.save {
			if _, ok := l.saved[v.variable]; !ok {
				l.saved[v.variable] = place{where, v.at}
			}
		}
		for _, v := range s.set {
			if _, ok := l.saved[v.variable]; !ok {
				l.saved[v.variable] = place{where, v.at}
			}
		}
		for _, p := range s.push {
			if _, ok := l.pushed[p.pool]; !ok {
				l.pushed[p.pool] = p.at
			}
		}
		for _, p := range s.pick {
			l.drawn[p.pool] = true
			if _, ok := l.saved[p.variable]; !ok {
				l.saved[p.variable] = place{where, p.at}
			}
		}
	}
}

// follow walks steps in their order; known are the variables made so far.
func (l *linter) follow(where string, steps []Step, known map[string]bool) {
	for i := range steps {
		s := &steps[i]
		for _, d := range s.pick {
			if _, ok := l.pushed[d.pool]; !ok && d.pool != "" {
				l.add(d.at, "no step pushes into the pool `%s`%s", d.pool, didYouMean(d.pool, slices.Sorted(maps.Keys(l.pushed))))
			}
			if where == "start" {
				l.add(d.at, "start steps run once, before there is anything in a pool: save a variable instead")
			}
			known[d.variable] = true
		}
		if s.when != nil {
			s.when.walk(s.when.at, func(v *value) { l.use(v, where, known) })
		}
		for _, a := range s.set {
			a.value.values(func(v *value) { l.use(v, where, known) })
			known[a.variable] = true
		}
		s.templates(func(t *template) { t.values(func(v *value) { l.use(v, where, known) }) })
		if s.poll != nil {
			s.poll.until.walk(s.poll.at, func(v *value) { l.use(v, where, known) })
		}
		for _, v := range s.save {
			known[v.variable] = true
		}
		for _, p := range s.push {
			if p.variable != "" {
				l.use(&value{kind: valueVariable, name: p.variable, at: p.at}, where, known)
			}
		}
		for _, c := range s.check {
			for _, name := range c.variables {
				l.use(&value{kind: valueVariable, name: name, at: c.at}, where, known)
			}
		}
	}
}

// use notes the use of a variable, and that it is not known here.
func (l *linter) use(v *value, where string, known map[string]bool) {
	if v.kind != valueVariable {
		return
	}
	l.used[v.name] = true
	if known[v.name] {
		return
	}
	hint := ""
	if len(l.ms) > 100 {
		l.add(v.at, "unknown variable `%s`", v.name)
		return
	}
	if p, ok := l.saved[v.name]; ok {
		switch {
		case p.where == where:
			hint = fmt.Sprintf(": it is saved only later, in line %d", p.at.line)
		case p.where != "start":
			hint = fmt.Sprintf(": it is saved in %s, and tasks share only what start saves; keep it in a pool", p.where)
		}
	} else if hint = didYouMean(v.name, append(slices.Sorted(maps.Keys(known)), "uuid", "now", "counter", "user")); hint == "" && len(known) > 0 {
		hint = "; known here: " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	} else if hint == "" {
		hint = ": no step before this one saves it"
	}
	l.add(v.at, "unknown variable `%s`%s", v.name, hint)
}
