package scenarios

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/seed-42693903/lt/internal/metric"
)

// Preview is the first n requests of each persona, exactly as its first user would
// send them, secrets masked, but for what only answers can tell: a variable that a
// step saves stands as {name}. Nothing is sent.
func (sc *Script) Preview(n int, seed uint64) []string {
	var out []string
	for _, p := range sc.personas {
		id := 0
		for id < len(sc.turns)-1 && sc.turns[id] != p {
			id++
		}
		u := sc.newSession(p, id, seed)
		for i := range u.slots {
			u.slots[i] = slot{slotHole, []byte("{" + p.names[i] + "}")}
		}
		u.token = &token{value: []byte("***")}
		left := n
		if sc.login != nil {
			out = append(out, u.previewed(&sc.login.request, p.name))
			left--
		}
		if left = u.previewSteps(&out, p.start, left); left < n || len(p.start) == 0 {
			for idle := 0; left > 0 && idle < 100; idle++ {
				u.turn()
				t := u.next()
				if t == nil {
					break
				}
				before := left
				if left = u.previewSteps(&out, t.steps, left); left < before {
					idle = 0
				}
				u.iterations++
			}
		}
		u.Close()
	}
	return out
}

// previewSteps appends the requests of steps, at most left, and returns how many
// are left.
func (u *session) previewSteps(out *[]string, steps []request, left int) int {
	for i := range steps {
		r := &steps[i]
		if r.row < 0 || left == 0 {
			continue
		}
		if r.when != nil {
			if holds, err := u.holds(r.when, nil); err == nil && !holds {
				continue
			}
		}
		u.fill(r)
		u.assign(r)
		*out = append(*out, u.previewed(r, u.persona.name))
		left--
		for _, p := range r.pushes {
			m := member{"{id}", slotHole}
			if p.from == nil {
				m = member{string(u.slots[p.slot].text), u.slots[p.slot].kind}
			}
			u.pools[p.pool].push(m)
		}
	}
	return left
}

// previewed is a request for people to read.
func (u *session) previewed(r *request, persona string) string {
	u.prepare(r)
	row := u.script.rows[r.row]
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, %s\n", persona, row.Step)
	if u.unmade != nil {
		fmt.Fprintf(&b, "(cannot be shown: %s)\n", u.script.redactor.RedactString(u.unmade.Error()))
		return b.String()
	}
	head, body, _ := bytes.Cut(u.sent, []byte("\r\n\r\n"))
	b.WriteString(u.script.head(head))
	b.WriteByte('\n')
	if len(body) > 0 {
		text := u.script.redacted(body)
		if u.script.login != nil && r.row == u.script.login.request.row {
			text = maskedBody(text)
		}
		b.WriteString("\n" + text + "\n")
		if len(body) > keptOfExemplar {
			fmt.Fprintf(&b, "(%d bytes in all)\n", len(body))
		}
	}
	return b.String()
}

// probe is a sample as preflight, setup and teardown tell of it.
func (sc *Script) probe(row int, s *metric.Sample) Probe {
	r := sc.rows[row]
	return Probe{
		Persona: r.Persona, Step: r.Step, Endpoint: r.Endpoint,
		Class: s.Class(), Phase: s.Phase, Status: s.Status, Requests: 1,
	}
}
