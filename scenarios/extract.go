package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unsafe"

	"github.com/theory/jsonpath"
	"github.com/theory/jsonpath/spec"
	"github.com/tidwall/gjson"

	"github.com/seed-42693903/lt/internal/client"
)

// An extractor takes a part out of an answer: a JSONPath ($.id), a header
// (header.Location), or the first group of a regular expression (/token=(\w+)/).
type extractor struct {
	source string
	header string         // of header.NAME
	regex  *regexp.Regexp // of /.../
	path   string         // JSONPath to one place, as gjson writes it: read without decoding the body
	whole  bool           // the JSONPath is $
	query  *jsonpath.Path // any other JSONPath
}

// parseExtractor reads source. A problem completes the sentence "`source` ...".
func parseExtractor(source string) (x extractor, problem string) {
	x.source = source
	switch {
	case len(source) > 4096:
		return x, "is too long"
	case strings.HasPrefix(source, "$"):
		return parseJSONPath(source)
	case strings.HasPrefix(source, "header."):
		if x.header = source[len("header."):]; !isToken(x.header) {
			return x, "names no header, as in `header.Location`"
		}
	case len(source) > 2 && strings.HasPrefix(source, "/") && strings.HasSuffix(source, "/"):
		re, err := regexp.Compile(source[1 : len(source)-1])
		if err != nil {
			return x, "is no regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		}
		x.regex = re
	default:
		return x, "is no part of an answer: write a JSONPath ($.id), header.NAME, or a regular expression between slashes"
	}
	return x, ""
}

var literalName = regexp.MustCompile(`\.(null|true|false)\b`)

func parseJSONPath(source string) (x extractor, problem string) {
	x.source = source
	p, err := jsonpath.Parse(source)
	if err != nil {
		// The library takes these for literals where they are names.
		p, err = jsonpath.Parse(literalName.ReplaceAllString(source, "['$1']"))
	}
	if err != nil {
		problem = "is no JSONPath: " + strings.TrimPrefix(err.Error(), "jsonpath: ")
		if strings.Contains(source, "-") && !strings.Contains(source, "[") {
			problem += "; a name with a dash is written $['like-this']"
		}
		return x, problem
	}
	segments := p.Query().Segments()
	if len(segments) == 0 {
		x.whole = true
		return x, ""
	}
	var path strings.Builder
	for i, s := range segments {
		if s.IsDescendant() || len(s.Selectors()) != 1 {
			x.query = p
			return x, ""
		}
		if i > 0 {
			path.WriteByte('.')
		}
		switch s := s.Selectors()[0].(type) {
		case spec.Name:
			if s == "" {
				x.query = p
				return x, ""
			}
			writeGJSON(&path, string(s))
		case spec.Index:
			if s < 0 {
				x.query = p
				return x, ""
			}
			path.WriteString(strconv.Itoa(int(s)))
		default:
			x.query = p
			return x, ""
		}
	}
	x.path = path.String()
	return x, ""
}

// writeGJSON writes one name of a gjson path, in which everything but letters,
// digits, _ and - may have a meaning.
func writeGJSON(b *strings.Builder, name string) {
	for _, r := range name {
		if r < 0x80 && r != '_' && r != '-' && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
}

// append appends the part of the answer to dst, as text for JSON strings,
// headers and regular expressions and as JSON for anything else. JSON's null
// counts as nothing.
func (x *extractor) append(dst []byte, resp *client.Response) (_ []byte, kind slotKind) {
	body := resp.Body
	switch {
	case x.header != "":
		v := resp.HeaderValue(x.header)
		if v == "" {
			return dst, slotEmpty
		}
		return append(dst, v...), slotText
	case x.regex != nil:
		m := x.regex.FindSubmatch(body)
		if m == nil {
			return dst, slotEmpty
		}
		return append(dst, m[min(1, len(m)-1)]...), slotText
	case x.query != nil:
		v, ok := x.selectOne(body)
		if !ok {
			return dst, slotEmpty
		}
		if s, ok := v.(string); ok {
			return append(dst, s...), slotText
		}
		j, err := json.Marshal(v)
		if err != nil {
			return dst, slotEmpty
		}
		return append(dst, j...), slotJSON
	}
	r := x.get(body)
	switch r.Type {
	case gjson.Null:
		return dst, slotEmpty
	case gjson.String:
		return append(dst, r.Str...), slotText
	}
	return append(dst, r.Raw...), slotJSON
}

// get reads a path to one place; the result points into body.
func (x *extractor) get(body []byte) gjson.Result {
	s := unsafe.String(unsafe.SliceData(body), len(body)) // gjson.GetBytes would copy
	if x.whole {
		return gjson.Parse(s)
	}
	return gjson.Get(s, x.path)
}

// selectOne is what the path selects: the value itself, or a list where the path
// can select several.
func (x *extractor) selectOne(body []byte) (any, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var doc any
	if dec.Decode(&doc) != nil {
		return nil, false
	}
	nodes := x.query.Select(doc)
	if len(nodes) == 0 {
		return nil, false
	}
	if len(nodes) == 1 {
		return nodes[0], nodes[0] != nil
	}
	return []any(nodes), true
}

// value is the part of the answer as expressions see it: text, number, boolean,
// list, map, or nil.
func (x *extractor) value(resp *client.Response) any {
	if x.path != "" || x.whole {
		return decoded(x.get(resp.Body))
	}
	part, kind := x.append(nil, resp)
	switch kind {
	case slotText:
		return string(part)
	case slotJSON:
		return decoded(gjson.ParseBytes(part))
	}
	return nil
}

// missing says what the answer has instead of the part.
func (x *extractor) missing(resp *client.Response) string {
	body := resp.Body
	if x.header != "" {
		return fmt.Sprintf("the answer has no header %s", x.header)
	}
	if x.regex != nil {
		return fmt.Sprintf("nothing in the answer matches %s", x.source)
	}
	r := gjson.ParseBytes(body)
	switch {
	case len(body) == 0:
		return fmt.Sprintf("nothing at %s: the answer has no body", x.source)
	case !gjson.ValidBytes(body):
		return fmt.Sprintf("nothing at %s: the answer is not JSON", x.source)
	case r.IsObject():
		var keys []string
		r.ForEach(func(k, _ gjson.Result) bool {
			keys = append(keys, k.Str)
			return len(keys) < 12
		})
		return fmt.Sprintf("nothing at %s: the answer has %s", x.source, strings.Join(keys, ", "))
	}
	return fmt.Sprintf("nothing at %s", x.source)
}

// isToken reports whether s can be a header's name or a method.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
