package scenarios

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// Every file that the parser accepts the schema accepts too.
func TestSchemaAccepts(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range []string{"builtin/*.yaml", "testdata/good/*.yaml", "../examples/*/*.yaml", "../templates/scenario.yaml"} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	if len(files) < 12 {
		t.Fatalf("only %d files", len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(plainYAML(t, data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, text := range []string{"personas: {a: {tasks: [{gett: /}]}}", "persona: {}", "load: {usres: 1}", "auth: {login: {post: /}}"} {
		if compiled.Validate(plainYAML(t, []byte(text))) == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
}

// plainYAML is a file as the JSON Schema library wants it.
func plainYAML(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// Every key that the parser knows stands in the schema, and none that it does not.
func TestSchemaKeys(t *testing.T) {
	type object struct {
		Properties           map[string]object
		AdditionalProperties json.RawMessage
		AnyOf                []object
		Items                *object
		Defs                 map[string]object `json:"$defs"`
	}
	var s object
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	var persona object
	if err := json.Unmarshal(s.Properties["personas"].AdditionalProperties, &persona); err != nil {
		t.Fatal(err)
	}
	var feed object
	if err := json.Unmarshal(s.Properties["feeds"].AdditionalProperties, &feed); err != nil {
		t.Fatal(err)
	}
	auth := s.Properties["auth"].AnyOf[1]
	for _, c := range []struct {
		name   string
		schema object
		keys   []string
	}{
		{"scenario", s, scenarioKeys},
		{"load", s.Properties["load"], loadKeys},
		{"stage", s.Properties["load"].Properties["stages"].Items.AnyOf[1], stageKeys},
		{"auth", auth, authKinds},
		{"basic", auth.Properties["basic"], basicKeys},
		{"login", s.Defs["login"], loginKeys},
		{"feed", feed.AnyOf[1], feedKeys},
		{"persona", persona, personaKeys},
		{"task", s.Defs["task"], taskKeys},
		{"step", s.Defs["step"], stepKeys},
		{"poll", s.Defs["poll"], pollKeys},
		{"part", s.Defs["part"], partKeys},
		{"body", s.Defs["step"].Properties["body"].AnyOf[1], bodyKeys},
	} {
		want := slices.Sorted(slices.Values(c.keys))
		got := slices.Sorted(maps.Keys(c.schema.Properties))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-parser +schema):\n%s", c.name, diff)
		}
	}
}

func TestSchemaCopy(t *testing.T) {
	data, err := os.ReadFile("../docs/scenario.schema.json")
	if err != nil || !bytes.Equal(data, schema) {
		t.Errorf("docs/scenario.schema.json is no copy of scenarios/schema.json (%v)", err)
	}
}
