package scenarios

import (
	"encoding/base64"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/client"
)

var authKinds = []string{"header", "bearer", "api_key", "basic", "login"}

// auth reads who the requests are sent by: the name of a kind, for the run's
// key, or a kind with its value.
func (d *decoder) auth(n *yaml.Node) *Auth {
	kinds := authKinds
	if r := d.deref(n); r != nil && r.Kind == yaml.ScalarNode {
		switch r.Value {
		case "bearer":
			return &Auth{Kind: "bearer"}
		case "api_key":
			return &Auth{Kind: "api_key", Header: defaultKeyHeader}
		case "basic":
			return &Auth{Kind: "basic"}
		}
		d.add(n, "auth `%s` is unknown%s", shorten(r.Value, 40), suggestion(r.Value, "auth", kinds))
		return nil
	}
	var auth *Auth
	for _, e := range d.mapping(n, "auth", kinds) {
		if auth != nil {
			d.add(e.key, "auth is one of %s: `%s` stands beside `%s`", strings.Join(kinds, ", "), e.name, auth.Kind)
			continue
		}
		auth = &Auth{Kind: e.name}
		switch e.name {
		case "login":
			if auth = d.login(e.value); auth == nil {
				return nil
			}
		case "bearer":
			auth.value = d.credential(e.value)
		case "api_key":
			auth.Header, auth.value = defaultKeyHeader, d.credential(e.value)
		case "header":
			d.authHeader(auth, e.value)
		case "basic":
			var user, password template
			for _, p := range d.mapping(e.value, "basic", basicKeys) {
				if t := d.credential(p.value); p.name == "user" {
					user = t
				} else {
					password = t
				}
			}
			if user.source == "" {
				d.add(e.key, "basic needs a user: write `basic: {user: $env.USER, password: $env.PASSWORD}`")
			}
			auth.value = template{source: user.source + ":" + password.source, at: d.at(e.key)}
			auth.value.parts = append(append(append(auth.value.parts, user.parts...), part{text: ":"}), password.parts...)
		}
	}
	return auth
}

const defaultKeyHeader = "X-API-Key"

// authHeader reads `header: X-Token`, for the run's key, or `header: {X-Token:
// $env.TOKEN}`.
func (d *decoder) authHeader(auth *Auth, n *yaml.Node) {
	r := d.deref(n)
	if r == nil {
		return
	}
	if r.Kind == yaml.ScalarNode {
		if d.headerName(r) {
			auth.Header = r.Value
		}
		return
	}
	l := d.headers(n)
	if len(l) != 1 {
		d.add(n, "header is one name, or one name with its value: write `header: {X-Token: $env.TOKEN}`")
		return
	}
	auth.Header, auth.value = l[0].Name, l[0].value
	if !auth.value.constant() {
		d.add(n, "a credential is text or $env.NAME")
	}
}

// credential is a template without values of the run.
func (d *decoder) credential(n *yaml.Node) template {
	t := d.template(n, "a credential")
	if !t.constant() {
		d.add(n, "a credential is text or $env.NAME")
	}
	return t
}

// auth finds the header that says who sends the requests.
func (c *compiler) auth() {
	auth, key := c.scenario.Auth, c.opts.Key
	if auth == nil {
		auth = &Auth{Kind: "api_key", Header: defaultKeyHeader}
	}
	if auth.login != nil {
		c.compileLogin(auth)
		return
	}
	value := key
	if key == "" {
		var ok bool
		if value, ok = c.constant(&auth.value); !ok || value == "" {
			return
		}
	}
	h := client.Header{Name: "Authorization", Value: value}
	switch auth.Kind {
	case "bearer":
		h.Value = "Bearer " + value
	case "basic":
		h.Value = "Basic " + base64.StdEncoding.EncodeToString([]byte(value))
	default:
		h.Name = auth.Header
	}
	if strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		c.add(auth.value.at, "the credential holds a line break or another control character: it is not %d bytes of a key", len(value))
		return
	}
	c.credential = &h
	c.script.credentialHeader = h.Name
}

var basicKeys = []string{"user", "password"}
