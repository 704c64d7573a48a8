package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

// A value is what stands in ${...}.
type value struct {
	kind   valueKind
	source string
	name   string // of the variable, the environment's variable, the kind of fake data, the form of now
	at     position

	fallback *choice  // of an environment variable
	choices  []choice // of pick
	lo, hi   int64    // of int
	from, to float64  // of float
}

type valueKind uint8

const (
	valueVariable valueKind = iota
	valueEnv
	valueFake
	valueUUID
	valueNow
	valueCounter
	valueUser
	valuePick
	valueInt
	valueFloat
)

// A choice is a constant: as text, and as JSON.
type choice struct{ text, json string }

// The words that have a meaning of their own in ${...} or in checks, so that no
// variable may be called so.
var reserved = []string{
	"env", "fake", "feed", "uuid", "now", "counter", "user", "pick", "int", "float",
	"hmac", "sha256", "base64", "jwt", "status", "body", "header", "true", "false", "nil", "null",
	"not", "and", "or", "in", "matches", "contains", "startsWith", "endsWith", "let", "if", "else",
}

// Values are written as expressions, which the one expression language of lt
// parses; its built-in functions would hide lt's own of the same name.
var valueSyntax = func() *conf.Config {
	c := conf.CreateNew()
	for _, f := range builtin.Builtins {
		c.Disabled[f.Name] = true
	}
	c.MaxNodes = 200
	return c
}()

const valueWords = "a saved variable, env.NAME, fake.KIND, uuid, now, counter, user, pick(...), int(LOW, HIGH) or float(LOW, HIGH)"

// parseValue reads what stands inside ${...}. A problem completes the sentence
// "`${...}` ...".
func parseValue(source string, at position) (v *value, problem string) {
	if strings.TrimSpace(source) == "" {
		return nil, "is empty: name " + valueWords
	}
	if len(source) > 4096 {
		return nil, "is too long"
	}
	tree, err := parser.ParseWithConfig(source, valueSyntax)
	if err != nil {
		return nil, "is no value: " + exprProblem(err)
	}
	v = &value{source: source, at: at}
	node := tree.Node
	if b, ok := node.(*ast.BinaryNode); ok && b.Operator == "??" {
		c, ok := constantOf(b.Right)
		if !ok {
			return nil, "takes text or a number after ??"
		}
		v.fallback, node = &c, b.Left
	}
	switch n := node.(type) {
	case *ast.IdentifierNode:
		problem = v.word(n.Value)
	case *ast.MemberNode:
		problem = v.member(n)
	case *ast.CallNode:
		problem = v.call(n)
	default:
		problem = "is no value; it can be " + valueWords
	}
	if problem == "" && v.fallback != nil && v.kind != valueEnv {
		problem = "takes ?? only after env.NAME"
	}
	if problem != "" {
		return nil, problem
	}
	return v, ""
}

// exprProblem is an error of the expression language on one line.
func exprProblem(err error) string {
	if e := (*file.Error)(nil); errors.As(err, &e) {
		switch message := shorten(e.Message, 120); message {
		case "unexpected token EOF":
			return "it ends too early"
		case `unexpected token Operator("=")`:
			return "unexpected =; == compares"
		default:
			return message
		}
	}
	return shorten(err.Error(), 120)
}

// word is a value of one word.
func (v *value) word(name string) string {
	switch name {
	case "uuid":
		v.kind = valueUUID
	case "now":
		v.kind = valueNow
	case "counter":
		v.kind = valueCounter
	case "user":
		v.kind = valueUser
	case "pick", "int", "float":
		return "needs arguments, as in " + functionForms[name]
	case "env", "fake":
		return "needs a name, as in ${" + name + ".NAME}"
	default:
		v.kind, v.name = valueVariable, name
	}
	return ""
}

// member is a value with a dot.
func (v *value) member(n *ast.MemberNode) string {
	of, ok1 := n.Node.(*ast.IdentifierNode)
	name, ok2 := n.Property.(*ast.StringNode)
	if !ok1 || !ok2 || n.Optional {
		return "is no value; it can be " + valueWords
	}
	v.name = name.Value
	switch of.Value {
	case "env":
		v.kind = valueEnv
	case "fake":
		v.kind = valueFake
		if _, ok := fakes[v.name]; !ok {
			return "is no kind of fake data" + suggestion(v.name, "fake", fakeKinds())
		}
	case "now":
		v.kind = valueNow
		if !slices.Contains(nowForms, v.name) {
			return "is no form of now" + suggestion(v.name, "now", nowForms)
		}
	default:
		return "takes a part of a variable; save that part instead, as in `save: {" + v.name + ": $." + of.Value + "." + v.name + "}`"
	}
	return ""
}

var nowForms = []string{"unix", "unix_ms"}

var functionForms = map[string]string{
	"pick":  `${pick("a", "b")}`,
	"int":   "${int(1, 10)}",
	"float": "${float(0, 1)}",
}

// call is a value with arguments.
func (v *value) call(n *ast.CallNode) string {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return "is no value; it can be " + valueWords
	}
	form, ok := functionForms[callee.Value]
	if !ok {
		if slices.Contains([]string{"uuid", "now", "counter", "user"}, callee.Value) {
			return "takes no arguments: write ${" + callee.Value + "}"
		}
		return "calls an unknown function `" + callee.Value + "`" + suggestion(callee.Value, "lt", slices.Sorted(maps.Keys(functionForms)))
	}
	args := make([]choice, len(n.Arguments))
	for i, a := range n.Arguments {
		if args[i], ok = constantOf(a); !ok {
			return "takes text and numbers only, as in " + form
		}
	}
	switch callee.Value {
	case "pick":
		if len(args) == 0 {
			return "picks from nothing: write " + form
		}
		v.kind, v.choices = valuePick, args
	case "int":
		v.kind = valueInt
		if len(args) != 2 {
			return "takes the lowest and the highest number, as in " + form
		}
		var err1, err2 error
		v.lo, err1 = strconv.ParseInt(args[0].json, 10, 64)
		v.hi, err2 = strconv.ParseInt(args[1].json, 10, 64)
		if err1 != nil || err2 != nil {
			return "takes whole numbers, as in " + form
		}
		if v.lo > v.hi {
			return "ends before it starts"
		}
	case "float":
		v.kind = valueFloat
		if len(args) != 2 {
			return "takes the lowest and the highest number, as in " + form
		}
		var err1, err2 error
		v.from, err1 = strconv.ParseFloat(args[0].json, 64)
		v.to, err2 = strconv.ParseFloat(args[1].json, 64)
		if err1 != nil || err2 != nil {
			return "takes numbers, as in " + form
		}
		if v.from > v.to {
			return "ends before it starts"
		}
	}
	return ""
}

// constantOf is the constant that an expression's node is.
func constantOf(n ast.Node) (choice, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return choice{n.Value, string(appendJSONString(nil, n.Value))}, true
	case *ast.IntegerNode:
		s := strconv.Itoa(n.Value)
		return choice{s, s}, true
	case *ast.FloatNode:
		s := strconv.FormatFloat(n.Value, 'g', -1, 64)
		return choice{s, s}, true
	case *ast.BoolNode:
		s := strconv.FormatBool(n.Value)
		return choice{s, s}, true
	case *ast.UnaryNode:
		c, ok := constantOf(n.Node)
		if _, text := n.Node.(*ast.StringNode); n.Operator == "-" && ok && !text {
			return choice{"-" + c.text, "-" + c.json}, true
		}
	}
	return choice{}, false
}

// placeholder is how the value stands in an endpoint's path: {id}.
func (v *value) placeholder() string {
	switch v.kind {
	case valueVariable, valueEnv, valueFake:
		return "{" + v.name + "}"
	}
	word, _, _ := strings.Cut(v.source, "(")
	return fmt.Sprintf("{%s}", strings.TrimSpace(word))
}
