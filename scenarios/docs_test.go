package scenarios

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// Every example of the reference parses and compiles, and every key stands there.
func TestReference(t *testing.T) {
	data, err := os.ReadFile("../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	blocks := yamlBlock.FindAllStringSubmatch(doc, -1)
	if len(blocks) < 15 {
		t.Fatalf("only %d examples", len(blocks))
	}
	for _, b := range blocks {
		text := b[1]
		if strings.HasPrefix(text, "- ") {
			text = "personas:\n  a:\n    tasks:\n      - steps:\n          " + strings.ReplaceAll(text, "\n", "\n          ")
		}
		s, err := Parse("scenarios.md", []byte(text))
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		if s.Workload != "" {
			if err := s.resolve(""); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
		for _, f := range s.feeds {
			f.rows = [][]member{{{"1", slotText}}}
		}
		if _, err := compile(s, "http://127.0.0.1:1", func(o *CompileOptions) {
			o.Env = func(string) (string, bool) { return "x", true }
		}); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	keys := slices.Concat(scenarioKeys, loadKeys, stageKeys, authKinds, basicKeys, loginKeys, feedKeys, personaKeys, taskKeys, pollKeys, partKeys, bodyKeys)
	for _, key := range keys {
		if !regexp.MustCompile("[`{, \n]" + key + "[`:]").MatchString(doc) {
			t.Errorf("the key %s is not told of", key)
		}
	}
	for name := range functions {
		if !strings.Contains(doc, "`"+name+"(") {
			t.Errorf("the function %s is not told of", name)
		}
	}
}
