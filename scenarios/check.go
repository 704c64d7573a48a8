package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v4"

	"github.com/seed-42693903/lt/internal/client"
)

// A check is an expression that must hold for an answer to count as correct:
// `$.lines.size() > 0`. In it $... is a part of the answer's body, status its
// status, body its text, header("ETag") a header, and any other name a variable.
type check struct {
	source    string
	code      string          // source as the expression language reads it
	paths     []extractor     // the answer's part is __0, __1, ...
	variables []string        // used, sorted
	uses      map[string]bool // of status, body, header
	program   *vm.Program     // compiled once
	at        position
}

var (
	// A JSONPath inside an expression: names and indexes; size() may follow.
	pathInCheck = regexp.MustCompile(`\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:-?[0-9]+|'[^']*'|"[^"]*"|\*)\])*`)
	sizeInCheck = regexp.MustCompile(`^\.size\(\)`)
	// What a check names itself stands apart from the names that lt puts in.
	ownInCheck = regexp.MustCompile(`__[0-9]+`)
)

// checks reads one check or a list of them.
func (d *decoder) checks(n *yaml.Node) (l []check) {
	one := func(n *yaml.Node) {
		n, ok := d.scalar(n, "a check")
		if !ok {
			return
		}
		c, problem := parseCheck(n.Value)
		if problem != "" {
			d.lost = true
			d.add(n, "check `%s`: %s", shorten(n.Value, 80), problem)
			return
		}
		c.at = d.at(n)
		l = append(l, c)
	}
	if r := d.deref(n); r != nil && r.Kind == yaml.ScalarNode {
		one(n)
		return l
	}
	for item := range d.list(n, "check") {
		one(item)
	}
	return l
}

// parseCheck compiles a check. A problem says what is wrong with it.
func parseCheck(source string) (c check, problem string) {
	c.source = strings.TrimSpace(source)
	if len(c.source) > 4096 {
		return c, "is too long"
	}
	if ownInCheck.MatchString(c.source) {
		return c, "names with two underscores and a number are lt's own"
	}
	if problem = c.translate(); problem != "" {
		return c, problem
	}
	tree, err := parser.Parse(c.code)
	if err != nil {
		return c, c.back(exprProblem(err))
	}
	names := identifiers{found: map[string]bool{}, declared: map[string]bool{}}
	ast.Walk(&tree.Node, &names)
	env := types.Map{}
	c.uses = map[string]bool{}
	for name := range names.found {
		switch {
		case names.declared[name]:
		case name == "status":
			env[name], c.uses[name] = types.Int, true
		case name == "body":
			env[name], c.uses[name] = types.String, true
		case name == "header":
			env[name], c.uses[name] = types.TypeOf(func(string) string { return "" }), true
		case strings.HasPrefix(name, "__"):
			env[name] = types.Any
		default:
			env[name] = types.Any
			c.variables = append(c.variables, name)
		}
	}
	slices.Sort(c.variables)
	c.program, err = expr.Compile(c.code, expr.Env(env), expr.AsBool(), expr.MaxNodes(500))
	if err != nil {
		if e := (*file.Error)(nil); errors.As(err, &e) {
			return c, c.back(shorten(e.Message, 120))
		}
		return c, c.back(strings.Replace(shorten(err.Error(), 120), "expected bool, but got", "it must be true or false, but is", 1))
	}
	return c, ""
}

// translate writes the check's JSONPaths as names and .size() as a call of len.
func (c *check) translate() (problem string) {
	var code strings.Builder
	for rest := c.source; rest != ""; {
		switch q := rest[0]; q {
		case '"', '\'', '`':
			end := 1
			for end < len(rest) && rest[end] != q {
				if rest[end] == '\\' && q != '`' {
					end++
				}
				end++
			}
			end = min(end+1, len(rest))
			code.WriteString(rest[:end])
			rest = rest[end:]
		case '$':
			path := pathInCheck.FindString(rest)
			rest = rest[len(path):]
			if before, ok := strings.CutSuffix(path, ".size"); ok && strings.HasPrefix(rest, "()") {
				path, rest = before, ".size"+rest
			}
			x, problem := parseJSONPath(path)
			if problem != "" {
				return "`" + path + "` " + problem
			}
			i := slices.IndexFunc(c.paths, func(p extractor) bool { return p.source == path })
			if i < 0 {
				i, c.paths = len(c.paths), append(c.paths, x)
			}
			if sizeInCheck.MatchString(rest) {
				rest = rest[len(".size()"):]
				fmt.Fprintf(&code, "len(__%d ?? [])", i)
			} else {
				fmt.Fprintf(&code, "__%d", i)
			}
		default:
			code.WriteByte(q)
			rest = rest[1:]
		}
	}
	c.code = code.String()
	return ""
}

// back writes the names that lt put in as the JSONPaths that they stand for.
func (c *check) back(message string) string {
	return ownInCheck.ReplaceAllStringFunc(message, func(name string) string {
		var i int
		if _, err := fmt.Sscanf(name, "__%d", &i); err == nil && i < len(c.paths) {
			return c.paths[i].source
		}
		return name
	})
}

// identifiers collects the names that an expression uses and declares.
type identifiers struct{ found, declared map[string]bool }

func (v *identifiers) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.IdentifierNode:
		v.found[n.Value] = true
	case *ast.VariableDeclaratorNode:
		v.declared[n.Name] = true
	}
}

// An answer is what a check may look at.
type answer struct {
	resp     *client.Response
	variable func(name string) any
}

// An evaluator is what evaluating a check needs: borrowed, so that no user that
// waits holds one.
type evaluator struct {
	vm  vm.VM
	env map[string]any
}

var evaluators = sync.Pool{New: func() any { return &evaluator{env: map[string]any{}} }}

func (e *evaluator) release() {
	clear(e.env)
	evaluators.Put(e)
}

// holds evaluates the check. An error is an expression that cannot be evaluated
// for this answer, such as a comparison of text with a number: it did not hold.
func (c *check) holds(a answer) (bool, error) {
	e := evaluators.Get().(*evaluator)
	defer e.release()
	env := e.env
	for i := range c.paths {
		env[pathNames[min(i, len(pathNames)-1)]] = c.paths[i].value(a.resp)
	}
	for _, name := range c.variables {
		env[name] = a.variable(name)
	}
	for name := range c.uses {
		switch name {
		case "status":
			env[name] = a.resp.Status
		case "body":
			env[name] = string(a.resp.Body)
		case "header":
			env[name] = a.resp.HeaderValue
		}
	}
	ok, err := e.vm.Run(c.program, env)
	if err != nil {
		if e := (*file.Error)(nil); errors.As(err, &e) {
			return false, errors.New(c.back(shorten(e.Message, 120)))
		}
		return false, err
	}
	return ok == true, nil
}

// explain says what the check found in the answer, for a failure's message. mask
// masks secrets: it has to come before values are shortened, for half a secret
// would not be found.
func (c *check) explain(a answer, err error, mask func(string) string) string {
	found := map[string]string{}
	show := func(v any) string { return shorten(mask(fmt.Sprintf("%#v", v)), 60) }
	for i := range c.paths {
		found[c.paths[i].source] = show(c.paths[i].value(a.resp))
	}
	for _, name := range c.variables {
		found[name] = show(a.variable(name))
	}
	if c.uses["status"] {
		found["status"] = fmt.Sprint(a.resp.Status)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "check %s does not hold", c.source)
	for i, name := range slices.Sorted(maps.Keys(found)) {
		sep := ": "
		if i > 0 {
			sep = ", "
		}
		fmt.Fprintf(&b, "%s%s is %s", sep, name, strings.Replace(found[name], "<nil>", "missing", 1))
	}
	if err != nil {
		fmt.Fprintf(&b, " (%v)", err)
	}
	return b.String()
}

var pathNames = func() (names [64]string) {
	for i := range names {
		names[i] = fmt.Sprintf("__%d", i)
	}
	return names
}()
