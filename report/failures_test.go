package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-42693903/lt/internal/metric"
	"github.com/seed-42693903/lt/internal/run"
)

// Every failures.json is what its schema says.
func TestFailuresSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(FailuresSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("failures.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("failures.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	for name := range fixtures() {
		if name == "hostile" { // its figures are impossible, too
			continue
		}
		if err := check(render(t, "failures", name, Options{})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := render(t, "failures", "failing", Options{})
	for _, c := range [][2]string{{`"count": `, `"count": -`}, {`"trace_id": "`, `"trace_id": "x`}, {`"schema": 1`, `"schema": 2`}, {`"endpoint"`, `"end"`}, {`"first_seen": "`, `"first_seen": "x`}} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if bad == good || check(bad) == nil {
			t.Errorf("the schema allows %s", c[1])
		}
	}
}

// The schema has the keys of the types, and docs/ has a copy of it.
func TestFailuresSchemaKeys(t *testing.T) {
	type object struct {
		Properties map[string]any    `json:"properties"`
		Required   []string          `json:"required"`
		Defs       map[string]object `json:"$defs"`
	}
	var root object
	if err := json.Unmarshal(FailuresSchema, &root); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of     any
		schema object
	}{{failuresFile{}, root}, {failureEntry{}, root.Defs["failure"]}, {exemplarEntry{}, root.Defs["exemplar"]}} {
		var keys, required []string
		for f := range reflect.TypeOf(c.of).Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if keys = append(keys, name); !strings.HasPrefix(options, "omit") {
				required = append(required, name)
			}
		}
		slices.Sort(keys)
		if got := slices.Sorted(maps.Keys(c.schema.Properties)); !slices.Equal(got, keys) {
			t.Errorf("%T: the schema has %v, the type %v", c.of, got, keys)
		}
		if !slices.Equal(c.schema.Required, required) {
			t.Errorf("%T: the schema requires %v, the type %v", c.of, c.schema.Required, required)
		}
	}
	if b, err := os.ReadFile("../docs/failures.schema.json"); err != nil || !bytes.Equal(b, FailuresSchema) {
		t.Errorf("docs/failures.schema.json is no copy of report/failures.schema.json (%v)", err)
	}
}

// The id of a failure's trace stands in every report that shows the failure.
func TestTraceID(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, f := range []string{"html", "markdown", "terminal", "failures"} {
		if text := render(t, f, "failing", Options{Verbose: true}); !strings.Contains(text, id) {
			t.Errorf("%s does not have the trace's id", f)
		}
	}
	r := passing()
	r.Failures = []run.Failure{{Endpoint: "GET /", Class: "check", Count: 1, Exemplars: []metric.Exemplar{{Message: "m", TraceID: "\x1b[31m<script>"}}}}
	for _, f := range Formats() {
		var b strings.Builder
		if err := f.Render(&b, r, Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if f.Name != "json" && strings.Contains(b.String(), "[31m") {
			t.Errorf("%s shows what is no trace's id", f.Name)
		}
	}
}
