package smoke

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxDepth is how deep generated data nests; what lies deeper is left out, and
// where it may not be, the data cannot be made.
const maxDepth = 12

// maxData bounds what one value may hold, in bytes, roughly: minLength, minItems and
// alternatives within alternatives multiply, and a contract may ask for anything.
const maxData = 4 << 20

// maxText is how long a text may have to be.
const maxText = 1 << 20

// A generator makes values that a schema allows: the least that it asks for, in
// the same order for the same seed.
type generator struct {
	contract *Contract
	rng      *rand.Rand
	run      string // stands in texts, so that people see who made the row
	n        int
	now      time.Time
	spent    int    // of maxData, for the value that is being made
	answer   bool   // it makes an answer, not a request
	keep     string // plain name of a field that an update must not change

	// lookup is a known value for a field that refers to something, such as
	// agent_id; nil, or ok false: there is none.
	lookup func(field string) (v any, ok bool)
}

// flatten is the schema with what allOf adds, and of oneOf and anyOf the first
// that can be made. What it returns is its own.
func flatten(ref *openapi3.SchemaRef, depth int) *openapi3.Schema {
	if ref == nil || ref.Value == nil {
		return &openapi3.Schema{}
	}
	s := *ref.Value
	if depth > maxDepth || len(s.AllOf) == 0 {
		return &s
	}
	all := s.AllOf
	s.AllOf = nil
	props := openapi3.Schemas{}
	for k, v := range s.Properties {
		props[k] = v
	}
	s.Required = slices.Clone(s.Required)
	for _, part := range all {
		f := flatten(part, depth+1)
		for k, v := range f.Properties {
			if props[k] == nil {
				props[k] = v
			}
		}
		for _, r := range f.Required {
			if !slices.Contains(s.Required, r) {
				s.Required = append(s.Required, r)
			}
		}
		if s.Type == nil {
			s.Type = f.Type
		}
		if s.Format == "" {
			s.Format = f.Format
		}
		if s.Pattern == "" {
			s.Pattern = f.Pattern
		}
		if len(s.Enum) == 0 {
			s.Enum = f.Enum
		}
		if s.Const == nil {
			s.Const = f.Const
		}
		if s.Items == nil {
			s.Items = f.Items
		}
		if s.Discriminator == nil {
			s.Discriminator = f.Discriminator
		}
		if f.Min != nil && (s.Min == nil || *f.Min > *s.Min) {
			s.Min = f.Min
		}
		if f.Max != nil && (s.Max == nil || *f.Max < *s.Max) {
			s.Max = f.Max
		}
		s.MinLength, s.MinItems, s.MinProps = max(s.MinLength, f.MinLength), max(s.MinItems, f.MinItems), max(s.MinProps, f.MinProps)
		if f.MaxLength != nil && (s.MaxLength == nil || *f.MaxLength < *s.MaxLength) {
			s.MaxLength = f.MaxLength
		}
		s.OneOf, s.AnyOf = append(slices.Clone(s.OneOf), f.OneOf...), append(slices.Clone(s.AnyOf), f.AnyOf...)
		if f.AdditionalProperties.Has != nil && s.AdditionalProperties.Has == nil {
			s.AdditionalProperties = f.AdditionalProperties
		}
	}
	s.Properties = props
	return &s
}

var (
	errTooDeep  = errors.New("the schema needs itself without an end")
	errTooLarge = fmt.Errorf("the schema asks for more than %d MB", maxData>>20)
)

// body makes a request's body. update asks for a few fields even where none is
// required, like those of current, the member that is to be changed.
func (g *generator) body(media *openapi3.MediaType, update bool, current map[string]any) (any, error) {
	if media.Schema == nil || media.Schema.Value == nil {
		if media.Example != nil {
			return media.Example, nil
		}
		return map[string]any{}, nil
	}
	candidates := []func() (any, error){
		func() (any, error) { return g.value(media.Schema, "", 0, update, current) },
		func() (any, error) { return g.example(media) },
		func() (any, error) { return g.value(media.Schema, "", 0, true, nil) },
		func() (any, error) { return g.value(media.Schema, "", 0, update, current) },
	}
	var first error
	for _, make := range candidates {
		v, err := make()
		if err == nil {
			if err = g.contract.valid(media.Schema.Value, v, true); err == nil {
				return v, nil
			}
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// example is a documented one, with the ids that are known here.
func (g *generator) example(media *openapi3.MediaType) (any, error) {
	v := media.Example
	if v == nil {
		for _, name := range sortedKeys(media.Examples) {
			if e := media.Examples[name]; e != nil && e.Value != nil && e.Value.Value != nil {
				v = e.Value.Value
				break
			}
		}
	}
	if v == nil && media.Schema.Value.Example != nil {
		v = media.Schema.Value.Example
	}
	if v == nil {
		return nil, errors.New("there is no example")
	}
	if m, ok := v.(map[string]any); ok {
		out := map[string]any{}
		for k, x := range m {
			if known, ok := g.reference(k, nil); ok {
				x = known
			}
			out[k] = x
		}
		return out, nil
	}
	return v, nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

func (g *generator) reference(field string, s *openapi3.Schema) (any, bool) {
	if g.lookup == nil {
		return nil, false
	}
	v, ok := g.lookup(field)
	if !ok || s == nil || s.Type == nil {
		return v, ok
	}
	switch v.(type) {
	case string:
		ok = s.Type.Includes("string")
	case float64:
		ok = s.Type.Includes("integer") || s.Type.Includes("number")
		if !ok && s.Type.Includes("string") {
			return fmt.Sprint(v), true
		}
	}
	return v, ok
}

// value makes one value. name is the field's, "" of the root.
func (g *generator) value(ref *openapi3.SchemaRef, name string, depth int, update bool, current map[string]any) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	if depth == 0 {
		g.spent = 0
	}
	if g.spent += 64; g.spent > maxData {
		return nil, errTooLarge
	}
	s := flatten(ref, 0)
	switch {
	case s.Always != nil:
		return "anything", nil
	case s.Const != nil:
		return s.Const, nil
	}
	if name != "" {
		if v, ok := g.reference(name, s); ok {
			return v, nil
		}
	}
	switch {
	case len(s.Enum) > 0:
		for _, v := range s.Enum {
			if v != nil {
				return v, nil
			}
		}
		return nil, nil
	case len(s.OneOf) > 0 || len(s.AnyOf) > 0:
		return g.choice(s, name, depth, update, current)
	case name != "" && s.Default != nil && g.contract.valid(ref.Value, s.Default, true) == nil:
		return s.Default, nil
	case name != "" && s.Example != nil && g.contract.valid(ref.Value, s.Example, true) == nil && !idLike(name):
		return s.Example, nil
	case name != "" && len(s.Examples) > 0 && g.contract.valid(ref.Value, s.Examples[0], true) == nil && !idLike(name):
		return s.Examples[0], nil
	}
	switch kind(s) {
	case "object":
		return g.object(s, depth, update, current)
	case "array":
		return g.array(s, name, depth)
	case "boolean":
		return true, nil
	case "integer":
		return g.number(s, true), nil
	case "number":
		return g.number(s, false), nil
	case "null":
		return nil, nil
	}
	return g.text(s, name)
}

// kind is the schema's type, or what its keywords show.
func kind(s *openapi3.Schema) string {
	if s.Type != nil {
		for _, t := range s.Type.Slice() {
			if t != "null" {
				return t
			}
		}
		if len(s.Type.Slice()) > 0 {
			return "null"
		}
	}
	switch {
	case len(s.Properties) > 0 || len(s.Required) > 0 || s.MinProps > 0 || s.AdditionalProperties.Schema != nil:
		return "object"
	case s.Items != nil || len(s.PrefixItems) > 0:
		return "array"
	case s.Min != nil || s.Max != nil || s.MultipleOf != nil:
		return "number"
	}
	return "string"
}

// choice makes one of oneOf or anyOf, with the discriminator's value that names it,
// and what stands beside them.
func (g *generator) choice(s *openapi3.Schema, name string, depth int, update bool, current map[string]any) (any, error) {
	options := s.OneOf
	if len(options) == 0 {
		options = s.AnyOf
	}
	var first error
	for _, o := range options {
		if o == nil || o.Value == nil || o.Value.Type != nil && o.Value.Type.Is("null") {
			continue
		}
		v, err := g.value(o, name, depth+1, update, current)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return v, nil
		}
		if d := s.Discriminator; d != nil && d.PropertyName != "" && o.Ref != "" {
			m[d.PropertyName] = o.Ref[strings.LastIndexByte(o.Ref, '/')+1:]
			for _, key := range sortedKeys(d.Mapping) {
				if d.Mapping[key].Ref == o.Ref {
					m[d.PropertyName] = key
					break
				}
			}
		}
		if len(s.Properties) > 0 {
			rest := *s
			rest.OneOf, rest.AnyOf = nil, nil
			more, err := g.object(&rest, depth, false, nil)
			if err != nil {
				first = err
				continue
			}
			for k, x := range more {
				if _, has := m[k]; !has {
					m[k] = x
				}
			}
		}
		return m, nil
	}
	if first == nil {
		return nil, nil // null alone
	}
	return nil, first
}

// object makes an object of what is required, and for an update of a few fields
// more.
func (g *generator) object(s *openapi3.Schema, depth int, update bool, current map[string]any) (map[string]any, error) {
	out := map[string]any{}
	add := func(name string) error {
		p := s.Properties[name]
		if p == nil {
			p = s.AdditionalProperties.Schema
		}
		if p == nil || p.Value == nil {
			v, ok := g.reference(name, nil)
			if !ok {
				v = "lt smoke " + name
			}
			out[name] = v
			return nil
		}
		if p.Value.ReadOnly && !g.answer {
			return nil
		}
		if update && depth == 0 && len(p.Value.Enum) > 0 {
			if v, ok := current[name]; ok && g.contract.valid(p.Value, v, true) == nil {
				out[name] = v // no transition that the server may refuse
				return nil
			}
		}
		v, err := g.value(p, name, depth+1, false, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
		return nil
	}
	for _, name := range s.Required {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	want := int(s.MinProps)
	if update && depth == 0 {
		want = max(want, 2)
	}
	for _, name := range g.optional(s) {
		if len(out) >= want {
			break
		}
		if _, has := out[name]; has {
			continue
		}
		_ = add(name) // one that cannot be made is left out
	}
	for i := 0; len(out) < int(s.MinProps) && i < 64 && (s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has || s.AdditionalProperties.Schema != nil); i++ {
		if err := add(fmt.Sprintf("lt%d", i+1)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// optional are the fields that may be set, those that are least likely to have a
// meaning which no schema tells first.
func (g *generator) optional(s *openapi3.Schema) []string {
	rank := func(name string) int {
		p := s.Properties[name]
		if p == nil || p.Value == nil || p.Value.ReadOnly || p.Value.Deprecated {
			return 9
		}
		f := flatten(p, 0)
		_, _, refers := refersTo(name)
		switch k := kind(f); {
		case idLike(name):
			return 8
		case k == "string" && len(f.Enum) == 0 && f.Format == "" && !refers:
			return 1
		case len(f.Enum) > 0:
			return 2
		case k == "integer" || k == "number" || k == "boolean":
			return 3
		case k == "object" && len(f.Required) == 0:
			return 4
		case refers:
			return 6
		}
		return 5
	}
	var names []string
	for _, name := range sortedKeys(s.Properties) {
		if rank(name) < 9 && (g.keep == "" || plain(name) != g.keep) {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

func (g *generator) array(s *openapi3.Schema, name string, depth int) (any, error) {
	n := int(min(s.MinItems, 1000))
	if n == 0 && s.Items != nil && s.Items.Value != nil && depth < 3 && (s.MaxItems == nil || *s.MaxItems > 0) {
		n = 1 // an empty list says little
	}
	out := []any{}
	for i := range n {
		item := s.Items
		if i < len(s.PrefixItems) {
			item = s.PrefixItems[i]
		}
		if item == nil {
			out = append(out, fmt.Sprintf("lt smoke %d", i+1))
			continue
		}
		v, err := g.value(item, strings.TrimSuffix(name, "s"), depth+1, false, nil)
		if err != nil {
			if uint64(len(out)) >= s.MinItems {
				break
			}
			return nil, err
		}
		if s.UniqueItems && i > 0 {
			if e := flatten(item, 0).Enum; len(e) > i {
				v = e[i]
			} else if f, ok := v.(float64); ok {
				v = f + float64(i)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// number is the smallest allowed that is at least 1, or the largest.
func (g *generator) number(s *openapi3.Schema, whole bool) float64 {
	low, high := math.Inf(-1), math.Inf(1)
	step := 0.5
	if whole {
		step = 1
	}
	if s.MultipleOf != nil && *s.MultipleOf > 0 {
		step = *s.MultipleOf
	}
	if s.Min != nil {
		low = *s.Min
		if s.ExclusiveMin.IsTrue() {
			low += step / 2
		}
	}
	if v := s.ExclusiveMin.Value; v != nil {
		low = max(low, *v+step/2)
	}
	if s.Max != nil {
		high = *s.Max
		if s.ExclusiveMax.IsTrue() {
			high -= step / 2
		}
	}
	if v := s.ExclusiveMax.Value; v != nil {
		high = min(high, *v-step/2)
	}
	v := 1.0
	if v < low {
		v = low
	}
	if v > high {
		v = high
	}
	if whole || s.MultipleOf != nil {
		up := math.Ceil(v/step) * step
		if up > high {
			up = math.Floor(v/step) * step
		}
		v = up
	}
	return v
}

// text makes a string.
func (g *generator) text(s *openapi3.Schema, name string) (any, error) {
	g.n++
	long := -1
	if s.MaxLength != nil {
		long = int(min(*s.MaxLength, maxText))
	}
	if s.MinLength > maxText {
		return nil, fmt.Errorf("a text of %d characters is longer than lt makes", s.MinLength)
	}
	if g.spent += int(s.MinLength); g.spent > maxData {
		return nil, errTooLarge
	}
	if s.Pattern != "" {
		if t, err := matching(s.Pattern, g.rng, int(min(s.MinLength, 1<<16)), long); err == nil {
			return t, nil
		}
		if t, ok := s.Example.(string); ok {
			return t, nil
		}
		return nil, fmt.Errorf("no text for the pattern %s was found", firstLine(s.Pattern))
	}
	word := g.run + fmt.Sprintf("%d", g.n)
	switch s.Format {
	case "uuid", "guid":
		return g.uuid(), nil
	case "date-time":
		return g.now.UTC().Format("2006-01-02T15:04:05Z"), nil
	case "date":
		return g.now.UTC().Format("2006-01-02"), nil
	case "time":
		return g.now.UTC().Format("15:04:05Z"), nil
	case "duration":
		return "PT1M", nil
	case "email", "idn-email":
		return "lt-" + word + "@example.test", nil
	case "uri", "url", "iri", "uri-reference":
		return "https://example.test/" + word, nil
	case "hostname", "idn-hostname":
		return "lt-" + word + ".example.test", nil
	case "ipv4", "ip":
		return "192.0.2.1", nil
	case "ipv6":
		return "2001:db8::1", nil
	case "byte", "base64", "base64url":
		return "bHQ=", nil
	case "binary":
		return "lt smoke", nil
	case "password":
		return "Lt-smoke-" + word + "!", nil
	}
	t := "lt smoke " + word
	if name != "" {
		t = "lt smoke " + strings.ReplaceAll(name, "_", " ") + " " + word
	}
	if n := plain(name); strings.HasSuffix(n, "name") || strings.HasSuffix(n, "key") || strings.HasSuffix(n, "slug") || idLike(name) || n == "code" {
		t = "lt-smoke-" + word // may stand in a path
	}
	if short := int(s.MinLength) - len(t); short > 0 {
		t += strings.Repeat(" lt", (short+2)/3)
	}
	if long >= 0 && len(t) > long {
		t = t[len(t)-long:] // the end tells one from another
		t = strings.TrimLeft(t, " -") + strings.Repeat("x", len(t)-len(strings.TrimLeft(t, " -")))
	}
	return t, nil
}

// uuid is a random one, of version 4.
func (g *generator) uuid() string {
	a, b := g.rng.Uint64(), g.rng.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}
