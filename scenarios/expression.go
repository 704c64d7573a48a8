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
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/seed-42693903/lt/internal/client"
)

// An expression is what stands in check, when, until and, where it is more than
// one plain value, in ${...}. In it any name is a variable; env.NAME, uuid and the
// other plain values mean what they mean in ${...}; and where there is an answer,
// $... is a part of its body, status its status, body its text and header("ETag") a
// header.
type expression struct {
	source    string
	code      string          // source as the expression language reads it
	paths     []extractor     // the answer's part is __0, __1, ...
	values    []*value        // the plain value is __v0, __v1, ...
	variables []string        // used, sorted
	uses      map[string]bool // of status, body, header
	program   *vm.Program     // compiled once
}

// A use is what an expression is for, which decides what it may look at.
type use uint8

const (
	useCheck use = iota // on an answer; true or false
	useWhen             // before a request; true or false
	useValue            // inside ${...}
)

var (
	// A JSONPath inside an expression: names and indexes; size() may follow.
	pathInCheck = regexp.MustCompile(`\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:-?[0-9]+|'[^']*'|"[^"]*"|\*)\])*`)
	sizeInCheck = regexp.MustCompile(`^\.size\(\)`)
	// What an expression names itself stands apart from the names that lt puts in.
	ownInCheck = regexp.MustCompile(`__v?[0-9]+`)
)

// The names under which the language's own functions would hide lt's.
var hidden = append([]string{"uuid", "counter", "user", "env", "fake", "feed", "request"}, slices.Concat(slices.Collect(maps.Keys(functions)), slices.Collect(maps.Keys(functionForms)), []string{"now"})...)

var expressionSyntax = func() *conf.Config {
	c := conf.CreateNew()
	for _, name := range hidden {
		c.Disabled[name] = true
	}
	c.MaxNodes = 500
	return c
}()

// parseExpression compiles an expression. A problem says what is wrong with it.
func parseExpression(source string, purpose use, at position) (x *expression, problem string) {
	x = &expression{source: strings.TrimSpace(source), uses: map[string]bool{}}
	if len(x.source) > 4096 {
		return nil, "is too long"
	}
	if ownInCheck.MatchString(x.source) {
		return nil, "names with two underscores and a number are lt's own"
	}
	if problem = x.translate(); problem != "" {
		return nil, problem
	}
	if purpose != useCheck && len(x.paths) > 0 {
		return nil, "`" + x.paths[0].source + "` is a part of an answer, and there is none yet: save it in the step before"
	}
	tree, err := parser.ParseWithConfig(x.code, expressionSyntax)
	if err != nil {
		if i := strings.Index(x.source, "${"); i >= 0 {
			return nil, "in an expression a variable stands by its name alone, without ${ }"
		}
		return nil, x.back(exprProblem(err))
	}
	found := &plainValues{at: at}
	found.walk(&tree.Node)
	if found.problem != "" {
		return nil, found.problem
	}
	x.values = found.values
	names := identifiers{found: map[string]bool{}, declared: map[string]bool{}}
	ast.Walk(&tree.Node, &names)
	env := types.Map{}
	for name := range names.found {
		_, function := functions[name]
		switch {
		case names.declared[name] || function:
		case (name == "status" || name == "body" || name == "header") && purpose != useCheck:
			return nil, "`" + name + "` is a part of an answer, and there is none yet: save it in the step before"
		case name == "status":
			env[name], x.uses[name] = types.Int, true
		case name == "body":
			env[name], x.uses[name] = types.String, true
		case name == "header":
			env[name], x.uses[name] = types.TypeOf(func(string) string { return "" }), true
		case strings.HasPrefix(name, "__"):
			env[name] = types.Any
		case slices.Contains([]string{"env", "fake", "feed", "request"}, name):
			return nil, "`" + name + "` needs a name, as in " + name + ".NAME"
		case slices.Contains(hidden, name):
			return nil, "`" + name + "` needs arguments, as in " + functionForms[name]
		default:
			env[name] = types.Any
			x.variables = append(x.variables, name)
		}
	}
	slices.Sort(x.variables)
	// The patches number the values as they meet them: in the same order again.
	again := &plainValues{at: at}
	options := []expr.Option{expr.Env(env), expr.MaxNodes(500), expr.Patch(again), expr.Patch(&plainWords{again})}
	for _, name := range hidden {
		if _, ok := builtin.Index[name]; ok {
			options = append(options, expr.DisableBuiltin(name))
		}
	}
	for name, f := range functions {
		if names.found[name] {
			options = append(options, expr.Function(name, f.call))
		}
	}
	if purpose != useValue {
		options = append(options, expr.AsBool())
	}
	x.program, err = expr.Compile(x.code, options...)
	if err != nil {
		if e := (*file.Error)(nil); errors.As(err, &e) {
			return nil, x.back(shorten(e.Message, 120))
		}
		return nil, x.back(strings.Replace(shorten(err.Error(), 120), "expected bool, but got", "it must be true or false, but is", 1))
	}
	return x, ""
}

// translate writes the JSONPaths as names and .size() as a call of len.
func (x *expression) translate() (problem string) {
	var code strings.Builder
	for rest := x.source; rest != ""; {
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
			p, problem := parseJSONPath(path)
			if problem != "" {
				return "`" + path + "` " + problem
			}
			i := slices.IndexFunc(x.paths, func(p extractor) bool { return p.source == path })
			if i < 0 {
				i, x.paths = len(x.paths), append(x.paths, p)
			}
			if i >= len(pathNames) {
				return fmt.Sprintf("has more than %d parts of the answer", len(pathNames))
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
	x.code = code.String()
	return ""
}

// back writes the names that lt put in as what they stand for.
func (x *expression) back(message string) string {
	return ownInCheck.ReplaceAllStringFunc(message, func(name string) string {
		var i int
		if _, err := fmt.Sscanf(name, "__v%d", &i); err == nil && i < len(x.values) {
			return x.values[i].source
		}
		if _, err := fmt.Sscanf(name, "__%d", &i); err == nil && i < len(x.paths) {
			return x.paths[i].source
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

// plainValues puts names in place of the plain values that have members or
// arguments: env.USER, int(1, 10). Those of one word come after, for the word may be
// the beginning of a longer one.
type plainValues struct {
	at      position
	values  []*value
	problem string
}

func (v *plainValues) walk(n *ast.Node) {
	ast.Walk(n, v)
	ast.Walk(n, &plainWords{v})
}

func (v *plainValues) Visit(n *ast.Node) {
	p := &value{at: v.at, source: (*n).String()}
	problem := ""
	switch n := (*n).(type) {
	case *ast.MemberNode:
		root, ok := n.Node.(*ast.IdentifierNode)
		if inner, deep := n.Node.(*ast.MemberNode); deep {
			if root, ok = inner.Node.(*ast.IdentifierNode); ok && root.Value != "feed" {
				return
			}
		} else if ok && root.Value == "feed" {
			return // its column comes further out
		}
		if !ok || !slices.Contains([]string{"env", "fake", "feed", "now", "request"}, root.Value) {
			return
		}
		problem = p.member(n)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok {
			return
		}
		if f, ok := functions[callee.Value]; ok {
			if len(n.Arguments) < f.least || len(n.Arguments) > f.most {
				v.fail("takes other arguments: write " + f.form)
			}
			return
		}
		if _, ok = functionForms[callee.Value]; !ok {
			if slices.Contains([]string{"uuid", "now", "counter", "user"}, callee.Value) {
				v.fail("`" + callee.Value + "` takes no arguments: write " + callee.Value)
			} else if callee.Value != "header" {
				v.fail("calls an unknown function `" + callee.Value + "`" + suggestion(callee.Value, "lt", functionNames()))
			}
			return
		}
		if callee.Value == "repeat" {
			v.fail("repeats an item of a list: write " + functionForms["repeat"] + " as an item of its own")
		}
		problem = p.call(n)
	default:
		return
	}
	if problem != "" {
		v.fail("`" + shorten(p.source, 60) + "` " + problem)
		return
	}
	v.put(n, p)
}

func (v *plainValues) fail(problem string) {
	if v.problem == "" {
		v.problem = problem
	}
}

func (v *plainValues) put(n *ast.Node, p *value) {
	if len(v.values) >= len(valueNames) {
		v.fail(fmt.Sprintf("has more than %d values", len(valueNames)))
		return
	}
	ast.Patch(n, &ast.IdentifierNode{Value: valueNames[len(v.values)]})
	v.values = append(v.values, p)
}

// plainWords does the same for uuid, now, counter and user.
type plainWords struct{ *plainValues }

func (v *plainWords) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok && slices.Contains([]string{"uuid", "now", "counter", "user"}, id.Value) {
		p := &value{at: v.at, source: id.Value}
		p.word(id.Value)
		v.put(n, p)
	}
}

// An evaluator is what evaluating an expression needs: borrowed, so that no user
// that waits holds one.
type evaluator struct {
	vm  vm.VM
	env map[string]any
}

var evaluators = sync.Pool{New: func() any { return &evaluator{env: map[string]any{}} }}

func (e *evaluator) release() {
	clear(e.env)
	evaluators.Put(e)
}

// A boundExpression is an expression with the user's slots and the values that it
// means.
type boundExpression struct {
	*expression
	slots  []int // of the variables
	inputs []segment
}

// evaluate is the expression's value for a user and an answer, which may be nil.
// An error is an expression that has none here, such as a comparison of text with a
// number.
func (u *session) evaluate(b *boundExpression, resp *client.Response) (any, error) {
	e := evaluators.Get().(*evaluator)
	defer e.release()
	env := e.env
	for i := range b.paths {
		env[pathNames[i]] = b.paths[i].value(resp)
	}
	for i := range b.inputs {
		env[valueNames[i]] = u.plain(&b.inputs[i])
	}
	for i, name := range b.variables {
		env[name] = u.slots[b.slots[i]].value()
	}
	for name := range b.uses {
		switch name {
		case "status":
			env[name] = resp.Status
		case "body":
			env[name] = string(resp.Body)
		case "header":
			env[name] = resp.HeaderValue
		}
	}
	v, err := e.vm.Run(b.program, env)
	if err != nil {
		if e := (*file.Error)(nil); errors.As(err, &e) {
			return nil, errors.New(b.back(shorten(e.Message, 120)))
		}
		return nil, err
	}
	return v, nil
}

// holds reports whether the expression is true.
func (u *session) holds(b *boundExpression, resp *client.Response) (bool, error) {
	v, err := u.evaluate(b, resp)
	return v == true, err
}

var pathNames, valueNames = func() (paths, values [64]string) {
	for i := range paths {
		paths[i], values[i] = fmt.Sprintf("__%d", i), fmt.Sprintf("__v%d", i)
	}
	return paths, values
}()
