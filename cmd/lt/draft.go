package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/smoke"
	"github.com/seed-42693903/lt/scenarios"
)

// newDraft makes a scenario of the one source that is given.
func newDraft(ctx context.Context, env *environ, openapi, har string, curl []string) (*scenarios.Draft, error) {
	switch {
	case openapi != "":
		c, err := readContract(openapi, func(u *url.URL) ([]byte, error) {
			data, err := fetchDocument(ctx, client.Options{Clock: metric.NewClock(), Lookup: env.Lookup}, u, nil)
			var absent *smoke.NotReadyError
			if errors.As(err, &absent) {
				return nil, errors.New(absent.Reason)
			}
			return data, err
		})
		if err != nil {
			return nil, err
		}
		return draftContract(c, openapi), nil
	case har != "":
		data, err := os.ReadFile(har)
		if err != nil {
			return nil, usageErrorf("--har: %w", err)
		}
		d, err := scenarios.DraftHAR(har, data)
		if err != nil {
			return nil, usageErrorf("--har: %w", err)
		}
		return d, nil
	case len(curl) > 0:
		d, err := scenarios.DraftCurl(curl)
		if err != nil {
			return nil, usageErrorf("%w", err)
		}
		return d, nil
	}
	return nil, usageErrorf("--openapi, --har and --curl need a value")
}

// freshText stands in generated texts where each request is to have another one.
const freshText = "qzfreshqz"

var fresh = strings.NewReplacer(freshText, "${int(100000000, 999999999)}", "lt smoke ", "lt ", "lt-smoke-", "lt-")

// draftContract makes a scenario of a contract's flows. What lists is done more often
// than what makes and removes rows.
func draftContract(c *smoke.Contract, source string) *scenarios.Draft {
	d := &scenarios.Draft{From: "the contract " + source}
	base := c.BasePath()
	if u, err := url.Parse(source); err == nil && u.Host != "" {
		d.Target, d.From = u.Scheme+"://"+u.Host, "the contract "+u.Redacted()
	}
	d.Auth = authOf(c.Scheme(), &d.Notes)
	flows, left := smoke.NewPlan(c).Flows(freshText)
	for _, f := range flows {
		t := scenarios.DraftTask{Name: f.Name}
		if len(f.Steps) == 1 {
			t.Name = ""
			if f.Steps[0].Safe() {
				t.Weight = 3
			}
		}
		for i := range f.Steps {
			t.Steps = append(t.Steps, draftStep(&f.Steps[i], base, &d.Notes))
		}
		d.Tasks = append(d.Tasks, t)
	}
	for _, l := range left {
		d.Notes = append(d.Notes, l.Operation+": "+l.Why)
	}
	return d
}

// draftStep is a step of a flow in the scenario's language.
func draftStep(f *smoke.FlowStep, base string, notes *[]string) scenarios.DraftStep {
	s := scenarios.DraftStep{Method: f.Method, Expect: f.Expect}
	path := string(scenarios.Literal(base + f.Path))
	for name, v := range f.Args {
		var value string
		if saved, ok := v.(smoke.Saved); ok {
			value = "${" + string(saved) + "}"
		} else {
			value = string(scenarios.Literal(url.PathEscape(fmt.Sprint(v))))
		}
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	s.Path = scenarios.DraftText(path)
	fields := func(values []smoke.FlowValue) (out []scenarios.DraftField) {
		for _, v := range values {
			out = append(out, scenarios.DraftField{Name: v.Name, Value: inLanguage(v.Value)})
		}
		return out
	}
	s.Query, s.Headers = fields(f.Query), fields(f.Headers)
	for _, v := range f.Saves {
		s.Save = append(s.Save, scenarios.DraftField{Name: v.Name, Value: scenarios.DraftText("$." + v.Field)})
	}
	if f.Media == "" {
		return s
	}
	media, _, _ := strings.Cut(strings.ToLower(f.Media), ";")
	object, isObject := f.Body.(map[string]any)
	switch {
	case isObject && (media == "application/x-www-form-urlencoded" || media == "multipart/form-data"):
		var out []scenarios.DraftField
		for _, name := range slices.Sorted(maps.Keys(object)) {
			v := object[name]
			switch v.(type) {
			case map[string]any, []any:
				*notes = append(*notes, fmt.Sprintf("%s %s: the field %s of the form, which is no plain value", f.Method, f.Path, name))
				continue
			}
			out = append(out, scenarios.DraftField{Name: name, Value: inLanguage(v)})
		}
		if s.Form = out; media == "multipart/form-data" {
			s.Form, s.Parts = nil, out
		}
	case strings.Contains(media, "json") || strings.HasPrefix(media, "*/") || strings.HasPrefix(media, "application/*"):
		if s.JSON = inLanguage(f.Body); strings.HasSuffix(media, "+json") {
			s.Headers = append(s.Headers, scenarios.DraftField{Name: "Content-Type", Value: media})
		}
	default:
		s.Headers = append(s.Headers, scenarios.DraftField{Name: "Content-Type", Value: media})
		s.Body = inLanguage(fmt.Sprint(f.Body))
	}
	return s
}

// inLanguage is a value with the language's own words for what was saved, and for
// what is to differ.
func inLanguage(v any) any {
	switch x := v.(type) {
	case smoke.Saved:
		return scenarios.DraftText("${" + string(x) + "}")
	case string:
		t := string(scenarios.Literal(x))
		if strings.Contains(t, freshText) {
			return scenarios.DraftText(fresh.Replace(t))
		}
	case map[string]any:
		for k := range x {
			x[k] = inLanguage(x[k])
		}
	case []any:
		for i := range x {
			x[i] = inLanguage(x[i])
		}
	}
	return v
}

// authOf is the key auth for a security scheme; nil: the key as X-API-Key, or none.
func authOf(s *openapi3.SecurityScheme, notes *[]string) any {
	if s == nil {
		return nil
	}
	switch kind := strings.ToLower(s.Type); {
	case kind == "apikey" && s.In == "header" && strings.EqualFold(s.Name, "X-API-Key"):
		return scenarios.DraftText("api_key")
	case kind == "apikey" && s.In == "header":
		return map[string]any{"header": map[string]any{s.Name: scenarios.DraftText("$env.API_KEY")}}
	case kind == "http" && strings.EqualFold(s.Scheme, "basic"):
		return map[string]any{"basic": []scenarios.DraftField{{Name: "user", Value: scenarios.DraftText("$env.API_USER")}, {Name: "password", Value: scenarios.DraftText("$env.API_PASSWORD")}}}
	case kind == "http" && strings.EqualFold(s.Scheme, "bearer"), kind == "oauth2", kind == "openidconnect":
		return scenarios.DraftText("bearer")
	}
	*notes = append(*notes, fmt.Sprintf("the security scheme of type %s: `auth` says who the requests are sent by", s.Type))
	return nil
}
