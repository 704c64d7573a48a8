package scenarios

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// keepCookies puts the cookies of the last answer into the user's jar, which is
// made with the first.
func (u *session) keepCookies(from *url.URL) {
	if u.jar == nil {
		u.jar, _ = cookiejar.New(nil) // without options it cannot fail
	}
	var l []*http.Cookie
	for _, line := range u.resp.Cookies {
		if c, err := http.ParseSetCookie(line); err == nil {
			l = append(l, c)
		}
	}
	u.jar.SetCookies(from, l)
}

// cookies is what the user's jar holds for a URL, as the Cookie header has it.
func (u *session) cookies(to *url.URL) string {
	if u.jar == nil {
		return ""
	}
	var b strings.Builder
	for _, c := range u.jar.Cookies(to) {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.Name + "=")
		if strings.ContainsAny(c.Value, " ,") && !strings.Contains(c.Value, `"`) {
			b.WriteString(`"` + c.Value + `"`)
		} else {
			b.WriteString(c.Value)
		}
	}
	return string(appendEncoded(nil, b.String(), asHeaderText))
}

// urlOf is the URL of a request's target.
func (u *session) urlOf(target string) *url.URL {
	at := *u.script.origin
	if i := strings.IndexByte(target, '?'); i >= 0 {
		at.RawQuery = strings.Clone(target[i+1:])
		target = target[:i]
	}
	at.Path = strings.Clone(target)
	if p, err := url.PathUnescape(target); err == nil {
		at.Path, at.RawPath = p, strings.Clone(target)
	}
	return &at
}
