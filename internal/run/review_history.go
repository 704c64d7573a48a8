package run

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxScanDepth is how deep below a results directory runs are: in a suite's or a
// repetition's directory.
const maxScanDepth = 3

// Scan is the directories of all runs below dir, by path, without links and
// without the earlier attempts of a suite.
func Scan(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil // somebody else's, and no run of lt
		}
		if !d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel != "." && strings.HasPrefix(d.Name(), ".") || strings.Count(filepath.ToSlash(rel), "/") >= maxScanDepth {
			return fs.SkipDir
		}
		if !isRun(path) {
			return nil
		}
		if !setAside(path) {
			out = append(out, path)
		}
		if rel == "." {
			return nil
		}
		return fs.SkipDir
	})
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: dir, Err: fs.ErrInvalid}
	}
	slices.Sort(out)
	return out, nil
}
