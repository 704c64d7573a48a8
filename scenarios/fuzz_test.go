package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// slowSeeds take milliseconds each, which would be most of a fuzzer's time: an
// alias bomb goes to the limit by design, and TestMistakes has it; the two long
// built-ins have no key that testdata/good/everything.yaml has not.
var slowSeeds = []string{"alias-bomb.yaml", "platform.yaml", "api.yaml"}

// Whatever the file, Parse ends soon: with a scenario that compiles, describes
// itself and has a digest, or with mistakes in order.
func FuzzParse(f *testing.F) {
	seeds, _ := filepath.Glob("testdata/broken/*.yaml")
	good, _ := filepath.Glob("builtin/*.yaml")
	more, _ := filepath.Glob("testdata/good/*.yaml")
	for _, file := range slices.Concat(seeds, good, more) {
		if slices.Contains(slowSeeds, filepath.Base(file)) {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(shop))
	f.Add([]byte(digested))
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		s, err := Parse("f.yaml", data)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("Parse took %v", took)
		}
		if err != nil {
			var ms Mistakes
			if !errors.As(err, &ms) || len(ms) == 0 || s != nil {
				t.Fatalf("Parse = %v, %v", s, err)
			}
			for i := 1; i < len(ms); i++ {
				if ms[i].Line < ms[i-1].Line {
					t.Fatalf("mistakes out of order:\n%v", err)
				}
			}
			return
		}
		s.Digest()
		s.Describe()
		_, _ = s.Load.Profile()
		if len(s.Personas) == 0 {
			return
		}
		for _, f := range s.feeds {
			f.rows = [][]member{{{"x", slotText}}}
		}
		script, err := compile(s, "http://127.0.0.1:1", func(o *CompileOptions) {
			o.Env = func(string) (string, bool) { return "x", true }
		})
		if err != nil {
			return
		}
		for _, p := range script.personas {
			u := script.newSession(p, 0, 1)
			u.token = &token{value: []byte("x")}
			for i := range u.slots {
				u.slots[i] = slot{slotText, []byte("x\r\n\x00\xff")}
			}
			for _, task := range p.tasks {
				for i := range task.steps {
					if task.steps[i].row >= 0 {
						u.assign(&task.steps[i])
						u.prepare(&task.steps[i])
					}
				}
			}
		}
	})
}
