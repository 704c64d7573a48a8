package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-42693903/lt/scenarios"
)

// A textFlag takes any text on the command line, so that every mistake in a
// command can be reported at once, by a settings that reads the texts.
type textFlag struct {
	kind   string // shown in the help: duration, int, ...
	values []string
	repeat bool
}

func (f *textFlag) String() string { return strings.Join(f.values, ", ") }
func (f *textFlag) Type() string   { return f.kind }

func (f *textFlag) Set(s string) error {
	if !f.repeat {
		f.values = nil
	}
	f.values = append(f.values, s)
	return nil
}

// settings are the flags of a command, each of which an LT_* variable of the
// environment may set as well. Reading one notes its mistakes.
type settings struct {
	flags    *pflag.FlagSet
	env      *environ
	mistakes []error
	typed    map[string]bool // on the command line
	suite    bool            // what is read is a suite's scenario
	key      string          // once it has been read
}

// text adds a flag that takes a value, text list one that may be repeated.
func (s *settings) text(name, short, kind, usage string) {
	s.flags.VarP(&textFlag{kind: kind}, name, short, usage)
}

func (s *settings) list(name, short, kind, usage string) {
	s.flags.VarP(&textFlag{kind: kind, repeat: true}, name, short, usage)
}

// fromEnv sets every flag that the command line did not from its variable:
// --spawn-rate from LT_SPAWN_RATE. Empty variables count as not set.
func (s *settings) fromEnv(except ...string) {
	s.mistakes = append(s.mistakes, s.env.unknownFlags...)
	first := s.typed == nil // what it set itself is not typed when it is called again
	if first {
		s.typed = map[string]bool{}
	}
	s.flags.VisitAll(func(f *pflag.Flag) {
		if first {
			s.typed[f.Name] = f.Changed
		}
		variable := "LT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if !f.Changed && f.Name != "help" && !slices.Contains(except, f.Name) {
			if v := s.env.Getenv(variable); v != "" {
				if err := s.flags.Set(f.Name, v); err != nil {
					s.mistake("%s=%q: want true or false", variable, v)
				}
			}
		}
	})
}

func (s *settings) mistake(format string, args ...any) {
	s.mistakes = append(s.mistakes, usageErrorf(format, args...))
}

func (s *settings) flag(name string) *textFlag {
	f := s.flags.Lookup(name)
	if f == nil {
		panic("no flag " + name)
	}
	return f.Value.(*textFlag)
}

// given reports whether the command line or the environment set the flag.
func (s *settings) given(name string) bool { return s.flags.Changed(name) }

// origin names what set the flag: --users, LT_USERS.
func (s *settings) origin(name string) string {
	if !s.typed[name] && s.given(name) {
		return "LT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	}
	return "--" + name
}

// exclude says that the flags a and b do not go together. Where one comes from
// the command line and the other from the environment, the first wins; clash is
// true where neither does.
func (s *settings) exclude(a, b string) (clash bool) {
	if !s.given(a) || !s.given(b) {
		return false
	}
	switch {
	case s.typed[a] && !s.typed[b]:
		s.drop(b)
	case s.typed[b] && !s.typed[a]:
		s.drop(a)
	default:
		return true
	}
	return false
}

// drop takes back what the environment set.
func (s *settings) drop(name string) {
	f := s.flags.Lookup(name)
	f.Changed = false
	if t, ok := f.Value.(*textFlag); ok {
		t.values = nil
	} else {
		_ = f.Value.Set(f.DefValue)
	}
}

// str is the flag's text, or "".
func (s *settings) str(name string) string {
	f := s.flag(name)
	if len(f.values) == 0 {
		return ""
	}
	return f.values[len(f.values)-1]
}

func (s *settings) boolean(name string) bool {
	b, err := s.flags.GetBool(name)
	return err == nil && b
}

// duration is a Go duration that is not negative; a bare number is a mistake
// that is told what to write.
func (s *settings) duration(name string, def time.Duration) time.Duration {
	v := s.str(name)
	if v == "" {
		return def
	}
	d, err := time.ParseDuration(v)
	switch {
	case err != nil && isNumber(v):
		s.mistake("%s %s: want a duration with its unit, such as %ss or %sm", s.origin(name), v, v, v)
	case err != nil:
		s.mistake("%s %q: want a duration such as 30s, 5m or 1h30m", s.origin(name), v)
	case d < 0:
		s.mistake("%s %s: a duration cannot be negative", s.origin(name), v)
	default:
		return d
	}
	return def
}

// count is a whole number of at least 1.
func (s *settings) count(name string, def int) int {
	v := s.str(name)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 10_000_000 {
		s.mistake("%s %q: want a whole number from 1 to 10,000,000", s.origin(name), v)
		return def
	}
	return n
}

// rate is a positive number per second: 200, 200/s, 6000/m.
func (s *settings) rate(name string, def float64) float64 {
	v := s.str(name)
	if v == "" {
		return def
	}
	r, err := scenarios.ParseRate(v)
	if err != nil {
		s.mistake("%s: %w", s.origin(name), err)
		return def
	}
	return r
}

// seed is a whole number, or def.
func (s *settings) seed(name string, def uint64) uint64 {
	v := s.str(name)
	if v == "" {
		return def
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		s.mistake("%s %q: want a whole number of at least 0", s.origin(name), v)
		return def
	}
	return n
}

// stages reads 30s:20 texts.
func (s *settings) stages(name string) []scenarios.Stage {
	var out []scenarios.Stage
	f := s.flag(name)
	for _, v := range f.values {
		st, err := scenarios.ParseStage(v)
		if err != nil {
			s.mistake("%s: %w", s.origin(name), err)
			continue
		}
		out = append(out, st)
	}
	return out
}

// pairs reads KEY=VALUE texts.
func (s *settings) pairs(name string) map[string]string {
	f := s.flag(name)
	out := map[string]string{}
	for _, v := range f.values {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			s.mistake("%s %q: want NAME=VALUE such as commit=4f2a91c", s.origin(name), v)
			continue
		}
		out[key] = value
	}
	return out
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// newSettings is the settings of cmd.
func newSettings(cmd *cobra.Command, env *environ) *settings {
	cmd.Flags().SortFlags = false
	cmd.Annotations = map[string]string{readsAll: "true"}
	return &settings{flags: cmd.Flags(), env: env}
}

// A givenFlag is a flag that was set, with its texts.
type givenFlag struct {
	name    string
	values  []string
	boolean bool
}

// all are the flags that were set, in the order in which they are declared.
func (s *settings) all() []givenFlag {
	var out []givenFlag
	s.flags.VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			return
		}
		if t, ok := f.Value.(*textFlag); ok {
			out = append(out, givenFlag{name: f.Name, values: t.values})
		} else if f.Value.String() == "true" {
			out = append(out, givenFlag{name: f.Name, values: []string{"true"}, boolean: true})
		}
	})
	return out
}
