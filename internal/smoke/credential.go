package smoke

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/seed-42693903/lt/internal/client"
)

// credentialRow stands in ExplainedBy where the credential is to blame.
const credentialRow = "the credential"

// An authenticator puts the credential where the contract's security schemes want
// it.
type authenticator struct {
	e      *engine
	tokens map[string]string // of OAuth2, by token URL
	failed map[string]string // why there is none
	secret []string          // tokens and encodings that no redactor made before can know
}

func newAuthenticator(e *engine) *authenticator {
	return &authenticator{e: e, tokens: map[string]string{}, failed: map[string]string{}}
}

// redactor is base with the tokens that were fetched.
func (a *authenticator) redactor(base *client.Redactor) redactor {
	if len(a.secret) == 0 {
		return base
	}
	return both{base, client.NewRedactor(a.secret...)}
}

// A redactor masks secrets.
type redactor interface{ Redact([]byte) []byte }

type both struct{ first, second *client.Redactor }

func (b both) Redact(text []byte) []byte { return b.second.Redact(b.first.Redact(text)) }

// requirements are the alternatives that an operation asks for; nil: none.
func (a *authenticator) requirements(o *Operation) openapi3.SecurityRequirements {
	if a.e.cfg.Contract == nil || o == nil {
		return nil
	}
	if o.Op.Security != nil {
		return *o.Op.Security
	}
	return a.e.cfg.Contract.doc.Security
}

// secured reports whether the operation asks for a credential.
func (a *authenticator) secured(o *Operation) bool {
	all := a.requirements(o)
	for _, r := range all {
		if len(r) == 0 {
			return false // nothing is one of the alternatives
		}
	}
	return len(all) > 0
}

// apply adds the credential and the headers of the command line to a request. With
// o nil it is what the contract asks for in general. It returns why the credential
// cannot be had.
func (a *authenticator) apply(ctx context.Context, r *request, o *Operation) string {
	given := a.e.cfg.Headers
	defer func() {
		for _, h := range given {
			r.Headers = slices.DeleteFunc(r.Headers, func(old client.Header) bool { return strings.EqualFold(old.Name, h.Name) })
			r.Headers = append(r.Headers, h)
		}
	}()
	key := a.e.cfg.Key
	if key == "" {
		return ""
	}
	c := a.e.cfg.Contract
	if c == nil || c.doc.Components == nil || len(c.doc.Components.SecuritySchemes) == 0 {
		r.Headers = append(r.Headers, client.Header{Name: "X-API-Key", Value: key})
		return ""
	}
	all := a.requirements(o)
	if o == nil {
		if all = c.doc.Security; len(all) == 0 {
			for _, name := range sortedKeys(c.doc.Components.SecuritySchemes) {
				all = append(all, openapi3.SecurityRequirement{name: nil})
			}
		}
	}
	var why string
	for _, alternative := range all {
		try := *r
		try.Headers = slices.Clone(r.Headers)
		why = ""
		for _, name := range sortedKeys(alternative) {
			ref := c.doc.Components.SecuritySchemes[name]
			if ref == nil || ref.Value == nil {
				why = fmt.Sprintf("the security scheme %s is not defined in the contract", name)
				break
			}
			if why = a.scheme(ctx, &try, ref.Value, alternative[name], key); why != "" {
				break
			}
		}
		if why == "" {
			*r = try
			return ""
		}
	}
	return why
}

// scheme adds one scheme's credential.
func (a *authenticator) scheme(ctx context.Context, r *request, s *openapi3.SecurityScheme, scopes []string, key string) string {
	add := func(name, value string) { r.Headers = append(r.Headers, client.Header{Name: name, Value: value}) }
	switch strings.ToLower(s.Type) {
	case "apikey":
		switch s.In {
		case "query":
			sep := "?"
			if strings.Contains(r.Target, "?") {
				sep = "&"
			}
			r.Target += sep + url.QueryEscape(s.Name) + "=" + url.QueryEscape(key)
		case "cookie":
			add("Cookie", s.Name+"="+url.QueryEscape(key))
		default:
			add(s.Name, key)
		}
		return ""
	case "http":
		switch strings.ToLower(s.Scheme) {
		case "basic":
			if !strings.Contains(key, ":") {
				return "basic authentication needs a key of the form user:password"
			}
			encoded := base64.StdEncoding.EncodeToString([]byte(key))
			a.remember(encoded)
			add("Authorization", "Basic "+encoded)
			return ""
		case "bearer":
			add("Authorization", "Bearer "+key)
			return ""
		}
		return fmt.Sprintf("lt does not speak the scheme %q of HTTP authentication", s.Scheme)
	case "oauth2":
		if s.Flows != nil && s.Flows.ClientCredentials != nil && strings.Contains(key, ":") {
			token, why := a.token(ctx, s.Flows.ClientCredentials.TokenURL, scopes, key)
			if why != "" {
				return why
			}
			add("Authorization", "Bearer "+token)
			return ""
		}
		add("Authorization", "Bearer "+key) // a token that somebody else has fetched
		return ""
	case "openidconnect":
		add("Authorization", "Bearer "+key)
		return ""
	}
	return fmt.Sprintf("lt does not speak the security scheme %q", s.Type)
}

func (a *authenticator) remember(secret string) {
	if !slices.Contains(a.secret, secret) {
		a.secret = append(a.secret, secret)
	}
}

// token fetches a token with client credentials (RFC 6749, 4.4), once. key is
// id:secret.
func (a *authenticator) token(ctx context.Context, tokenURL string, scopes []string, key string) (token, why string) {
	if t := a.tokens[tokenURL]; t != "" {
		return t, ""
	}
	if w := a.failed[tokenURL]; w != "" {
		return "", w
	}
	defer func() {
		if why != "" {
			a.failed[tokenURL] = why
		}
	}()
	u, err := a.e.cfg.Target.Parse(tokenURL)
	if err != nil || u.Host == "" {
		return "", fmt.Sprintf("the token URL %q is no URL", shorten(printable(tokenURL), 120))
	}
	c, err := a.e.cfg.Client.For(u)
	if err != nil {
		return "", "the token URL: " + firstLine(err.Error())
	}
	conn := c.NewConn()
	defer conn.Close()
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	id, secret, _ := strings.Cut(key, ":")
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
	a.remember(basic)
	a.remember(secret)
	r := &request{Method: "POST", Target: u.RequestURI(), Body: []byte(form.Encode()), Headers: []client.Header{
		{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}, {Name: "Authorization", Value: "Basic " + basic},
	}}
	wire, err := a.e.wire(r, u.Host)
	if err != nil {
		return "", firstLine(err.Error())
	}
	x := exchange(ctx, conn, r, wire)
	a.e.result.Requests++
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if !x.ok() || json.Unmarshal(x.body, &answer) != nil || answer.AccessToken == "" {
		return "", fmt.Sprintf("the token URL %s gave no token: %s", u.Redacted(), a.e.message(x))
	}
	a.remember(answer.AccessToken)
	a.tokens[tokenURL] = answer.AccessToken
	return answer.AccessToken, ""
}

// credential finds out once whether the credential is accepted: two operations that
// ask for one and need nothing else must both refuse it.
func (e *engine) credential(ctx context.Context) {
	if e.plan == nil {
		return
	}
	tried, refusals := 0, 0
	var last *sent
	name := "" // of the operation of last
	for _, s := range e.plan.Steps {
		if s.Method != "GET" || len(s.Needs) > 0 || !e.auth.secured(s.Operation) || tried == 2 {
			continue
		}
		r, cannot := e.build(ctx, s, map[string]string{}, nil, nil)
		if cannot != "" {
			if e.cfg.Key != "" && len(e.auth.failed) > 0 {
				e.refused = cannot
				e.result.Health = append(e.result.Health, Check{Name: "credential", State: "failed", Text: cannot})
				return
			}
			continue
		}
		x := e.send(ctx, r)
		x.step, x.name, x.known = s, s.Name(), true
		tried++
		if x.status() == 401 || x.status() == 403 {
			refusals++
			last, name = x, s.Name()
		}
	}
	switch {
	case tried == 0:
		e.result.Health = append(e.result.Health, Check{Name: "credential", State: "absent", Text: "no operation that could show it asks for one"})
	case refusals < tried:
		e.result.Health = append(e.result.Health, Check{Name: "credential", State: "ok", Text: "accepted"})
	default:
		text := fmt.Sprintf("%s: %d: the credential was refused", name, last.status())
		if e.cfg.Key == "" {
			text = fmt.Sprintf("%s: %d: no credential was sent; set --api-key or LT_API_KEY", name, last.status())
		}
		e.refused = text
		e.result.Health = append(e.result.Health, Check{Name: "credential", State: "failed", Text: text})
		e.answers[credentialRow] = last
	}
}
