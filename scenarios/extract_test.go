package scenarios

import (
	"testing"

	"github.com/seed-42693903/lt/internal/client"
)

var sample = client.Response{
	Status: 201,
	Header: []byte("HTTP/1.1 201 Created\r\nLocation: /orders/7\r\nETag: \"x\""),
	Body:   []byte(`{"id":"a\"b","n":12.50,"null":null,"list":[{"v":1},{"v":2}],"a.b":{"c d":true},"o":{"k":[1]},"x":"token=abc;"}`),
}

func TestExtract(t *testing.T) {
	for source, want := range map[string]string{
		"$.id": `a"b`, "$.n": "json 12.50", "$.list[1].v": "json 2", "$['a.b']['c d']": "json true", "$.o": `json {"k":[1]}`,
		"$.list[*].v": "json [1,2]", "$.list[-1].v": "json 2", "$..k[0]": "json 1", "$.list[?@.v > 1].v": "json 2", "$.list[0]": `json {"v":1}`,
		"$.null": "", "$.none": "", "$.list[9]": "", "$.id.x": "", "$..nothing": "",
		"header.Location": "/orders/7", "header.etag": `"x"`, "header.X-None": "",
		`/token=(\w+)/`: "abc", `/tok../`: "token", `/nothing/`: "",
	} {
		x, problem := parseExtractor(source)
		if problem != "" {
			t.Errorf("%s: %s", source, problem)
			continue
		}
		text, kind := x.append([]byte("<"), &sample)
		got := string(text[1:])
		switch kind {
		case slotJSON:
			got = "json " + got
		case slotEmpty:
			if got != "" {
				t.Errorf("%s: empty, but %q", source, got)
			}
		}
		if got != want {
			t.Errorf("%s is %q, want %q", source, got, want)
		}
	}
}

func TestChecks(t *testing.T) {
	vars := map[string]slot{"id": {slotText, []byte(`a"b`)}, "n": {slotJSON, []byte("12.5")}}
	for source, want := range map[string]bool{
		`$.id == id`: true, `$.id != id`: false, `$.n == n`: true, `$.n > 12 and $.n < 13`: true, `$.list.size() == 2`: true,
		`$.list.size() > 2`: false, `$.none.size() == 0`: true, `len($.list) == 2`: true, `status == 201`: true, `status in [200, 204]`: false,
		`body contains "token"`: true, `header("Location") startsWith "/orders/"`: true, `header("None") == ""`: true,
		`$.none == nil`: true, `$.list[0].v == 1`: true, `all($.list, .v > 0)`: true, `any($.list, {.v == 3})`: false,
		`$["a.b"]["c d"]`: true, `"$.id" == "$.id"`: true, `$.n > "x"`: false, `$.none.deep > 1`: false, `let x = $.n; x > 1`: true,
		`$.x matches "^token"`: true, `$.list[*].v == [1, 2]`: true,
	} {
		x, problem := parseExpression(source, useCheck, position{})
		if problem != "" {
			t.Errorf("%s: %s", source, problem)
			continue
		}
		b, u := boundExpression{expression: x}, &session{}
		for i, name := range x.variables {
			b.slots, u.slots = append(b.slots, i), append(u.slots, vars[name])
		}
		if got, err := u.holds(&b, &sample); got != want {
			t.Errorf("%s is %v (%v)", source, got, err)
		}
	}
}
