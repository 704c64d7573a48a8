package smoke

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads a smoke.json, or the one in a smoke's directory.
func Load(path string) (*Result, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ResultFile)
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s", path)
	}
	if err != nil {
		return nil, err
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%s: not a result of lt smoke: %w", path, err)
	}
	if r.Schema != Schema || r.Operations == nil {
		return nil, fmt.Errorf("%s: not a result of lt smoke (schema %d; this lt reads %d)", path, r.Schema, Schema)
	}
	return &r, nil
}

// Against notes what differs from an earlier smoke, by operation.
func (r *Result) Against(before *Result, source string) {
	old := map[string]*Operated{}
	for i := range before.Operations {
		old[before.Operations[i].Name] = &before.Operations[i]
	}
	c := &Changes{Baseline: source, Fixed: []string{}, New: []string{}, Still: []string{}, Coverage: before.Coverage.Share}
	say := func(o *Operated) string {
		if o.Status > 0 {
			return fmt.Sprintf("%s (%d)", o.State, o.Status)
		}
		return string(o.State)
	}
	bad := func(o *Operated) bool {
		return o != nil && !o.State.Works() && o.State != NotExercised && o.State != Undocumented
	}
	for i := range r.Operations {
		now := &r.Operations[i]
		was := old[now.Name]
		switch {
		case bad(was) && now.State.Works():
			c.Fixed = append(c.Fixed, fmt.Sprintf("%s: was %s", now.Name, say(was)))
		case bad(was) && bad(now):
			text := fmt.Sprintf("%s: %s", now.Name, say(now))
			if say(was) != say(now) {
				text += ", was " + say(was)
			}
			c.Still = append(c.Still, text)
		case bad(now):
			text := fmt.Sprintf("%s: %s", now.Name, say(now))
			if was == nil {
				text += ", not in the baseline"
			} else {
				text += ", was " + say(was)
			}
			c.New = append(c.New, text)
		case bad(was):
			c.Still = append(c.Still, fmt.Sprintf("%s: not exercised now, was %s", now.Name, say(was)))
		}
	}
	r.Changes = c
}
