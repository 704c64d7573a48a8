package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/client"
)

// A check is an expression that must hold for an answer to count as correct:
// `$.lines.size() > 0`.
type check struct {
	*expression
	at position
}

// A boundCheck is a check with the user's slots that it means.
type boundCheck struct {
	boundExpression
	prefix string // of its message: "check", "until"
}

// checks reads one check or a list of them.
func (d *decoder) checks(n *yaml.Node) (l []check) {
	one := func(n *yaml.Node) {
		if x := d.expression(n, "check", useCheck); x != nil {
			l = append(l, check{x, d.at(n)})
		}
	}
	if r := d.deref(n); r != nil && r.Kind == yaml.ScalarNode {
		one(n)
		return l
	}
	for item := range d.list(n, "check") {
		one(item)
	}
	return l
}

// expression reads an expression; what is the key that it stands at.
func (d *decoder) expression(n *yaml.Node, what string, purpose use) *expression {
	n, ok := d.scalar(n, "the expression of "+what)
	if !ok {
		return nil
	}
	x, problem := parseExpression(n.Value, purpose, d.at(n))
	if problem != "" {
		d.lost = true
		d.add(n, "%s `%s`: %s", what, shorten(n.Value, 80), problem)
		return nil
	}
	return x
}

// explain says what the check found in the answer, for a failure's message. Secrets
// are masked before values are shortened, for half a secret would not be found.
func (u *session) explain(c *boundCheck, resp *client.Response, err error) string {
	found := map[string]string{}
	show := func(v any) string { return shorten(u.script.redactor.RedactString(fmt.Sprintf("%#v", v)), 60) }
	for i := range c.paths {
		found[c.paths[i].source] = show(c.paths[i].value(resp))
	}
	for i, name := range c.variables {
		found[name] = show(u.slots[c.slots[i]].value())
	}
	if c.uses["status"] {
		found["status"] = fmt.Sprint(resp.Status)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s does not hold", c.prefix, c.source)
	for i, name := range slices.Sorted(maps.Keys(found)) {
		sep := ": "
		if i > 0 {
			sep = ", "
		}
		fmt.Fprintf(&b, "%s%s is %s", sep, name, strings.Replace(found[name], "<nil>", "missing", 1))
	}
	if err != nil {
		fmt.Fprintf(&b, " (%v)", err)
	}
	return b.String()
}
