package smoke

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// foreign are documents that this project did not write: of the OpenAPI library's
// own tests, in the module cache, and those that LT_OPENAPI names.
func foreign(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/getkin/kin-openapi").Output()
	if err != nil {
		t.Skipf("SKIPPED SUITE: the module cache is not there: %v", err)
	}
	dir := strings.TrimSpace(string(out))
	var files []string
	for _, pattern := range []string{"openapi3/testdata/*.json", "openapi3/testdata/*.y*ml", "openapi3filter/testdata/**/*.json", "openapi3filter/testdata/*.y*ml"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		files = append(files, found...)
	}
	return append(files, filepath.SplitList(os.Getenv("LT_OPENAPI"))...)
}

// TestForeignDocuments: no crash, no hang, and every operation is accounted for,
// against a server made from each document.
func TestForeignDocuments(t *testing.T) {
	documents, operations, working, exercised := 0, 0, 0, 0
	for _, file := range foreign(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		c, err := ParseContract(file, data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), file+":") {
				t.Errorf("%v: names no place", err)
			}
			continue
		}
		parsed := time.Since(started)
		NewPlan(c)
		planned := time.Since(started)
		m := newMock(c)
		started = time.Now()
		r := smokedBy(t, c, m, nil)
		documents++
		operations += r.Coverage.Operations
		working += r.Coverage.Working
		exercised += r.Coverage.Exercised
		states := map[State]int{}
		for _, o := range r.Operations {
			states[o.State]++
		}
		if testing.Verbose() {
			t.Logf("%s: %d operations, parsed in %v, planned in %v, exercised in %v: %v", filepath.Base(file), len(c.Operations), parsed, planned, time.Since(started), states)
			shown := 0
			for _, o := range r.Operations {
				if !o.State.Works() && shown < 12 {
					shown++
					t.Logf("    %s: %s: %s", o.Name, o.State, o.Reason)
				}
			}
			for i, b := range m.bad {
				if i < 10 {
					t.Logf("    invalid: %s", b)
				}
			}
		}
	}
	if documents < 5 || operations < 200 {
		t.Errorf("only %d documents with %d operations were found", documents, operations)
	}
	t.Logf("%d documents, %d operations: %d exercised, %d work", documents, operations, exercised, working)
}

// large is a document of n operations, which refer to each other.
func large(n int) string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.3\ninfo: {title: large, version: '1'}\npaths:\n")
	for i := range n / 4 {
		fmt.Fprintf(&b, `  /things%d:
    get: {responses: {'200': {description: ok, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing%d'}}}}}}}
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Thing%d'}}}}
      responses: {'201': {description: made, content: {application/json: {schema: {$ref: '#/components/schemas/Thing%d'}}}}}
  /things%d/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {responses: {'200': {description: ok}}}
    delete: {responses: {'204': {description: gone}}}
`, i, i, i, i, i)
	}
	b.WriteString("components:\n  schemas:\n")
	for i := range n / 4 {
		fmt.Fprintf(&b, "    Thing%d: {type: object, required: [things%d_id], properties: {id: {type: string, format: uuid, readOnly: true}, things%d_id: {type: string}, next: {$ref: '#/components/schemas/Thing%d'}}}\n",
			i, max(i-1, 0), max(i-1, 0), (i+1)%(n/4))
	}
	return b.String()
}

// BenchmarkContract parses and plans a document of 1,000 operations.
func BenchmarkContract(b *testing.B) {
	doc := []byte(large(1000))
	b.ReportAllocs()
	for b.Loop() {
		c, err := ParseContract("large.yaml", doc)
		if err != nil {
			b.Fatal(err)
		}
		if p := NewPlan(c); len(p.Steps) != 1000 {
			b.Fatal(len(p.Steps))
		}
	}
}

// TestALargeDocument is planned in an order that needs nothing before it is made.
func TestALargeDocument(t *testing.T) {
	c, err := ParseContract("large.yaml", []byte(large(400)))
	if err != nil {
		t.Fatal(err)
	}
	p := NewPlan(c)
	made := map[string]bool{}
	gone := map[string]bool{}
	for _, s := range p.Steps {
		for _, n := range s.Needs {
			if !made[n.Collection] {
				t.Errorf("%s comes before %s has a member", s.Name(), n.Collection)
			}
			if gone[n.Collection] {
				t.Errorf("%s comes after the member of %s is gone", s.Name(), n.Collection)
			}
		}
		switch s.Role {
		case Creates:
			made[s.Makes] = true
		case Deletes:
			gone[s.Makes] = true
		}
	}
	if len(p.Steps) != 400 || len(made) != 100 || len(gone) != 100 {
		t.Errorf("%d steps, %d created, %d deleted", len(p.Steps), len(made), len(gone))
	}
}
