package client

import (
	"bytes"
	"encoding/json"
)

// maxJSONName is how long a member's name may be that SecretName knows, escaped.
const maxJSONName = 64

// jsonValues adds the values of the members in b's JSON that are secrets by their
// names, "password": "VALUE", so that what is left is JSON as before: of a text
// what stands between its quotes, of a number all of it, of an array or object
// each text and number in it. It looks at what is near each colon and parses
// nothing, so that a body may be cut off or hold other text, and JSON within a
// text of JSON is found too.
func jsonValues(found []span, b []byte) []span {
	done := 0 // values before it are masked already
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], ':')
		if i < 0 {
			return found
		}
		colon := at + i
		at = colon + 1
		if colon < done {
			continue
		}
		name, escapes, ok := memberName(b[:colon])
		if !ok || !SecretName(name) {
			continue
		}
		before := len(found)
		found = secretValue(found, b, at, escapes)
		if len(found) > before {
			done = found[len(found)-1].to
		}
	}
}

// memberName is the name of a member of which b ends just before the colon, and
// how many backslashes stand before its quotes.
func memberName(b []byte) (name string, escapes int, ok bool) {
	b = bytes.TrimRight(b, " \t\r\n")
	if len(b) == 0 || b[len(b)-1] != '"' {
		return "", 0, false
	}
	b = b[:len(b)-1]
	escapes = backslashes(b)
	if escapes > 1 {
		return "", 0, false
	}
	b = b[:len(b)-escapes]
	b = b[max(0, len(b)-maxJSONName):]
	open := bytes.LastIndexByte(b, '"')
	if open < 0 {
		return "", 0, false
	}
	raw := b[open+1:]
	if bytes.IndexByte(raw, '\\') < 0 || escapes > 0 {
		return string(raw), escapes, true
	}
	err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &name)
	return name, 0, err == nil
}

// secretValue adds what is secret of the value that begins at from.
func secretValue(found []span, b []byte, from, escapes int) []span {
	depth := 0
	for i := from; i < len(b); {
		c := b[i]
		switch {
		case c == '"':
			end := textEnd(b, i+1, escapes)
			rest := bytes.TrimLeft(b[min(end+escapes+1, len(b)):], " \t\r\n")
			if end > i+1 && !(depth > 0 && len(rest) > 0 && rest[0] == ':') { // the name of a member stays
				found = append(found, span{from: i + 1, to: end})
			}
			i = end + escapes + 1
		case c == '-' || '0' <= c && c <= '9':
			end := i
			for end < len(b) && bytes.IndexByte([]byte("+-.0123456789eE"), b[end]) >= 0 {
				end++
			}
			found = append(found, span{i, end, escapes == 0})
			i = end
		case c == '{' || c == '[':
			depth++
			i++
			continue
		case c == '}' || c == ']':
			depth--
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\\':
			i++
			continue
		default: // a comma or colon, true, false, null
			if depth <= 0 {
				return found
			}
			i++
			continue
		}
		if depth <= 0 {
			return found
		}
	}
	return found
}

// textEnd is where the text that begins at from ends, before its quote and that
// one's backslashes; the end of b where it was cut off.
func textEnd(b []byte, from, escapes int) int {
	for i := from; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		n := backslashes(b[from:i])
		if escapes == 0 && n%2 == 0 || escapes > 0 && n <= escapes {
			return i - min(n, escapes)
		}
	}
	return len(b)
}

// backslashes is how many of them b ends with.
func backslashes(b []byte) int { return len(b) - len(bytes.TrimRight(b, `\`)) }
