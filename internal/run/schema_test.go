package run

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/verdict"
)

var update = flag.Bool("update", false, "write the schemas anew")

// TestSchemas keeps the published schemas equal to the types.
func TestSchemas(t *testing.T) {
	for file, s := range map[string]struct {
		title string
		of    any
	}{
		"run.schema.json":      {"run.json: the plan of a run of lt", Plan{}},
		"interval.schema.json": {"intervals.jsonl: a line of the journal of a run of lt", Interval{}},
		"result.schema.json":   {"result.json: the result of a run of lt", Result{}},
	} {
		g := schemaMaker{defs: map[string]any{}, notes: notes(t, ".", "../metric", "../verdict", "../load")}
		root := g.object(reflect.TypeOf(s.of))
		root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
		root["title"] = s.title
		if len(g.defs) > 0 {
			root["$defs"] = g.defs
		}
		if p, ok := root["properties"].(map[string]any)["schema"].(map[string]any); ok {
			p["const"] = Schema
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(root); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{file, filepath.Join("../../docs", file)} {
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, b.Bytes()) {
				t.Errorf("%s is not what the types say (%v): go test ./internal/run -run TestSchemas -update", path, err)
			}
		}
	}
}

// A schemaMaker makes a JSON Schema of what encoding/json makes of a type.
// Unknown keys are allowed, for readers ignore them.
type schemaMaker struct {
	defs  map[string]any
	notes map[string]string // comments of fields, by "Type.Field"
}

// enums are the texts of the types that have a fixed set of them.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[verdict.Verdict](): {verdict.Pass, verdict.Fail, verdict.Inconclusive, verdict.Invalid, verdict.None, verdict.Warn},
	reflect.TypeFor[verdict.Change]():  {verdict.Regressed, verdict.Improved, verdict.Same, verdict.Undecided},
	reflect.TypeFor[verdict.DriftVerdict](): {
		verdict.DriftStable, verdict.DriftDegrading, verdict.DriftImproving, verdict.DriftUnstable, verdict.DriftUndecided,
	},
	reflect.TypeFor[metric.Model]():  {metric.Closed, metric.Open},
	reflect.TypeFor[metric.Period](): {metric.Warmup, metric.Measured, metric.Drain},
	reflect.TypeFor[hop.Hop]():       {hop.Client, hop.Network, hop.Gateway, hop.Upstream, hop.Unknown},
}

func (g *schemaMaker) schema(t reflect.Type) map[string]any {
	if values, ok := enums[t]; ok {
		return map[string]any{"type": "string", "enum": values}
	}
	if t == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.schema(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64, reflect.Float32:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		items := g.schema(t.Elem())
		if name, ok := items["type"].(string); ok && t.Elem().Kind() == reflect.Pointer {
			items["type"] = []string{name, "null"}
		}
		return map[string]any{"type": "array", "items": items}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.schema(t.Elem())}
	case reflect.Struct:
		if _, ok := g.defs[t.Name()]; !ok {
			g.defs[t.Name()] = true // it may hold itself
			g.defs[t.Name()] = g.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	}
	if t.ConvertibleTo(reflect.TypeFor[int64]()) {
		return map[string]any{"type": "integer"}
	}
	panic(fmt.Sprintf("no schema for %v", t))
}

func (g *schemaMaker) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	g.fields(t, properties, &required)
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

func (g *schemaMaker) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			g.fields(f.Type, properties, required)
			continue
		case name == "-" || !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		s := g.schema(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
			if k := f.Type.Kind(); k == reflect.Slice || k == reflect.Map {
				s["type"] = []string{s["type"].(string), "null"}
			}
		}
		if note := g.notes[t.Name()+"."+f.Name]; note != "" {
			s["description"] = note
		}
		properties[name] = s
	}
}

// notes are the comments beside and above the fields of the packages' types.
func notes(t *testing.T, dirs ...string) map[string]string {
	out := map[string]string{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						text := strings.TrimSpace(field.Comment.Text())
						if text == "" {
							text = field.Doc.Text()
						}
						for _, id := range field.Names {
							out[spec.Name.Name+"."+id.Name] = strings.Join(strings.Fields(text), " ")
						}
					}
				}
				return true
			})
		}
	}
	return out
}
