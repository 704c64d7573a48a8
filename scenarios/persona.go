package scenarios

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) personas(s *Scenario, n *yaml.Node) {
	entries := d.mapping(n, "personas", nil)
	if r := d.deref(n); r != nil && r.Kind == yaml.MappingNode && len(r.Content) == 0 {
		d.add(n, "personas holds nobody: name at least one kind of user")
	}
	if len(entries) > maxPersonas {
		d.add(n, "%d personas; at most %d are possible", len(entries), maxPersonas)
		return
	}
	for _, e := range entries {
		p := Persona{Name: e.name, Weight: 1, at: d.at(e.key)}
		tasks := false
		for _, k := range d.mapping(e.value, "a persona", personaKeys) {
			switch k.name {
			case "weight":
				before := len(d.mistakes)
				if p.Weight = d.integer(k.value, "a weight", 0, maxWeight); len(d.mistakes) > before {
					p.Weight = 1 // what it should be nobody knows; 0 is a mistake of its own
				}
			case "think":
				p.Think = d.span(k.value, "the think time")
			case "headers":
				p.Headers = d.headers(k.value)
			case "set":
				p.set = d.assignments(k.value)
			case "start":
				p.Start = d.steps(k.value, "start")
			case "tasks":
				tasks = true
				p.Tasks = d.tasks(k.value)
			}
		}
		if r := d.deref(e.value); !tasks && r != nil && r.Kind == yaml.MappingNode {
			d.add(e.key, "persona `%s` has no tasks: it would do nothing", e.name)
		}
		for step := range p.steps() {
			if step.Method != "" && p.set != nil {
				step.set = append(slices.Clone(p.set), step.set...)
			}
		}
		s.Personas = append(s.Personas, p)
	}
}

// The weights of personas share out users exactly, over as many users as their
// sum: a table of that length.
const (
	maxWeight   = 1000
	maxPersonas = 100
	maxTasks    = 1000 // of a persona
)

// tasks reads a list of tasks. A task of one step may have the step's keys
// itself.
func (d *decoder) tasks(n *yaml.Node) (tasks []Task) {
	count := 0
	for item := range d.list(n, "tasks") {
		if count++; count > maxTasks {
			d.add(item, "a persona has at most %d tasks", maxTasks)
			return tasks
		}
		t := Task{Weight: 1, at: d.at(item)}
		step := Step{at: t.at}
		var inline, steps *yaml.Node
		before := len(d.mistakes)
		for _, e := range d.mapping(item, "a task", taskKeys) {
			switch e.name {
			case "name":
				t.Name = d.line(e.value, "a name")
			case "weight":
				if r := d.deref(e.value); r != nil && r.Value == "0" {
					d.add(e.value, "a task of weight 0 is never done: give it a weight, or remove it")
				} else {
					t.Weight = d.integer(e.value, "a weight", 1, maxWeight)
				}
			case "steps":
				steps = e.key
				t.Steps = d.steps(e.value, "steps")
				if r := d.deref(e.value); r != nil && r.Kind == yaml.SequenceNode && len(r.Content) == 0 {
					d.add(e.key, "the task has no steps: it would do nothing")
				}
			default:
				if inline == nil {
					inline = e.key
				}
				d.stepKey(&step, e)
			}
		}
		switch {
		case inline != nil && steps != nil:
			d.add(inline, "`%s` belongs to a step: a task has steps, or is one step itself", inline.Value)
		case inline != nil:
			d.stepWhole(&step)
			t.Steps = []Step{step}
		case steps == nil && len(d.mistakes) == before: // else a misspelt key may have been meant
			if r := d.deref(item); r != nil && r.Kind == yaml.MappingNode {
				d.add(item, "the task has no steps: it would do nothing")
			}
		}
		if t.Name == "" {
			t.Name = taskName(t.Steps)
		}
		tasks = append(tasks, t)
	}
	if r := d.deref(n); count == 0 && r != nil && r.Kind == yaml.SequenceNode {
		d.add(n, "the list of tasks is empty: the persona would do nothing")
	}
	return tasks
}

var taskKeys = append([]string{"weight", "steps"}, stepKeys...)

// taskName is the name of a task without one: its first request.
func taskName(steps []Step) string {
	for _, s := range steps {
		if s.Method != "" {
			return s.endpoint().Name()
		}
	}
	return "pause"
}

var personaKeys = []string{"weight", "think", "set", "headers", "start", "tasks"}
