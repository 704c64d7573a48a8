package scenarios

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"go.yaml.in/yaml/v4"
)

// A jsonValue is a JSON body with values in it.
type jsonValue struct {
	kind  jsonKind
	text  template    // of a string
	raw   string      // of a number, a boolean or null: as JSON
	keys  []jsonField // of an object, in the order of the file
	items []jsonValue // of an array
}

type jsonKind uint8

const (
	jsonRaw jsonKind = iota
	jsonText
	jsonObject
	jsonArray
)

// A jsonField is a key of an object with its value.
type jsonField struct {
	name  string
	value jsonValue
}

// json reads any YAML value as a JSON body.
func (d *decoder) json(n *yaml.Node, depth int) (v jsonValue) {
	if n = d.deref(n); n == nil {
		return v
	}
	if depth > maxDepth {
		d.add(n, "the body is nested more than %d deep", maxDepth)
		return v
	}
	switch n.Kind {
	case yaml.MappingNode:
		v.kind = jsonObject
		for _, e := range d.mapping(n, "an object", nil) {
			v.keys = append(v.keys, jsonField{e.name, d.json(e.value, depth+1)})
		}
	case yaml.SequenceNode:
		v.kind = jsonArray
		for item := range d.list(n, "an array") {
			v.items = append(v.items, d.json(item, depth+1))
		}
		for i := range v.items {
			if r := v.items[i].repeats(); r != nil {
				r.placed = i+1 < len(v.items) && v.items[i+1].repeats() == nil
			}
		}
	default:
		v.raw = d.jsonScalar(n)
		if v.raw == "" {
			v.kind = jsonText
			v.text = d.parseTemplate(n)
		}
	}
	return v
}

// jsonScalar is a YAML scalar as JSON; empty for text. What YAML alone calls by
// a type, such as dates, is text.
func (d *decoder) jsonScalar(n *yaml.Node) string {
	digits := strings.ReplaceAll(n.Value, "_", "")
	switch n.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return strings.ToLower(n.Value)
	case "!!int":
		if json.Valid([]byte(digits)) {
			return digits
		}
		if i, err := strconv.ParseInt(digits, 0, 64); err == nil {
			return strconv.FormatInt(i, 10)
		}
	case "!!float":
		if json.Valid([]byte(digits)) {
			return digits
		}
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			d.add(n, "JSON has no number `%s`; quote it to send the text", n.Value)
			return "null"
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return ""
}

// repeats is the ${repeat(...)} that v consists of; nil for anything else.
func (v *jsonValue) repeats() *value {
	if v.kind == jsonText {
		if r := v.text.alone(); r != nil && r.kind == valueRepeat {
			return r
		}
	}
	return nil
}

// templates calls f for each template in v.
func (v *jsonValue) templates(f func(*template)) {
	if v.kind == jsonText {
		f(&v.text)
	}
	for i := range v.keys {
		v.keys[i].value.templates(f)
	}
	for i := range v.items {
		v.items[i].templates(f)
	}
}

// plain is v for the digest: objects as maps, so that the order of keys does not
// count.
func (v *jsonValue) plain() any {
	switch v.kind {
	case jsonText:
		return v.text.source
	case jsonObject:
		m := make(map[string]any, len(v.keys))
		for i := range v.keys {
			m[v.keys[i].name] = v.keys[i].value.plain()
		}
		return m
	case jsonArray:
		l := make([]any, len(v.items))
		for i := range v.items {
			l[i] = v.items[i].plain()
		}
		return l
	}
	return json.RawMessage(v.raw)
}

// decoded is a JSON value as expressions see it: whole numbers are whole, so that
// an id of many digits stays what it is.
func decoded(r gjson.Result) any {
	switch {
	case r.Type == gjson.Number:
		if i, err := strconv.Atoi(r.Raw); err == nil {
			return i
		}
		return r.Num
	case r.IsArray():
		l := []any{}
		r.ForEach(func(_, v gjson.Result) bool {
			l = append(l, decoded(v))
			return true
		})
		return l
	case r.IsObject():
		m := map[string]any{}
		r.ForEach(func(k, v gjson.Result) bool {
			m[k.Str] = decoded(v)
			return true
		})
		return m
	}
	return r.Value()
}
