package scenarios

// A Description is a scenario for people to read: what its users do.
type Description struct {
	Name     string
	Purpose  string
	Workload string
	Personas []PersonaDescription
}

// A PersonaDescription is one kind of user.
type PersonaDescription struct {
	Name   string
	Weight int
	Think  Range
	Start  []string // requests, as "POST /orders"
	Tasks  []TaskDescription
}

// A TaskDescription is one task with its requests and pauses in order.
type TaskDescription struct {
	Name   string
	Weight int
	Steps  []string
}

// Describe says what the scenario's users do.
func (s *Scenario) Describe() Description {
	d := Description{Name: s.Name, Purpose: s.Description, Workload: s.Workload}
	for i := range s.Personas {
		p := &s.Personas[i]
		pd := PersonaDescription{Name: p.Name, Weight: p.Weight, Think: p.Think, Start: describeSteps(p.Start)}
		if s.Load.Think != nil {
			pd.Think = *s.Load.Think
		}
		for j := range p.Tasks {
			t := &p.Tasks[j]
			pd.Tasks = append(pd.Tasks, TaskDescription{t.Name, t.Weight, describeSteps(t.Steps)})
		}
		d.Personas = append(d.Personas, pd)
	}
	return d
}

func describeSteps(steps []Step) (l []string) {
	for i := range steps {
		if steps[i].Method == "" {
			l = append(l, "pause "+rangeText(*steps[i].Pause))
		} else {
			l = append(l, steps[i].endpoint().Name())
		}
	}
	return l
}
