package scenarios

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of scenario files. It serves editors; what
// counts is [Parse], which knows more.
func Schema() []byte { return append([]byte(nil), schema...) }
