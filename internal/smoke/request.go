package smoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/seed-42693903/lt/internal/client"
)

// A request is one that can be sent, to the target or straight to the upstream.
type request struct {
	Method  string
	Target  string // path and query
	Headers []client.Header
	Body    []byte
}

// path is the target without its query.
func (r *request) path() string {
	p, _, _ := strings.Cut(r.Target, "?")
	return p
}

// jsonMedia reports whether a media type is JSON.
func jsonMedia(name string) bool {
	name, _, _ = strings.Cut(strings.ToLower(name), ";")
	name = strings.TrimSpace(name)
	return name == "application/json" || strings.HasSuffix(name, "+json") || name == "*/*" || name == "application/*" || name == "text/json"
}

// chooseMedia is the media type that lt sends or reads best; nil: there is none.
func chooseMedia(content openapi3.Content) (string, *openapi3.MediaType) {
	rank := func(name string) int {
		base, _, _ := strings.Cut(strings.ToLower(name), ";")
		switch {
		case base == "application/json":
			return 0
		case jsonMedia(name):
			return 1
		case base == "application/x-www-form-urlencoded":
			return 2
		case base == "multipart/form-data":
			return 3
		case strings.HasPrefix(base, "text/"):
			return 4
		case base == "application/octet-stream" || strings.HasPrefix(base, "image/"):
			return 5
		}
		return 9
	}
	names := sortedKeys(content)
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	for _, name := range names {
		if content[name] != nil {
			return name, content[name]
		}
	}
	return "", nil
}

// encodeBody makes the bytes of a body, and its Content-Type.
func (g *generator) encodeBody(name string, media *openapi3.MediaType, update bool, current map[string]any) ([]byte, string, error) {
	base, _, _ := strings.Cut(strings.ToLower(name), ";")
	switch {
	case jsonMedia(name):
		v, err := g.body(media, update, current)
		if err != nil {
			return nil, "", err
		}
		b, err := json.Marshal(v)
		if strings.Contains(name, "*") {
			name = "application/json"
		}
		return b, name, err
	case base == "application/x-www-form-urlencoded":
		v, err := g.body(media, update, current)
		if err != nil {
			return nil, "", err
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, "", fmt.Errorf("a form that is no object")
		}
		if len(m) == 0 { // a form without a field is no body at all
			v, err := g.body(media, true, current)
			if err != nil {
				return nil, "", err
			}
			if some, ok := v.(map[string]any); ok {
				m = some
			}
		}
		form := url.Values{}
		for k, x := range m {
			list, ok := x.([]any)
			if !ok {
				list = []any{x}
			}
			for _, e := range list {
				form.Add(k, plainText(e))
			}
		}
		return []byte(form.Encode()), name, nil
	case base == "multipart/form-data":
		return g.multipart(media, update)
	case strings.HasPrefix(base, "text/"):
		return []byte("lt smoke " + g.run), name, nil
	case base == "application/octet-stream" || strings.HasPrefix(base, "image/"):
		return []byte("lt smoke " + g.run), name, nil
	}
	return nil, "", fmt.Errorf("lt makes no body of the type %s", name)
}

// multipart makes a form with files: fields of the format binary are files.
func (g *generator) multipart(media *openapi3.MediaType, update bool) ([]byte, string, error) {
	v, err := g.value(media.Schema, "", 0, update, nil)
	if err != nil {
		return nil, "", err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("a form that is no object")
	}
	flat := flatten(media.Schema, 0)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("lt-smoke-" + g.run + "-boundary"); err != nil {
		return nil, "", err
	}
	for _, k := range sortedKeys(m) {
		h := textproto.MIMEHeader{}
		disposition := fmt.Sprintf(`form-data; name=%q`, k)
		text := plainText(m[k])
		if p := flat.Properties[k]; p != nil && p.Value != nil && (p.Value.Format == "binary" || p.Value.ContentMediaType != "") {
			disposition += `; filename="lt-smoke.txt"`
			h.Set("Content-Type", "application/octet-stream")
		} else if _, isText := m[k].(string); !isText {
			if j, err := json.Marshal(m[k]); err == nil && strings.ContainsAny(string(j[:1]), "{[") {
				h.Set("Content-Type", "application/json")
				text = string(j)
			}
		}
		h.Set("Content-Disposition", disposition)
		part, err := w.CreatePart(h)
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write([]byte(text)); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

// plainText is a value as it stands in a path or a form.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case map[string]any, []any:
		b, _ := json.Marshal(v)
		return string(b)
	case float64:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return fmt.Sprint(v)
}

// pathValue writes a path parameter in its style.
func pathValue(p *openapi3.Parameter, v any) string {
	style, explode := p.Style, p.Explode != nil && *p.Explode
	if style == "" {
		style = "simple"
	}
	esc := func(v any) string { return url.PathEscape(plainText(v)) }
	name := url.PathEscape(p.Name)
	var values []string
	object := false
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			values = append(values, esc(e))
		}
	case map[string]any:
		object = true
		for _, k := range sortedKeys(x) {
			if explode {
				values = append(values, url.PathEscape(k)+"="+esc(x[k]))
			} else {
				values = append(values, url.PathEscape(k), esc(x[k]))
			}
		}
	default:
		values = []string{esc(v)}
	}
	switch style {
	case "label":
		if explode {
			return "." + strings.Join(values, ".")
		}
		return "." + strings.Join(values, ",")
	case "matrix":
		switch {
		case explode && object:
			return ";" + strings.Join(values, ";")
		case explode:
			return ";" + name + "=" + strings.Join(values, ";"+name+"=")
		}
		return ";" + name + "=" + strings.Join(values, ",")
	}
	return strings.Join(values, ",")
}

// queryValue appends a query parameter in its style.
func queryValue(out []string, p *openapi3.Parameter, v any) []string {
	style := p.Style
	if style == "" {
		style = "form"
	}
	explode := style == "form"
	if p.Explode != nil {
		explode = *p.Explode
	}
	name, esc := url.QueryEscape(p.Name), func(v any) string { return url.QueryEscape(plainText(v)) }
	if len(p.Content) > 0 {
		b, _ := json.Marshal(v)
		return append(out, name+"="+url.QueryEscape(string(b)))
	}
	switch x := v.(type) {
	case []any:
		var values []string
		for _, e := range x {
			values = append(values, esc(e))
		}
		if explode {
			for _, e := range values {
				out = append(out, name+"="+e)
			}
			return out
		}
		sep := map[string]string{"spaceDelimited": "%20", "pipeDelimited": "%7C"}[style]
		if sep == "" {
			sep = ","
		}
		return append(out, name+"="+strings.Join(values, sep))
	case map[string]any:
		var flat []string
		for _, k := range sortedKeys(x) {
			switch {
			case style == "deepObject":
				out = append(out, name+"%5B"+url.QueryEscape(k)+"%5D="+esc(x[k]))
			case explode:
				out = append(out, url.QueryEscape(k)+"="+esc(x[k]))
			default:
				flat = append(flat, url.QueryEscape(k), esc(x[k]))
			}
		}
		if flat != nil {
			out = append(out, name+"="+strings.Join(flat, ","))
		}
		return out
	}
	return append(out, name+"="+esc(v))
}

// paramSchema is the schema of a parameter; nil: it has none.
func paramSchema(p *openapi3.Parameter) *openapi3.SchemaRef {
	if p.Schema != nil {
		return p.Schema
	}
	for _, m := range p.Content {
		if m != nil {
			return m.Schema
		}
	}
	return nil
}

// param makes a value of a parameter that refers to nothing.
func (g *generator) param(p *openapi3.Parameter) (any, error) {
	if p.Example != nil && !idLike(p.Name) {
		return p.Example, nil
	}
	s := paramSchema(p)
	if s == nil || s.Value == nil {
		return "lt-smoke-" + g.run, nil
	}
	g.spent = 0
	v, err := g.value(s, p.Name, 1, false, nil)
	if err != nil {
		return nil, err
	}
	if p.In == "path" && plainText(v) == "" {
		return nil, fmt.Errorf("the parameter %s would be empty", p.Name)
	}
	return v, nil
}
