package scenarios

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/text"
)

// A file of this folder is a built-in scenario or workload: its name is that of
// the file. Nothing else registers it.
//
//go:embed builtin/*.yaml
var builtins embed.FS

// The kinds of built-in files.
const (
	KindScenario = "scenario" // has a load: `lt run NAME`
	KindWorkload = "workload" // says only what users do: `--workload NAME`
)

// Info is what a list of scenarios shows.
type Info struct {
	Name        string
	Kind        string
	Description string
}

// Builtin is the built-in scenarios from light to heavy, then the workloads.
func Builtin() []Info {
	var workloads, infos []Info
	for _, name := range builtinNames() {
		s, err := loadBuiltin(name)
		if err != nil {
			panic(err) // a test loads them all
		}
		if s.Load.isZero() {
			workloads = append(workloads, Info{name, KindWorkload, s.Description})
		} else {
			infos = append(infos, Info{name, KindScenario, s.Description})
		}
	}
	return append(infos, workloads...)
}

// builtinOrder is the order of scenarios in lists; others follow by name.
var builtinOrder = []string{"light", "normal", "peak", "endurance", "spike", "step", "ci"}

func builtinNames() []string {
	names := slices.Clone(builtinOrder)
	entries, _ := fs.ReadDir(builtins, "builtin") // embedded: cannot fail
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".yaml")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Source is the YAML of a built-in scenario or workload.
func Source(name string) ([]byte, bool) {
	data, err := builtins.ReadFile(path.Join("builtin", name+".yaml"))
	return data, err == nil
}

// Resolved is the text of a scenario, with that of the workload that it names
// after it: all that decides what it does.
func Resolved(ref string) ([]byte, error) {
	s, err := Load(ref)
	if err != nil {
		return nil, err
	}
	read := func(ref string) ([]byte, error) {
		if slices.Contains(builtinNames(), ref) {
			data, _ := Source(ref)
			return data, nil
		}
		return readFile(ref)
	}
	text, err := read(ref)
	if err != nil || s.Workload == "" {
		return text, err
	}
	from := s.Workload
	if !slices.Contains(builtinNames(), from) {
		from = filepath.Join(filepath.Dir(ref), from)
	}
	workload, err := read(from)
	if err != nil {
		return nil, err
	}
	text = append(text, fmt.Sprintf("\n# workload: %s\n", s.Workload)...)
	for line := range strings.Lines(string(workload)) {
		text = append(text, "#   "+line...)
	}
	return text, nil
}

// Load reads a scenario, with the workload that it names: a built-in by its
// name, anything else as a file. The error is an [*UnknownError] for a name that
// is neither, [Mistakes] for a file with mistakes.
func Load(ref string) (*Scenario, error) {
	if slices.Contains(builtinNames(), ref) {
		return loadBuiltin(ref)
	}
	data, err := readFile(ref)
	if errors.Is(err, fs.ErrNotExist) && isBareName(ref) {
		return nil, unknown(ref)
	}
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	s, err := Parse(ref, data)
	if err != nil {
		return nil, err
	}
	if err := s.attach(filepath.Dir(ref)); err != nil {
		return nil, err
	}
	if err := s.resolve(filepath.Dir(ref)); err != nil {
		return nil, err
	}
	return s, nil
}

func loadBuiltin(name string) (*Scenario, error) {
	data, ok := Source(name)
	if !ok {
		return nil, unknown(name)
	}
	s, err := Parse(name+".yaml", data)
	if err != nil {
		return nil, err
	}
	return s, s.resolve("")
}

// readFile reads a file of at most the size that a scenario may have, and one
// byte more, which Parse refuses.
func readFile(name string) ([]byte, error) {
	// Opening a FIFO would wait for somebody to write to it.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s: a scenario is a regular file", name, kindOfFile(info.Mode()))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// resolve reads the workload that the scenario names: a built-in, or a file of
// the folder dir or below it.
func (s *Scenario) resolve(dir string) error {
	if s.Workload == "" {
		return nil
	}
	ref := s.Workload
	if !slices.Contains(builtinNames(), ref) {
		if dir == "" || !filepath.IsLocal(ref) {
			return Mistakes{s.workloadAt.mistake("the workload `%s` is no built-in and no file in the scenario's folder%s",
				shorten(ref, 60), didYouMean(ref, namesOf(KindWorkload)))}
		}
		if isBareName(ref) && !exists(filepath.Join(dir, ref)) {
			return Mistakes{s.workloadAt.mistake("there is no workload `%s`%s", ref, suggestion(ref, "lt", namesOf(KindWorkload)))}
		}
		if problem := s.checkBelow(dir, ref); problem != "" {
			return Mistakes{s.workloadAt.mistake("the workload `%s` %s", shorten(ref, 60), problem)}
		}
		ref = filepath.Join(dir, ref)
	}
	name := s.Workload
	if err := s.SetWorkload(ref); err != nil {
		return err
	}
	s.Workload = name
	return nil
}

// checkBelow says why a file cannot be read from the folder dir, out of which no
// link leads.
func (s *Scenario) checkBelow(dir, name string) (problem string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	defer root.Close()
	_, problem = readBelow(root, name, maxFile+1)
	return problem
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// SetWorkload replaces what the scenario's users do by what those of another
// scenario or workload do: personas with their headers, and credentials where
// this one says nothing of them. That one's load is ignored.
func (s *Scenario) SetWorkload(ref string) error {
	var w *Scenario
	var err error
	if slices.Contains(builtinNames(), ref) {
		data, _ := Source(ref)
		w, err = Parse(ref+".yaml", data)
	} else if data, fileErr := readFile(ref); fileErr == nil {
		w, err = Parse(ref, data)
	} else {
		w, err = Load(ref) // says what is wrong with it
	}
	if err != nil {
		return err
	}
	if w.Workload != "" && !slices.Contains(builtinNames(), ref) {
		return fmt.Errorf("%s takes its users from another workload (%s): name that one", ref, shorten(w.Workload, 60))
	}
	if len(w.Personas) == 0 {
		return fmt.Errorf("%s has no personas: it cannot be a workload; there is %s", ref, strings.Join(namesOf(KindWorkload), ", "))
	}
	s.Personas, s.Workload = w.Personas, ref
	s.Cookies, s.Compressed, s.Redirect = w.Cookies, w.Compressed, w.Redirect
	if len(s.feeds) == 0 {
		s.feeds = w.feeds
	}
	if len(s.Setup)+len(s.Teardown) == 0 {
		s.Setup, s.Teardown = w.Setup, w.Teardown
	}
	if s.Auth == nil {
		s.Auth = w.Auth
	}
	if s.Headers == nil {
		s.Headers = w.Headers
	}
	if ms := s.lintScopes(); len(ms) > 0 {
		return ms.ordered()
	}
	return nil
}

func (l *LoadSpec) isZero() bool {
	return l.Users == 0 && l.Rate == 0 && l.Duration == 0 && len(l.Stages) == 0
}

// namesOf is the names of one kind of built-in.
func namesOf(kind string) (names []string) {
	for _, name := range builtinNames() {
		data, _ := Source(name)
		if s, err := Parse(name, data); err == nil && s.Load.isZero() == (kind == KindWorkload) {
			names = append(names, name)
		}
	}
	return names
}

// An UnknownError is a name that no built-in scenario or workload has.
type UnknownError struct {
	Name    string
	Nearest string   // empty: none is near
	Names   []string // all there are
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("unknown scenario `%s`%s there is %s, or a YAML file", shorten(e.Name, 60), cmp.Or(didYouMean(e.Name, e.Names), ";"), strings.Join(e.Names, ", "))
}

func unknown(name string) error {
	names := builtinNames()
	return &UnknownError{name, text.Nearest(name, names), names}
}

// isBareName reports whether ref looks like the name of a scenario rather than a
// file.
func isBareName(ref string) bool {
	return !strings.ContainsAny(ref, `/\`) && path.Ext(ref) == ""
}

// baseName is a file's name without folder and ending, as a scenario's name.
func baseName(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	return text.Slug(name, "scenario")
}
