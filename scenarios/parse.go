package scenarios

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/verdict"
)

// Parse reads a scenario file. The error is [Mistakes], all of them. The name is
// the file's in mistakes and, without its path and ending, the scenario's unless
// the file gives another. A workload that the file names is not yet read: see
// [Load].
func Parse(file string, data []byte) (*Scenario, error) {
	d := &decoder{file: file}
	s := &Scenario{file: file, Name: baseName(file), Cookies: true}
	if root := d.document(data); root != nil {
		d.scenario(s, root)
	}
	d.mistakes = append(d.mistakes, s.lint(!d.lost)...)
	if ms := d.mistakes.ordered(); len(ms) > 0 {
		return nil, ms
	}
	return s, nil
}

var scenarioKeys = []string{
	"name", "description", "target", "labels", "auth", "headers", "cookies", "compressed", "redirect", "load", "workload", "thresholds",
	"allow_targets", "feeds", "setup", "personas", "teardown",
}

func (d *decoder) scenario(s *Scenario, root *yaml.Node) {
	var workload, personas *yaml.Node
	entries := d.mapping(root, "a scenario", scenarioKeys)
	for _, e := range entries {
		switch e.name {
		case "name":
			s.Name = d.line(e.value, "the name")
			if s.Name != "" && !nameSyntax.MatchString(s.Name) {
				d.add(e.value, "the name `%s` names a directory: use letters, digits, - and _", shorten(s.Name, 40))
			}
		case "description":
			s.Description = d.line(e.value, "the description")
		case "target":
			s.Target = d.target(e.value)
		case "labels":
			s.Labels = map[string]string{}
			for _, l := range d.mapping(e.value, "labels", nil) {
				s.Labels[l.name] = d.line(l.value, "a label")
			}
		case "auth":
			s.Auth = d.auth(e.value)
		case "headers":
			s.Headers = d.headers(e.value)
		case "load":
			d.load(s, e.value)
		case "workload":
			workload, s.workloadAt = e.key, d.at(e.value)
			s.Workload = d.line(e.value, "the workload")
		case "thresholds":
			s.Thresholds = d.thresholds(s, e.value)
		case "allow_targets":
			for item := range d.list(e.value, "allow_targets") {
				if h := d.line(item, "a host"); h != "" {
					if strings.ContainsAny(h, "/@ ") {
						d.add(item, "`%s` is no host: write `api.example.com`, without scheme, path or user", shorten(h, 60))
					}
					s.AllowTargets = append(s.AllowTargets, h)
				}
			}
		case "cookies":
			s.Cookies = d.boolean(e.value, "cookies")
		case "compressed":
			s.Compressed = d.boolean(e.value, "compressed")
		case "redirect":
			if r := d.redirect(e.value); r != nil {
				s.Redirect = *r
			}
		case "feeds":
			s.feeds = d.feeds(e.value)
		case "setup":
			s.Setup = d.steps(e.value, "setup")
		case "teardown":
			s.Teardown = d.steps(e.value, "teardown")
		case "personas":
			personas = e.key
			d.personas(s, e.value)
		}
	}
	switch {
	case workload != nil && personas != nil:
		d.add(workload, "what users do stands in personas or in another workload, not both")
	case workload == nil && personas == nil && root.Kind == yaml.MappingNode && 2*len(entries) == len(root.Content):
		// With an unknown key beside it, that is what was misspelt.
		d.add(root, "the scenario does nothing: it needs personas, or `workload: api`")
	}
}

// nameSyntax is what a directory may be called on every system.
var nameSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// withoutValues is a text without its ${...}.
func withoutValues(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := closing(rest)
		if end < 0 {
			return b.String()
		}
		s = rest[end+1:]
	}
}

func (d *decoder) target(n *yaml.Node) string {
	s := d.line(n, "the target")
	if s == "" {
		return ""
	}
	if err := checkTarget(s); err != nil {
		d.add(n, "%v", err)
	}
	return s
}

// harmless is a URL in backticks for a message, and nothing for one that may hold
// a password.
func harmless(raw string) string {
	if strings.Contains(raw, "@") {
		return ""
	}
	return " `" + shorten(raw, 80) + "`"
}

// checkTarget says whether a URL can be a target.
func checkTarget(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Hostname() == "":
		return fmt.Errorf("the target%s is no URL: write `https://api.example.com`", harmless(raw))
	case u.User != nil:
		return fmt.Errorf("the target holds a user or password: write them under auth, as `basic: {user: $env.USER, password: $env.PASSWORD}`")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the target `%s` has a query or a fragment: those belong into steps", shorten(raw, 80))
	}
	return nil
}

// thresholds reads a list of thresholds; s keeps where those on endpoints stand.
func (d *decoder) thresholds(s *Scenario, n *yaml.Node) (l []string) {
	for item := range d.list(n, "thresholds") {
		if len(l) == maxThresholds {
			d.add(item, "a scenario has at most %d thresholds", maxThresholds)
			return l
		}
		t := d.line(item, "a threshold")
		if t == "" {
			continue
		}
		parsed, err := verdict.ParseThreshold(t)
		if err != nil {
			d.add(item, "%v", err)
			continue
		}
		l = append(l, t)
		if parsed.Scope != "" {
			s.scopes = append(s.scopes, scope{parsed, d.at(item)})
		}
	}
	return l
}

const maxThresholds = 1000

// A scope is a threshold on some endpoints, and where it stands.
type scope struct {
	threshold verdict.Threshold
	at        position
}
