package scenarios

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/text"
)

// FromURL is the scenario of one request, sent again and again without a think
// time: `lt run URL`. Nothing in it is read as a template. Its Target is the
// URL's origin. An empty method is GET, or POST with a body.
func FromURL(rawURL, method string, headers []client.Header, body []byte) (*Scenario, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the target%s is no URL", harmless(rawURL))
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("`%s` starts with %s://: lt speaks http and https", shorten(u.Redacted(), 80), u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("`%s` names no host", shorten(u.Redacted(), 80))
	case u.User != nil:
		return nil, fmt.Errorf("the URL holds a user or password: give them as a header, -H 'Authorization: Basic ...'")
	}
	if method == "" {
		if method = "GET"; len(body) > 0 {
			method = "POST"
		}
	}
	if method = strings.ToUpper(method); !isToken(method) {
		return nil, fmt.Errorf("`%s` is no method", shorten(method, 40))
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	step := Step{Method: method, Path: path, path: literal(path)}
	if len(body) > 0 {
		t := literal(string(body))
		step.body = &t
	}
	for _, h := range headers {
		if !isToken(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00") {
			return nil, fmt.Errorf("header `%s`: a name, a colon and a value of one line", shorten(h.Name, 40))
		}
		step.headers = append(step.headers, Header{h.Name, literal(h.Value)})
	}
	step.Name = step.endpoint().Name()
	return &Scenario{
		Name:     "url-" + text.Slug(u.Host+u.Path, "target"),
		Target:   u.Scheme + "://" + u.Host,
		Personas: []Persona{{Name: "user", Weight: 1, Tasks: []Task{{Name: step.Name, Weight: 1, Steps: []Step{step}}}}},
		file:     u.Host,
		exact:    true,
	}, nil
}
