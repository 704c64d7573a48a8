package scenarios

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/client"
)

// A Redirect says which redirects a step follows. Zero: none, so that one is an
// answer like any other.
type Redirect struct {
	Follow   int  // hops at most
	Anywhere bool // to hosts of allow_targets too, without credentials
}

const (
	defaultHops = 10
	maxHops     = 50
)

// redirect reads never, same-origin or follow N.
func (d *decoder) redirect(n *yaml.Node) *Redirect {
	switch text := d.line(n, "redirect"); {
	case text == "":
		return nil
	case text == "never":
		return &Redirect{}
	case text == "same-origin":
		return &Redirect{Follow: defaultHops}
	case strings.HasPrefix(text, "follow "):
		if hops, err := strconv.Atoi(strings.TrimSpace(text[len("follow "):])); err == nil && hops >= 1 && hops <= maxHops {
			return &Redirect{Follow: hops, Anywhere: true}
		}
		fallthrough
	default:
		d.add(n, "redirect is never, same-origin or follow N with N from 1 to %d, not `%s`", maxHops, shorten(text, 40))
	}
	return nil
}

// A hop is the request that a redirect asks for.
type hop struct {
	method string
	url    *url.URL
	body   []byte
}

// redirected is where the last answer leads, if it is a redirect that the step
// follows. A problem says why one is not followed.
func (u *session) redirected(r *request, method string, at *url.URL, body []byte, hops int) (next *hop, problem string) {
	status := u.sample.Status
	switch status {
	case 301, 302, 303, 307, 308:
	default:
		return nil, ""
	}
	if r.redirect.Follow == 0 {
		return nil, ""
	}
	location := u.resp.HeaderValue("Location")
	if location == "" {
		return nil, "the redirect has no Location"
	}
	to, err := at.Parse(location)
	switch {
	case err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Hostname() == "":
		return nil, "the redirect leads to no URL of http or https"
	case to.User != nil:
		return nil, "the redirect leads to a URL with a user in it"
	case hops >= r.redirect.Follow:
		return nil, fmt.Sprintf("the redirects did not end after %d", r.redirect.Follow)
	}
	if !sameOrigin(to, u.script.origin) {
		if !r.redirect.Anywhere {
			return nil, "the redirect leads to another origin: " + to.Scheme + "://" + to.Host
		}
		if !u.script.allowed(to.Hostname()) {
			return nil, "the redirect leads to " + to.Host + ", which allow_targets does not name"
		}
		if at.Scheme == "https" && to.Scheme == "http" {
			return nil, "the redirect leads from https to http"
		}
	}
	next = &hop{method: method, url: to, body: body}
	if status == http.StatusSeeOther && method != "HEAD" || (status == 301 || status == 302) && method == "POST" {
		next.method, next.body = "GET", nil
	}
	return next, ""
}

func sameOrigin(a, b *url.URL) bool {
	return b != nil && a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// allowed reports whether redirects may lead to a host.
func (sc *Script) allowed(host string) bool {
	for _, h := range sc.allowTargets {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

// appendHop appends the request of a redirect: the step's headers, without those
// of the body where there is none any more, and without credentials and the run's
// own headers where it leads to another origin.
func (u *session) appendHop(dst []byte, r *request, h *hop) ([]byte, error) {
	var headers []client.Header
	same := sameOrigin(h.url, u.script.origin)
	for i := range r.headers {
		b := &r.headers[i]
		name := strings.ToLower(b.name)
		switch {
		case name == "host", name == "content-type" && h.body == nil:
			continue
		case !same && (b.secret || client.SecretHeader(name) || b.op() == opCookie):
			continue
		}
		value := string(u.append(nil, b.value))
		if b.op() == opCookie {
			if value = u.cookies(h.url); value == "" {
				continue
			}
		}
		headers = append(headers, client.Header{Name: b.name, Value: value})
	}
	target := h.url.EscapedPath()
	if target == "" {
		target = "/"
	}
	if h.url.RawQuery != "" {
		target += "?" + h.url.RawQuery
	}
	return client.AppendRequest(dst, h.method, target, h.url.Host, headers, h.body)
}

// connTo is the user's connection to the origin of a URL.
func (u *session) connTo(to *url.URL) (*client.Conn, error) {
	if sameOrigin(to, u.script.origin) {
		return u.conn, nil
	}
	key := to.Scheme + "://" + strings.ToLower(to.Host)
	if c, ok := u.elsewhere[key]; ok {
		return c, nil
	}
	c, err := u.script.client.For(&url.URL{Scheme: to.Scheme, Host: to.Host})
	if err != nil {
		return nil, err
	}
	if u.elsewhere == nil {
		u.elsewhere = map[string]*client.Conn{}
	}
	u.elsewhere[key] = c.NewConn()
	return u.elsewhere[key], nil
}
