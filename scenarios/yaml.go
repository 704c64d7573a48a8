package scenarios

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

const (
	maxFile  = 1 << 20 // bytes of a scenario file
	maxNodes = 100_000 // YAML nodes, each alias counted with all that it stands for
	maxDepth = 64      // of nested values
)

// A decoder reads YAML nodes strictly and collects every mistake that it meets;
// a method that met one returns the zero value.
type decoder struct {
	file     string
	mistakes Mistakes
	nodes    int  // read so far
	lost     bool // a text could not be read: what it uses is not known
}

func (d *decoder) at(n *yaml.Node) position { return position{d.file, n.Line, n.Column} }

func (d *decoder) add(n *yaml.Node, format string, args ...any) {
	d.mistakes = append(d.mistakes, d.at(n).mistake(format, args...))
}

// document is the root of the one document in data; nil after a mistake.
func (d *decoder) document(data []byte) *yaml.Node {
	whole := position{file: d.file}
	if len(data) > maxFile {
		d.mistakes = append(d.mistakes, whole.mistake("the file has %d bytes; a scenario has at most %d", len(data), maxFile))
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		d.mistakes = append(d.mistakes, whole.mistake("%v", err))
		return nil
	}
	var docs [2]yaml.Node
	for i := range docs {
		if err = loader.Load(&docs[i]); err != nil {
			break
		}
	}
	var syntax *yaml.LoadError
	switch {
	case errors.As(err, &syntax):
		p := position{d.file, syntax.Mark.Line, syntax.Mark.Column}
		d.mistakes = append(d.mistakes, p.mistake("not YAML: %s%s", syntax.Message, yamlHint(syntax.Message)))
		return nil
	case err != nil && err != io.EOF:
		d.mistakes = append(d.mistakes, whole.mistake("not YAML: %v", err))
		return nil
	case err == nil:
		d.add(docs[1].Content[0], "a second document starts here; a scenario is one document")
		return nil
	case len(docs[0].Content) == 0 || docs[0].Content[0].ShortTag() == "!!null":
		d.mistakes = append(d.mistakes, whole.mistake("the file is empty; `lt scenarios new` writes one to start from"))
		return nil
	}
	return docs[0].Content[0]
}

// yamlHint is what usually lies behind a syntax error that YAML words badly.
func yamlHint(message string) string {
	switch {
	case strings.Contains(message, "cannot start any token"):
		return "; indent with spaces, not tabs, and quote values that start with @, ` or %"
	case strings.Contains(message, "did not find expected ',' or"):
		return "; inside { } and [ ] quote values that hold ${...}, commas or brackets"
	case strings.Contains(message, "mapping values are not allowed"):
		return "; quote values that hold a colon and a space"
	}
	return ""
}

// deref is n, or what the alias n stands for; nil once the file has been found
// to unfold into too many nodes.
func (d *decoder) deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.add(n, "the aliases of the file unfold into more than %d values", maxNodes)
		}
		return nil
	}
	return n
}

// An entry is a key of a mapping with its value.
type entry struct {
	name       string
	key, value *yaml.Node
}

// mapping is the entries of n, what being the thing that n should be: "a
// persona". With known names given, other keys are mistakes and left out.
func (d *decoder) mapping(n *yaml.Node, what string, known []string) []entry {
	if n = d.deref(n); n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.add(n, "%s is written as keys and values, not as %s", what, kindOf(n))
		return nil
	}
	entries := make([]entry, 0, len(n.Content)/2)
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := d.deref(n.Content[i]), n.Content[i+1]
		switch {
		case k == nil:
			return entries
		case k.Kind != yaml.ScalarNode:
			d.add(k, "a key is a plain word, not %s", kindOf(k))
			continue
		case k.ShortTag() == "!!merge":
			d.add(k, "merge keys (<<) are not part of the language; write the keys out, or use an alias for the whole value")
			continue
		}
		if line, ok := seen[k.Value]; ok {
			d.add(k, "key `%s` stands here a second time; the first is in line %d", k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		if known != nil && !slices.Contains(known, k.Value) {
			d.add(k, "unknown key `%s`%s", k.Value, suggestion(k.Value, what, known))
			continue
		}
		entries = append(entries, entry{k.Value, k, v})
	}
	return entries
}

// suggestion is the nearest known key, or all of them.
func suggestion(got, what string, known []string) string {
	if near := didYouMean(got, known); near != "" {
		return near
	}
	return "; " + what + " has " + strings.Join(known, ", ")
}

// list is the items of n.
func (d *decoder) list(n *yaml.Node, what string) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) {
		n := d.deref(n)
		if n == nil {
			return
		}
		if n.Kind != yaml.SequenceNode {
			d.add(n, "%s is a list, not %s", what, kindOf(n))
			return
		}
		for _, item := range n.Content {
			if !yield(item) {
				return
			}
		}
	}
}

// kindOf names what a node is, for mistakes.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.ShortTag() == "!!null" {
		return "nothing"
	}
	return "`" + shorten(n.Value, 40) + "`"
}

// shorten is s, cut after n bytes or so, on one line.
func shorten(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// scalar is n when it is one value, not a list or keys and values.
func (d *decoder) scalar(n *yaml.Node, what string) (*yaml.Node, bool) {
	if n = d.deref(n); n == nil {
		return nil, false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.add(n, "%s is one value, not %s", what, kindOf(n))
		return nil, false
	}
	return n, true
}

// text is any scalar as it is written.
func (d *decoder) text(n *yaml.Node, what string) string {
	if n, ok := d.scalar(n, what); ok {
		return n.Value
	}
	return ""
}

// line is a text of one line.
func (d *decoder) line(n *yaml.Node, what string) string {
	s := d.text(n, what)
	if strings.ContainsAny(strings.TrimSpace(s), "\r\n") {
		d.add(n, "%s is one line", what)
	}
	return strings.TrimSpace(s)
}

// integer is a whole number from lo to hi.
func (d *decoder) integer(n *yaml.Node, what string, lo, hi int) int {
	n, ok := d.scalar(n, what)
	if !ok {
		return 0
	}
	i, err := strconv.Atoi(strings.ReplaceAll(n.Value, "_", ""))
	if err != nil || i < lo || i > hi {
		d.add(n, "%s is a whole number from %d to %d, not `%s`", what, lo, hi, shorten(n.Value, 40))
		return 0
	}
	return i
}

// boolean is true or false.
func (d *decoder) boolean(n *yaml.Node, what string) bool {
	n, ok := d.scalar(n, what)
	if ok && n.ShortTag() != "!!bool" {
		d.add(n, "%s is true or false, not `%s`", what, shorten(n.Value, 40))
	}
	return ok && n.ShortTag() == "!!bool" && strings.EqualFold(n.Value, "true")
}

// rate is a number per second, over 0.
func (d *decoder) rate(n *yaml.Node, what string) float64 {
	n, ok := d.scalar(n, what)
	if !ok {
		return 0
	}
	f, err := ParseRate(n.Value)
	if err != nil {
		d.add(n, "%s %v", what, err)
	}
	return f
}

// duration is a time such as 90s or 1m30s, at least lo.
func (d *decoder) duration(n *yaml.Node, what string, lo time.Duration) time.Duration {
	n, ok := d.scalar(n, what)
	if !ok {
		return 0
	}
	v, problem := parseDuration(n.Value)
	if problem == "" && v < lo {
		problem = "is too short: at least " + lo.String()
		if lo == 1 {
			problem = "is no time at all"
		}
	}
	if problem != "" {
		d.add(n, "%s `%s` %s", what, shorten(n.Value, 40), problem)
		return 0
	}
	return v
}

// span is one duration, or two as in 1s-3s.
func (d *decoder) span(n *yaml.Node, what string) Range {
	n, ok := d.scalar(n, what)
	if !ok {
		return Range{}
	}
	low, high, both := strings.Cut(n.Value, "-")
	if !both {
		high = low
	}
	a, problem := parseDuration(strings.TrimSpace(low))
	b, problem2 := parseDuration(strings.TrimSpace(high))
	if bareNumber.MatchString(strings.TrimSpace(low)) && both && problem2 == "" {
		problem = "has no unit before the dash: write " + strings.TrimSpace(low) + "s-" + strings.TrimSpace(high)
	}
	if problem == "" {
		problem = problem2
	}
	if problem == "" && a > b {
		problem = "ends before it starts"
	}
	if problem != "" {
		d.add(n, "%s `%s` %s", what, shorten(n.Value, 40), problem)
		return Range{}
	}
	return Range{a, b}
}

// A bare number has no unit; Go's own message does not say what to write.
var bareNumber = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

const maxDuration = 31 * 24 * time.Hour

func parseDuration(s string) (v time.Duration, problem string) {
	if bareNumber.MatchString(s) && s != "0" {
		return 0, "has no unit: write " + s + "s or " + s + "m"
	}
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, "is no time: write 500ms, 90s, 1m30s or 2h, and a range as 1s-3s"
	case v < 0:
		return 0, "is negative"
	case v > maxDuration:
		return 0, "is over 31 days"
	}
	return v, ""
}
