package smoke

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-42693903/lt/internal/hop"
	"github.com/seed-42693903/lt/internal/verdict"
)

var update = flag.Bool("update", false, "write the schema anew")

var enums = map[reflect.Type][]any{
	reflect.TypeFor[verdict.Verdict](): {verdict.Pass, verdict.Fail},
	reflect.TypeFor[hop.Hop]():         {hop.Client, hop.Network, hop.Gateway, hop.Upstream, hop.Unknown},
	reflect.TypeFor[State](): {
		NoAnswer, Missing, WrongMethod, Unauthorised, Unimplemented, Broken, Refused, Failed, OffContract, Slow, NotExercised, Undocumented, Present,
	},
	reflect.TypeFor[Fault](): {FaultAPI, FaultScenario, FaultUnknown, FaultNetwork},
}

// TestSchema keeps the published schema of smoke.json equal to the types.
func TestSchema(t *testing.T) {
	defs := map[string]any{}
	root := object(reflect.TypeFor[Result](), defs)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "smoke.json: what lt smoke found"
	root["$defs"] = defs
	root["properties"].(map[string]any)["schema"].(map[string]any)["const"] = Schema
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"smoke.schema.json", "../../docs/smoke.schema.json"} {
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b.Bytes()) {
			t.Errorf("%s is not what the types say (%v): go test ./internal/smoke -run TestSchema -update", path, err)
		}
	}
}

func schemaOf(t reflect.Type, defs map[string]any) map[string]any {
	if values, ok := enums[t]; ok {
		return map[string]any{"type": "string", "enum": values}
	}
	if t == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), defs)
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), defs)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), defs)}
	case reflect.Struct:
		if _, ok := defs[t.Name()]; !ok {
			defs[t.Name()] = true
			defs[t.Name()] = object(t, defs)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return map[string]any{"type": "integer"}
	}
	panic(fmt.Sprintf("no schema for %v", t))
}

func object(t reflect.Type, defs map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	var fields func(t reflect.Type)
	fields = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				fields(f.Type)
			case f.IsExported() && name != "-":
				s := schemaOf(f.Type, defs)
				// What is a fault of nobody, and a hop where nothing failed, is absent or empty.
				if !strings.Contains(options, "omit") {
					required = append(required, name)
				}
				properties[name] = s
			}
		}
	}
	fields(t)
	return map[string]any{"type": "object", "properties": properties, "required": required}
}
