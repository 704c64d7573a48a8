package run

import "embed"

// Schemas are the JSON Schemas (2020-12) of run.json, of a line of
// intervals.jsonl and of result.json: run.schema.json, interval.schema.json and
// result.schema.json. They are made from the types (go test ./internal/run
// -update), and docs/ has copies of them.
//
//go:embed *.schema.json
var Schemas embed.FS
