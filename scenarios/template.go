package scenarios

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// A template is text with values in it: "/orders/${id}".
type template struct {
	source string
	parts  []part
	at     position
}

// A part is constant text, or a value where value is not nil.
type part struct {
	text  string
	value *value
}

// literal is a template without values.
func literal(s string) template {
	if s == "" {
		return template{}
	}
	return template{source: s, parts: []part{{text: s}}}
}

// constant reports whether the template says the same each time. A value of the
// environment is constant: it is known before the run.
func (t *template) constant() bool {
	for _, p := range t.parts {
		if p.value != nil && !p.value.constant() {
			return false
		}
	}
	return true
}

// alone is the value that the template consists of, if it is nothing but that.
func (t *template) alone() *value {
	if len(t.parts) == 1 {
		return t.parts[0].value
	}
	return nil
}

// values calls f for each value of the template, those inside expressions too.
func (t *template) values(f func(*value)) {
	for _, p := range t.parts {
		if p.value != nil {
			p.value.walk(f)
		}
	}
}

// template reads any scalar as a template.
func (d *decoder) template(n *yaml.Node, what string) template {
	n, ok := d.scalar(n, what)
	if !ok {
		return template{}
	}
	return d.parseTemplate(n)
}

// parseTemplate splits a scalar at its ${...}; $${ stands for ${ itself, and a
// whole text of the form $env.NAME is short for ${env.NAME}.
func (d *decoder) parseTemplate(n *yaml.Node) template {
	t := template{source: n.Value, at: d.at(n)}
	if name, ok := strings.CutPrefix(n.Value, "$env."); ok {
		v, problem := parseValue("env."+name, t.at)
		if problem != "" || v.kind != valueEnv {
			d.lost = true
			d.add(n, "`%s` is more than the name of a variable of the environment: inside text write ${env.NAME}", shorten(n.Value, 60))
			return t
		}
		t.parts = []part{{value: v}}
		return t
	}
	s := n.Value
	var text strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		if i > 0 && s[i-1] == '$' {
			text.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		text.WriteString(s[:i])
		end := closing(s[i+2:])
		at := d.inside(n, len(n.Value)-len(s)+i)
		if end < 0 {
			d.lost = true
			d.mistakes = append(d.mistakes, at.mistake("`%s` has no closing }; write $${ for the text ${", shorten(s[i:], 40)))
			return t
		}
		inner := s[i+2 : i+2+end]
		v, problem := parseValue(inner, at)
		if problem != "" {
			d.lost = true
			d.mistakes = append(d.mistakes, at.mistake("`${%s}` %s", shorten(inner, 60), problem))
		} else {
			if text.Len() > 0 {
				t.parts = append(t.parts, part{text: text.String()})
				text.Reset()
			}
			t.parts = append(t.parts, part{value: v})
		}
		s = s[i+2+end+1:]
	}
	text.WriteString(s)
	if text.Len() > 0 {
		t.parts = append(t.parts, part{text: text.String()})
	}
	return t
}

// closing is where the } stands that ends the ${ before s; -1 without one.
func closing(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// inside is the position of byte i of a scalar's text: exact for plain text on
// one line, the scalar's own where escapes or line breaks could move it.
func (d *decoder) inside(n *yaml.Node, i int) position {
	p := d.at(n)
	switch {
	case len(n.Value) > 4096: // not worth counting through, value by value
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.ContainsAny(n.Value, "\n\"'\\"):
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		p.column += 1 + len([]rune(n.Value[:i]))
	default:
		p.column += len([]rune(n.Value[:i]))
	}
	return p
}
