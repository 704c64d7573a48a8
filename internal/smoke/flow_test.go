package smoke

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// told are a flow's steps, each with what it takes from others and saves.
func told(f Flow) (out []string) {
	for _, s := range f.Steps {
		path := s.Path
		for name, v := range s.Args {
			if saved, ok := v.(Saved); ok {
				path = strings.ReplaceAll(path, "{"+name+"}", "<"+string(saved)+">")
			} else {
				path = strings.ReplaceAll(path, "{"+name+"}", fmt.Sprint(v))
			}
		}
		w := s.Method + " " + path
		if body, ok := s.Body.(map[string]any); ok {
			for _, k := range sortedKeys(body) {
				if saved, ok := body[k].(Saved); ok {
					w += " " + k + "=<" + string(saved) + ">"
				}
			}
		}
		for _, v := range s.Saves {
			w += " save " + v.Name + "=" + v.Field
		}
		out = append(out, w)
	}
	return out
}

func TestFlows(t *testing.T) {
	c, err := ParseContract("x.yaml", []byte(`openapi: 3.0.3
info: {title: x, version: "1"}
paths:
  /users:
    get: {responses: {"200": {description: ok}}}
    post:
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string}}}}}}
      responses: {"201": {description: made, content: {application/json: {schema: {type: object, properties: {user_id: {type: integer}, name: {type: string}}}}}}}
  /users/{user_id}:
    parameters: [{name: user_id, in: path, required: true, schema: {type: integer}}]
    get: {responses: {"200": {description: ok}, "404": {description: none}}}
    delete: {responses: {"204": {description: gone}}}
  /users/{user_id}/posts:
    parameters: [{name: user_id, in: path, required: true, schema: {type: integer}}]
    post:
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [text, author_name], properties: {text: {type: string}, author_name: {type: string}}}}}}
      responses: {"201": {description: made, content: {application/json: {schema: {type: object, properties: {id: {type: string, format: uuid}}}}}}, "202": {description: later}}
  /users/{user_id}/posts/{id}:
    parameters: [{name: user_id, in: path, required: true, schema: {type: integer}}, {name: id, in: path, required: true, schema: {type: string}}]
    patch: {responses: {"200": {description: ok}}}
    delete: {responses: {"204": {description: gone}}}
  /transfers:
    post:
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [user_id, user_name], properties: {user_id: {type: integer}, user_name: {type: string}}}}}}
      responses: {"200": {description: ok}}
  /reports/{day}:
    get: {parameters: [{name: day, in: path, required: true, schema: {type: string, enum: [monday]}}], responses: {"200": {description: ok}}}
  /orphans/{orphan_id}:
    get: {parameters: [{name: orphan_id, in: path, required: true, schema: {type: string}}], responses: {"200": {description: ok}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	flows, left := NewPlan(c).Flows("fresh")
	var got []string
	for _, f := range flows {
		got = append(got, f.Name+": "+strings.Join(told(f), "; "))
	}
	want := []string{
		"GET /users: GET /users",
		"user lifecycle: POST /users save user_id=user_id; GET /users/<user_id>; DELETE /users/<user_id>",
		"post lifecycle: POST /users save user_id=user_id; POST /users/<user_id>/posts save post_id=id; PATCH /users/<user_id>/posts/<post_id>; DELETE /users/<user_id>/posts/<post_id>; DELETE /users/<user_id>",
		"GET /reports/{day}: GET /reports/monday",
		"POST /transfers: POST /users save user_id=user_id save user_name=name; POST /transfers user_id=<user_id> user_name=<user_name>; DELETE /users/<user_id>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(left) != 1 || left[0].Operation != "GET /orphans/{orphan_id}" || !strings.Contains(left[0].Why, "{orphan_id}") {
		t.Errorf("left out: %+v", left)
	}
	if s := flows[2].Steps[1]; !slices.Equal(s.Expect, []int{201, 202}) || !strings.Contains(fmt.Sprint(s.Body), "fresh") {
		t.Errorf("%v, body %v", s.Expect, s.Body)
	}
}

// TestFlowsOfForeignDocuments: each operation stands in one flow or is left out with
// its reason, and no step takes what none before it has saved.
func TestFlowsOfForeignDocuments(t *testing.T) {
	sources := map[string]string{"large.yaml": large(400)}
	for _, file := range foreign(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[file] = string(data)
	}
	operations := 0
	for file, text := range sources {
		c, err := ParseContract(file, []byte(text))
		if err != nil {
			continue
		}
		flows, left := NewPlan(c).Flows("fresh")
		seen := map[string]bool{}
		for _, f := range flows {
			saved := map[Saved]bool{}
			for _, s := range f.Steps {
				seen[s.Name()] = true
				takes := map[Saved]bool{}
				for _, v := range s.Args {
					note(takes, v)
				}
				note(takes, s.Body)
				for v := range takes {
					if !saved[v] {
						t.Errorf("%s: %s: %s takes %s, which nothing has saved", file, f.Name, s.Name(), v)
					}
				}
				for _, v := range s.Saves {
					saved[Saved(v.Name)] = true
				}
			}
		}
		for _, l := range left {
			if seen[l.Operation] = true; l.Why == "" {
				t.Errorf("%s: %s is left out without a reason", file, l.Operation)
			}
		}
		for _, o := range c.Operations {
			if operations++; !seen[o.Name()] {
				t.Errorf("%s: %s stands nowhere", file, o.Name())
			}
		}
	}
	if operations < 600 {
		t.Errorf("only %d operations", operations)
	}
}
