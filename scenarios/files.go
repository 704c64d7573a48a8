package scenarios

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v4"
)

const (
	maxAttached = 16 << 20 // bytes of a file that a request sends
	maxFeed     = 64 << 20 // bytes of a feed
)

// A fileRef is a file that a scenario names. It lies in the scenario's folder or
// below it.
type fileRef struct {
	name string
	at   position
	data []byte
	read bool
}

// attachment reads the name of a file.
func (d *decoder) attachment(n *yaml.Node) *fileRef {
	name := d.line(n, "a file")
	if name == "" {
		return nil
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		d.add(n, "`%s` lies outside of the scenario's folder: files are read from there and below only", shorten(name, 60))
		return nil
	}
	return &fileRef{name: name, at: d.at(n)}
}

// fileRefs are the files that the scenario names, its feeds apart.
func (s *Scenario) fileRefs() (refs []*fileRef) {
	for step := range s.allSteps() {
		if step.bodyFile != nil {
			refs = append(refs, step.bodyFile)
		}
		for i := range step.multipart {
			if f := step.multipart[i].file; f != nil {
				refs = append(refs, f)
			}
		}
	}
	return refs
}

// attach reads the files and feeds that the scenario names from the folder dir;
// an empty one is that of a built-in, which has none.
func (s *Scenario) attach(dir string) error {
	refs := s.fileRefs()
	if len(refs) == 0 && len(s.feeds) == 0 {
		return nil
	}
	if dir == "" {
		return errors.New("a built-in scenario names files")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the scenario's folder: %w", err)
	}
	defer root.Close()
	var ms Mistakes
	seen := map[string][]byte{}
	for _, ref := range refs {
		data, ok := seen[ref.name]
		if !ok {
			var problem string
			if data, problem = readBelow(root, ref.name, maxAttached); problem != "" {
				ms = append(ms, ref.at.mistake("the file `%s` %s", shorten(ref.name, 60), problem))
				continue
			}
			seen[ref.name] = data
		}
		ref.data, ref.read = data, true
	}
	for _, f := range s.feeds {
		if f.file == nil {
			continue
		}
		data, problem := readBelow(root, f.file.name, maxFeed)
		if problem != "" {
			ms = append(ms, f.file.at.mistake("the file `%s` %s", shorten(f.file.name, 60), problem))
			continue
		}
		if wrong := f.parse(data); len(wrong) > 0 {
			ms = append(ms, wrong...)
			f.columns = nil
		}
	}
	if ms = append(ms, s.lintColumns()...); len(ms) > 0 {
		return ms.ordered()
	}
	return nil
}

// readBelow reads a file of a folder; no link leads out of it. A problem says
// why it cannot.
func readBelow(root *os.Root, name string, limit int64) (data []byte, problem string) {
	info, err := root.Stat(filepath.FromSlash(name))
	if err == nil && !info.Mode().IsRegular() { // opening a FIFO would wait for a writer
		return nil, "is " + kindOfFile(info.Mode()) + ", not a regular file"
	}
	f, err := root.Open(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "is not in the scenario's folder" + didYouMean(name, namesIn(root))
	case errors.Is(err, fs.ErrPermission):
		return nil, "may not be read: permission denied"
	case err != nil:
		return nil, "cannot be opened: links may not lead out of the scenario's folder"
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, "cannot be read"
	case int64(len(data)) > limit:
		return nil, fmt.Sprintf("is larger than %d MiB", limit>>20)
	}
	return data, ""
}

// kindOfFile names what is no regular file.
func kindOfFile(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// namesIn is the files of a folder, for hints.
func namesIn(root *os.Root) (names []string) {
	entries, _ := fs.ReadDir(root.FS(), ".")
	for _, e := range entries[:min(len(entries), 200)] {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}
