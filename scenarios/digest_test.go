package scenarios

import (
	"strings"
	"testing"
)

const digested = `
# a comment
name: one
target: https://a.example.test
labels: {a: b}
auth: {api_key: $env.KEY}
load: {users: 60, spawn_rate: 6/s, duration: 5m}
thresholds: ["p95 < 500ms"]
personas:
  buyer:
    weight: 2
    think: 1s-3s
    headers: {X-A: "1", X-B: "2"}
    tasks:
      - name: order
        weight: 3
        steps:
          - {post: /orders, json: {sku: 1, note: {a: b, c: [1, 2]}}, expect: 201, save: {id: $.id}}
          - {get: "/orders/${id}", query: {x: y}}
  seller:
    tasks: [{get: /sales}]
`

// The digest names what is done to a target, however it is written.
func TestDigest(t *testing.T) {
	digest := func(edits ...string) string {
		text := strings.NewReplacer(edits...).Replace(digested)
		if len(edits) > 0 && text == digested {
			t.Fatalf("nothing replaced: %q", edits)
		}
		return parsed(t, text).Digest()
	}
	base := digest()
	if !strings.HasPrefix(base, "sha256:") || len(base) != 7+64 {
		t.Fatalf("digest %s", base)
	}
	for name, edits := range map[string][]string{
		"comment":         {"# a comment", "# another\n"},
		"name and target": {"name: one", "name: two", "a.example", "b.example", "a: b}\nauth", "c: d}\nauth"},
		"thresholds":      {"500ms", "400ms"},
		"spelling":        {"duration: 5m", "duration: 300s", "6/s", "360/min", "1s-3s", "1000ms - 3000ms"},
		"order of keys":   {"{users: 60, spawn_rate: 6/s, duration: 5m}", "{duration: 5m, users: 60, spawn_rate: 6}", "{sku: 1, note: {a: b, c: [1, 2]}}", "{note: {c: [1, 2], a: b}, sku: 1}"},
		"quotes":          {`"1", X-B: "2"`, `'1', X-B: 2`},
		"name of a task":  {"name: order", "name: orders"},
		"secret":          {"$env.KEY", "$env.OTHER"},
	} {
		if got := digest(edits...); got != base {
			t.Errorf("%s changed the digest", name)
		}
	}
	for name, edits := range map[string][]string{
		"users":     {"users: 60", "users: 61"},
		"think":     {"1s-3s", "1s-4s"},
		"weight":    {"weight: 3", "weight: 4"},
		"path":      {"/sales", "/sale"},
		"method":    {"{get: /sales}", "{head: /sales}"},
		"body":      {"[1, 2]", "[2, 1]"},
		"header":    {`X-A: "1"`, `X-A: "2"`},
		"query":     {"{x: y}", "{x: z}"},
		"expect":    {"201", "200"},
		"save":      {"$.id}", "$.id2}"},
		"auth kind": {"{api_key: $env.KEY}", "{bearer: $env.KEY}"},
		"personas":  {"seller", "seller2"},
	} {
		if got := digest(edits...); got == base {
			t.Errorf("%s left the digest as it was", name)
		}
	}
	a, err := Load("light")
	if err != nil {
		t.Fatal(err)
	}
	before := a.Digest()
	if err := a.SetWorkload("health"); err != nil {
		t.Fatal(err)
	}
	if a.Digest() == before {
		t.Error("another workload left the digest as it was")
	}
}

// TestDigestOfHTTP2: how a run connects is part of what it measures.
func TestDigestOfHTTP2(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range []Scenario{{}, {HTTP2: true}, {HTTP2: true, Connections: 1}, {HTTP2: true, Connections: 2}} {
		seen[s.Digest()] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d digests of 4 ways to connect", len(seen))
	}
}
