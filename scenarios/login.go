package scenarios

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/client"
)

// A login is the request that gives users a token, and what they do with it.
type login struct {
	step          Step
	token         extractor
	refreshBefore time.Duration
	perRun        bool // one token for all users
	scheme        string

	expires  *extractor    // seconds, or a time of RFC 3339
	lifetime time.Duration // fixed; 0: expires, or what the token says of itself
}

// loginKeys are those of a step that make a request, and the login's own.
var loginKeys = append(slices.Clone(methods),
	"query", "headers", "json", "form", "body", "expect", "timeout",
	"token", "header", "scheme", "expires", "refresh_before", "share")

const defaultRefreshBefore = 30 * time.Second

// login reads auth.login.
func (d *decoder) login(n *yaml.Node) *Auth {
	r := d.deref(n)
	if r == nil {
		return nil
	}
	l := &login{refreshBefore: defaultRefreshBefore, scheme: "Bearer"}
	l.step.at, l.step.Name = d.at(r), "login"
	auth := &Auth{Kind: "login", Header: "Authorization", login: l}
	scheme := false
	entries := d.mapping(n, "a login", loginKeys)
	for _, e := range entries {
		switch e.name {
		case "token":
			l.token = d.extractor(e.value, "the token")
		case "header":
			if h, ok := d.scalar(e.value, "a header's name"); ok && d.headerName(h) {
				auth.Header = h.Value
			}
		case "scheme":
			l.scheme, scheme = d.word(e.value, "the scheme"), true
		case "expires":
			text := d.line(e.value, "expires")
			switch v, problem := parseDuration(text); {
			case text == "":
			case text[0] == '$' || text[0] == '/' || strings.HasPrefix(text, "header."):
				x := d.extractor(e.value, "expires")
				l.expires = &x
			case problem != "":
				d.add(e.value, "expires `%s` %s; or name the part of the answer, such as $.expires_in", shorten(text, 40), problem)
			case v < time.Second:
				d.add(e.value, "expires `%s` is too short: at least 1s", shorten(text, 40))
			default:
				l.lifetime = v
			}
		case "refresh_before":
			l.refreshBefore = d.duration(e.value, "refresh_before", 0)
		case "share":
			switch s := d.line(e.value, "share"); s {
			case "run", "user":
				l.perRun = s == "run"
			case "":
			default:
				d.add(e.value, "share is run, for one token, or user, for one each, not `%s`", shorten(s, 40))
			}
		default:
			d.stepKey(&l.step, e)
		}
	}
	if r.Kind != yaml.MappingNode {
		return nil
	}
	if 2*len(entries) != len(r.Content) {
		return auth // an unknown key may be a misspelt one
	}
	if l.step.Method == "" {
		d.add(n, "a login sends a request: write `login: {post: /login, json: {...}, token: $.access_token}`")
	} else {
		d.stepWhole(&l.step)
	}
	if l.token.source == "" && !d.lost {
		d.add(n, "a login needs token, the part of the answer that is the token, such as $.access_token")
	}
	if !scheme && !strings.EqualFold(auth.Header, "Authorization") {
		l.scheme = ""
	}
	return auth
}

// word is a text of one word; it may be empty.
func (d *decoder) word(n *yaml.Node, what string) string {
	r := d.deref(n)
	if r == nil || r.Kind == yaml.ScalarNode && (r.Value == "" || r.ShortTag() == "!!null") {
		return ""
	}
	s := d.line(n, what)
	if s != "" && !isToken(s) {
		d.add(n, "%s is one word, such as Bearer, not `%s`", what, shorten(s, 40))
	}
	return s
}

// A boundLogin is the compiled login.
type boundLogin struct {
	*login
	request request
	header  string
	shared  *tokens // of the run; nil: each user has its own
}

// takeToken is what the answer to a login gives. The text is the header's value.
func (l *boundLogin) takeToken(resp *client.Response, got time.Duration) *token {
	text, kind := l.token.append(nil, resp)
	if kind == slotEmpty || len(text) == 0 {
		return nil
	}
	t := &token{secret: string(text), got: got}
	if l.scheme != "" {
		t.value = append([]byte(l.scheme), ' ')
	}
	t.value = appendEncoded(t.value, t.secret, asHeaderText)
	life := l.lifetime
	if life == 0 {
		life = l.lifeOf(resp, t.secret)
	}
	if life > 0 {
		t.expires = got + life
		// Never so early that a short-lived token would be asked for all the time.
		t.refresh = got + max(life-l.refreshBefore, life/2)
	}
	return t
}

// lifeOf is how long the token is good for, as the answer or the token itself
// says; 0: nothing does.
func (l *boundLogin) lifeOf(resp *client.Response, token string) time.Duration {
	if l.expires != nil {
		text, _ := l.expires.append(nil, resp)
		return lifetime(string(text))
	}
	if r := gjson.GetBytes(resp.Body, "expires_in"); r.Exists() {
		if life := lifetime(r.String()); life > 0 {
			return life
		}
	}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		if claims, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			if exp := gjson.GetBytes(claims, "exp"); exp.Type == gjson.Number {
				return max(time.Until(time.Unix(exp.Int(), 0)), time.Second)
			}
		}
	}
	return 0
}

// lifetime reads seconds from now, a Unix time or a time of RFC 3339.
func lifetime(text string) time.Duration {
	const unix = 1e9 // a number of seconds as large is a point in time
	if f, err := strconv.ParseFloat(text, 64); err == nil && f > 0 && f < 1e15 {
		switch {
		case f >= unix*1000:
			return max(time.Until(time.UnixMilli(int64(f))), time.Second)
		case f >= unix:
			return max(time.Until(time.Unix(int64(f), 0)), time.Second)
		}
		return min(time.Duration(f*float64(time.Second)), maxDuration)
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return max(time.Until(at), time.Second)
	}
	return 0
}

// compileLogin compiles auth.login.
func (c *compiler) compileLogin(auth *Auth) {
	l := &boundLogin{login: auth.login, header: auth.Header}
	if l.perRun {
		l.shared = newTokens()
	}
	c.slots, c.pools = c.sharedSlots(), map[string]int{}
	c.credential = nil
	l.request = c.steps(&Persona{Name: "login"}, "login", []Step{l.step}, c.sharedKnown())[0]
	l.request.http.Keep = true
	c.script.login, c.script.credentialHeader = l, auth.Header
}

// secretField is what fields with credentials are called.
var secretField = regexp.MustCompile(`(?i)pass|secret|token|key|pin$`)

// literals are the credentials that are written into the login itself.
func (l *login) literals() (secrets []string) {
	add := func(name string, t *template) {
		for _, p := range t.parts {
			if secretField.MatchString(name) && p.value == nil {
				secrets = append(secrets, p.text)
			}
		}
	}
	if j := l.step.json; j != nil {
		for i := range j.keys {
			add(j.keys[i].name, &j.keys[i].value.text)
		}
	}
	for i := range l.step.form {
		add(l.step.form[i].name, &l.step.form[i].value)
	}
	return secrets
}
