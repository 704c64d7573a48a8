package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/seed-42693903/lt/"

// TestImports holds the direction in which the packages may know each other:
// metric <- load, client, verdict, hop <- run <- smoke, scenarios, report <- cmd/lt.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		imports[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
	if len(imports) < 8 {
		t.Fatalf("only %d packages were listed", len(imports))
	}
	rules := []struct {
		from    string // prefix of packages
		never   []string
		because string
	}{
		{"internal/", []string{module + "cmd", module + "report", module + "scenarios", module + "fixtures", "github.com/spf13/cobra", "github.com/vbauerster/mpb"}, "internal packages know nothing of what uses them"},
		{"internal/load", []string{module + "internal/client"}, "the engine knows no protocol"},
		{"internal/client", []string{module + "internal/load"}, "a protocol knows no schedule"},
		{"internal/importer", []string{"net", module + "internal/client"}, "results of other tools are files"},
		{"internal/run", []string{module + "internal/importer"}, "a run is the same whoever made it"},
		{"internal/metric", []string{"net", "os", "database"}, "measurement does no I/O"},
		{"internal/smoke", []string{module + "internal/load"}, "a smoke is no load"},
		{"internal/hop", []string{"net", "os", "database"}, "judgement does no I/O"},
		{"internal/verdict", []string{"net", "os", "database"}, "judgement does no I/O"},
		{"report", []string{module + "internal/load"}, "a report renders a saved run"},
		{"fixtures/", []string{module + "internal", module + "report", module + "scenarios", module + "templates", module + "cmd"}, "the platform and the instrument do not know each other"},
		{"internal/", []string{module + "fixtures"}, "the platform and the instrument do not know each other"},
		{"report", []string{module + "fixtures"}, "the platform and the instrument do not know each other"},
		{"scenarios", []string{module + "fixtures", module + "report"}, "the platform and the instrument do not know each other"},
		{"internal/live", []string{module + "internal/load", module + "internal/run", module + "internal/client"}, "the view is shown a run, and makes none"},
		{"internal/export", []string{module + "internal/load", module + "internal/run", module + "internal/client"}, "the metrics are shown a run, and make none"},
		{"templates", []string{module}, "templates is a leaf"},
		{"internal/text", []string{module}, "words and figures need nothing"},
	}
	for pkg, list := range imports {
		for _, r := range rules {
			if !strings.HasPrefix(pkg, r.from) {
				continue
			}
			for _, imp := range list {
				for _, bad := range r.never {
					if imp == strings.TrimSuffix(bad, "/") || strings.HasPrefix(imp, strings.TrimSuffix(bad, "/")+"/") {
						t.Errorf("%s imports %s: %s", pkg, imp, r.because)
					}
				}
			}
		}
	}
}
