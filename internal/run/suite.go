package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// CreateSuite makes the directory <out>/suite-<UTC time>, which nobody had before.
func CreateSuite(out string, at time.Time) (string, error) { return exclusive(out, "suite", at) }

// CreateIn makes the directory of one scenario of a suite, and moves the link
// latest, beside the suite's directory, to it. What an earlier attempt left there
// is kept under another name: light-1.
func CreateIn(suite, scenario string, p *Plan) (*Dir, error) {
	d := &Dir{Path: filepath.Join(suite, dirName(scenario)), Plan: p}
	for i := 1; ; i++ {
		err := os.Mkdir(d.Path, 0o777)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || i == 1000 {
			return nil, err
		}
		aside := fmt.Sprintf("%s-%d", d.Path, i)
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		if err := os.Rename(d.Path, aside); err != nil {
			return nil, err
		}
	}
	if err := d.WriteJSON(PlanFile, p); err != nil {
		return nil, err
	}
	if abs, err := filepath.Abs(suite); err == nil {
		link(filepath.Dir(abs), filepath.Join(filepath.Base(abs), dirName(scenario)))
	}
	return d, nil
}

// LoadSuite is the results of the scenarios of the suite in dir; nil for one that
// has not come to its planned end.
func LoadSuite(dir string, scenarios []string) ([]*Result, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no suite %s", dir)
	}
	out := make([]*Result, len(scenarios))
	found := false
	for i, name := range scenarios {
		path := filepath.Join(dir, dirName(name))
		if _, err := os.Stat(filepath.Join(path, PlanFile)); err != nil {
			continue
		}
		found = true
		if _, err := os.Stat(filepath.Join(path, ResultFile)); err != nil {
			continue // it was killed
		}
		r, err := Load(path)
		if err != nil {
			return nil, err
		}
		if r.Complete && r.Interrupted == "" {
			out[i] = r
		}
	}
	if !found {
		return nil, fmt.Errorf("%s is no suite: it holds none of its scenarios", dir)
	}
	return out, nil
}
