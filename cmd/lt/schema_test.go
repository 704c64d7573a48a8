package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-42693903/lt/internal/run"
	"github.com/seed-42693903/lt/report"
)

// schemas are the compiled schemas by the name of the file that they are of.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	out := map[string]*jsonschema.Schema{}
	for file, name := range map[string]string{
		run.PlanFile: "run.schema.json", run.IntervalsFile: "interval.schema.json", run.ResultFile: "result.schema.json",
		run.FailuresFile: "failures.schema.json",
	} {
		b := report.FailuresSchema
		if file != run.FailuresFile {
			var err error
			if b, err = run.Schemas.ReadFile(name); err != nil {
				return nil, err
			}
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(name, doc); err != nil {
			return nil, err
		}
		if out[file], err = c.Compile(name); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// invalidFiles is what a run's files have that their schemas do not allow. A torn
// last line of a journal, and a result that a killed run could not write, may be.
func invalidFiles(dir string) (mistakes []error) {
	all, err := schemas()
	if err != nil {
		return []error{err}
	}
	for name, s := range all {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) && name != run.PlanFile {
			continue
		}
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		docs := [][]byte{b}
		if name == run.IntervalsFile {
			docs = bytes.Split(b, []byte("\n"))
			docs = docs[:len(docs)-1]
		}
		for i, d := range docs {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(d))
			if err == nil {
				err = s.Validate(v)
			}
			if err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s, document %d: %w", name, i+1, err))
				break
			}
		}
	}
	return mistakes
}
