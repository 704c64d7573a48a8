package smoke

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v4"
)

// checkSyntax says where a document is no JSON or YAML.
func checkSyntax(source string, data []byte) error {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return fmt.Errorf("%s:1:1: the document is empty", source)
	}
	if trimmed[0] == '{' {
		var raw json.RawMessage
		err := json.Unmarshal(data, &raw)
		var bad *json.SyntaxError
		if errors.As(err, &bad) {
			line, column := lineColumn(data, int(bad.Offset)-1)
			return fmt.Errorf("%s:%d:%d: not JSON: %s", source, line, column, bad)
		}
		return err
	}
	_, err := yamlTree(data)
	if err != nil {
		line, column, what := yamlPlace(err)
		return fmt.Errorf("%s:%d:%d: not YAML: %s", source, line, column, what)
	}
	return nil
}

func lineColumn(data []byte, offset int) (line, column int) {
	offset = max(0, min(offset, len(data)))
	before := data[:offset]
	return bytes.Count(before, []byte("\n")) + 1, offset - (bytes.LastIndexByte(before, '\n') + 1) + 1
}

var yamlAt = regexp.MustCompile(`line (\d+)(?:,? column (\d+))?:? ?`)

// yamlPlace is the place in a message of the YAML library.
func yamlPlace(err error) (line, column int, what string) {
	text := firstLine(strings.TrimPrefix(err.Error(), "yaml: "))
	line, column = 1, 1
	if m := yamlAt.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		if m[2] != "" {
			column, _ = strconv.Atoi(m[2])
		}
		text = strings.Replace(text, m[0], "", 1)
	}
	return line, column, text
}

// yamlTree is the document with a line and column for each node; JSON is YAML
// enough.
func yamlTree(data []byte) (*yaml.Node, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	if len(root.Content) == 0 {
		return nil, errors.New("the document is empty")
	}
	return root.Content[0], nil
}

// locate finds the place of what the loader did not like.
func locate(source string, data []byte, cause error) error {
	if err := checkSyntax(source, data); err != nil {
		return err
	}
	what := firstLine(cause.Error())
	root, err := yamlTree(data)
	if err != nil {
		line, column, text := yamlPlace(err)
		return fmt.Errorf("%s:%d:%d: not YAML: %s", source, line, column, text)
	}
	n := findRef(root, func(ref string) bool {
		last := ref[strings.LastIndexByte(ref, '/')+1:]
		return strings.Contains(cause.Error(), strconv.Quote(ref)) || strings.Contains(cause.Error(), strconv.Quote(last))
	}, 0)
	if n == nil { // the message names a part of the way there, or none
		n = findRef(root, func(ref string) bool { return strings.HasPrefix(ref, "#/") && !leads(root, ref) }, 0)
	}
	if n != nil {
		return fmt.Errorf("%s:%d:%d: $ref %s leads nowhere: %s", source, n.Line, n.Column, n.Value, what)
	}
	if n, why := badNode(root, ""); n != nil {
		return fmt.Errorf("%s:%d:%d: %s", source, n.Line, n.Column, why)
	}
	return fmt.Errorf("%s:%d:%d: %s", source, root.Line, root.Column, what)
}

// findRef is the first $ref that is wanted.
func findRef(n *yaml.Node, wanted func(ref string) bool, depth int) *yaml.Node {
	if depth > 200 {
		return nil
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			v := n.Content[i+1]
			if n.Content[i].Value == "$ref" && v.Kind == yaml.ScalarNode && len(v.Value) > 2 && wanted(v.Value) {
				return v
			}
		}
	}
	for _, child := range n.Content {
		if found := findRef(child, wanted, depth+1); found != nil {
			return found
		}
	}
	return nil
}

// leads reports whether a reference into the document ends at something; beyond
// another $ref or an alias it is not followed, and taken as good.
func leads(n *yaml.Node, ref string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if decoded, err := url.PathUnescape(part); err == nil {
			part = decoded
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				switch n.Content[i].Value {
				case part:
					next = n.Content[i+1]
				case "$ref", "<<":
					return true
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
			}
		case yaml.AliasNode:
			return true
		}
		if next == nil {
			return false
		}
		n = next
	}
	return true
}

// parts says what stands under a kind of object: "*" is any key or item.
var parts = map[string]map[string]string{
	"":           {"info": "info", "servers": "servers", "paths": "paths", "components": "components"},
	"servers":    {"*": "server"},
	"paths":      {"*": "path"},
	"path":       {"parameters": "parameters", "get": "operation", "put": "operation", "post": "operation", "delete": "operation", "patch": "operation", "head": "operation", "options": "operation"},
	"operation":  {"parameters": "parameters", "requestBody": "body", "responses": "responses"},
	"parameters": {"*": "parameter"},
	"parameter":  {"schema": "schema"},
	"body":       {"content": "content"},
	"content":    {"*": "media"},
	"media":      {"schema": "schema"},
	"responses":  {"*": "response"},
	"response":   {"content": "content", "headers": "headers"},
	"headers":    {"*": "header"},
	"header":     {"schema": "schema"},
	"components": {"schemas": "schemas", "responses": "responses", "parameters": "parameters", "requestBodies": "bodies", "headers": "headers", "securitySchemes": "securities"},
	"schemas":    {"*": "schema"},
	"bodies":     {"*": "body"},
	"securities": {"*": "security"},
	"schema":     {"properties": "schemas", "items": "schema", "allOf": "schemaList", "oneOf": "schemaList", "anyOf": "schemaList"},
	"schemaList": {"*": "schema"},
}

// readers are the types of the objects that can be read by themselves.
var readers = map[string]func() any{
	"info": func() any { return new(openapi3.Info) }, "server": func() any { return new(openapi3.Server) },
	"path": func() any { return new(openapi3.PathItem) }, "operation": func() any { return new(openapi3.Operation) },
	"parameter": func() any { return new(openapi3.ParameterRef) }, "body": func() any { return new(openapi3.RequestBodyRef) },
	"media": func() any { return new(openapi3.MediaType) }, "response": func() any { return new(openapi3.ResponseRef) },
	"header": func() any { return new(openapi3.HeaderRef) }, "schema": func() any { return new(openapi3.SchemaRef) },
	"security": func() any { return new(openapi3.SecuritySchemeRef) },
}

// badNode is the innermost object that cannot be read, and why.
func badNode(n *yaml.Node, kind string) (*yaml.Node, string) {
	var why string
	if read := readers[kind]; read != nil {
		var v any
		if err := n.Decode(&v); err != nil {
			return n, firstLine(err.Error())
		}
		b, err := json.Marshal(v)
		if err != nil {
			return n, "a key that is no text"
		}
		err = json.Unmarshal(b, read())
		if err == nil {
			return nil, ""
		}
		why = kind + ": " + firstLine(err.Error())
	}
	visit := func(key string, child *yaml.Node) (*yaml.Node, string) {
		k := parts[kind][key]
		if k == "" {
			k = parts[kind]["*"]
		}
		if k == "" {
			return nil, ""
		}
		return badNode(child, k)
	}
	for i, child := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			if at, why := visit("*", child); at != nil {
				return at, why
			}
		case n.Kind == yaml.MappingNode && i%2 == 1:
			if at, why := visit(n.Content[i-1].Value, child); at != nil {
				return at, why
			}
		}
	}
	if why != "" {
		return n, why
	}
	return nil, ""
}
