package scenarios

import (
	"errors"
	"fmt"
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
	name   string // of the variable, the environment's variable, the kind of fake data, the form of now, the feed
	column string // of the feed
	at     position

	fallback *choice  // of an environment variable
	choices  []choice // of pick
	lo, hi   int64    // of int and repeat
	from, to float64  // of float
	placed   bool     // of repeat: an item of a list follows
	expr     *expression
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
	valueFeed
	valueRequest // a part of the request that the header belongs to
	valueRepeat
	valueExpression
)

// A choice is a constant: as text, and as JSON.
type choice struct{ text, json string }

// The words that have a meaning of their own in ${...} or in checks, so that no
// variable may be called so.
var reserved = []string{
	"env", "fake", "feed", "uuid", "now", "counter", "user", "pick", "int", "float",
	"hmac", "sha256", "base64", "jwt", "status", "body", "header", "true", "false", "nil", "null",
	"request", "repeat", "hmac", "sha256", "base64", "jwt", "number", "not", "and", "or", "in", "matches", "contains", "startsWith", "endsWith", "let", "if", "else",
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

const valueWords = "a saved variable, env.NAME, fake.KIND, feed.NAME.COLUMN, uuid, now, counter, user, pick(...), int(LOW, HIGH), float(LOW, HIGH) or an expression of these"

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
	if b, ok := node.(*ast.BinaryNode); ok && b.Operator == "??" && isEnv(b.Left) {
		if c, ok := constantOf(b.Right); ok {
			v.fallback, node = &c, b.Left
		}
	}
	switch n := node.(type) {
	case *ast.IdentifierNode:
		problem = v.word(n.Value)
	case *ast.MemberNode:
		if !hasMembers(n) {
			return v.expression()
		}
		problem = v.member(n)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || functionForms[callee.Value] == "" {
			return v.expression()
		}
		problem = v.call(n)
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NilNode:
		return nil, "is always the same: write the text itself, without ${ }"
	default:
		return v.expression()
	}
	if problem != "" {
		return nil, problem
	}
	return v, ""
}

// expression makes v what its source says, when that is no plain value.
func (v *value) expression() (_ *value, problem string) {
	v.kind = valueExpression
	if v.expr, problem = parseExpression(v.source, useValue, v.at); problem != "" {
		return nil, problem
	}
	return v, ""
}

func isEnv(n ast.Node) bool {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return false
	}
	root, ok := m.Node.(*ast.IdentifierNode)
	return ok && root.Value == "env"
}

// hasMembers reports whether n is a member of one of lt's own words.
func hasMembers(n *ast.MemberNode) bool {
	root := n.Node
	if m, ok := root.(*ast.MemberNode); ok {
		root = m.Node
	}
	id, ok := root.(*ast.IdentifierNode)
	return ok && slices.Contains([]string{"env", "fake", "feed", "now", "request"}, id.Value)
}

// walk calls f for v and every value inside it.
func (v *value) walk(f func(*value)) {
	f(v)
	if v.expr == nil {
		return
	}
	v.expr.walk(v.at, f)
}

// walk calls f for every value of the expression, its variables included.
func (x *expression) walk(at position, f func(*value)) {
	for _, in := range x.values {
		f(in)
	}
	for _, name := range x.variables {
		f(&value{kind: valueVariable, name: name, at: at, source: name})
	}
}

// constant reports whether the value is known before the run.
func (v *value) constant() bool {
	known := true
	v.walk(func(v *value) { known = known && (v.kind == valueEnv || v.kind == valueExpression) })
	return known
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
	case "pick", "int", "float", "repeat":
		return "needs arguments, as in " + functionForms[name]
	case "hmac", "sha256", "base64", "jwt":
		return "needs arguments, as in ${" + functions[name].form + "}"
	case "env", "fake", "request":
		return "needs a name, as in ${" + name + ".NAME}"
	case "feed":
		return "needs a feed and a column, as in ${feed.products.sku}"
	default:
		v.kind, v.name = valueVariable, name
	}
	return ""
}

// member is a value with a dot.
func (v *value) member(n *ast.MemberNode) string {
	if inner, ok := n.Node.(*ast.MemberNode); ok {
		of, ok1 := inner.Node.(*ast.IdentifierNode)
		feed, ok2 := inner.Property.(*ast.StringNode)
		column, ok3 := n.Property.(*ast.StringNode)
		if !ok1 || of.Value != "feed" || !ok2 || !ok3 {
			return "is no value; it can be " + valueWords
		}
		v.kind, v.name, v.column = valueFeed, feed.Value, column.Value
		return ""
	}
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
	case "feed":
		return "needs a column too, as in ${feed." + v.name + ".COLUMN}"
	case "request":
		v.kind = valueRequest
		if !slices.Contains(requestParts, v.name) {
			return "is no part of the request" + suggestion(v.name, "request", requestParts)
		}
	}
	return ""
}

var requestParts = []string{"method", "path", "body"}

var nowForms = []string{"unix", "unix_ms"}

var functionForms = map[string]string{
	"pick":   `${pick("a", "b")}`,
	"int":    "${int(1, 10)}",
	"float":  "${float(0, 1)}",
	"repeat": "${repeat(1, 3)}",
}

// call is a value with arguments.
func (v *value) call(n *ast.CallNode) string {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	form := ""
	if ok {
		form = functionForms[callee.Value]
	}
	if form == "" {
		return "is no value; it can be " + valueWords
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
	case "int", "repeat":
		v.kind = valueInt
		if callee.Value == "repeat" {
			v.kind = valueRepeat
		}
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
		if v.kind == valueRepeat && (v.lo < 0 || v.hi > maxRepeat) {
			return fmt.Sprintf("repeats from 0 to %d times", maxRepeat)
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

// maxRepeat is how often an item of a list may be repeated.
const maxRepeat = 10_000

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
	case valueFeed:
		return "{" + v.column + "}"
	case valueExpression:
		if len(v.expr.variables) == 1 {
			return "{" + v.expr.variables[0] + "}"
		}
		return "{expression}"
	}
	word, _, _ := strings.Cut(v.source, "(")
	return fmt.Sprintf("{%s}", strings.TrimSpace(word))
}
