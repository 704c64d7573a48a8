package scenarios

import "unicode/utf8"

// An encoding is how text is written at the place where it stands.
type encoding uint8

const (
	asText       encoding = iota // unchanged: a raw body
	asJSON                       // a JSON value by itself: text gets quotes
	asJSONText                   // inside the quotes of a JSON string
	asPath                       // one segment of a path
	asQuery                      // a key or value of a query
	asHeaderText                 // a header's value
)

// appendEncoded appends s, which is text, as enc asks.
func appendEncoded(dst []byte, s string, enc encoding) []byte {
	switch enc {
	case asJSON:
		return appendJSONString(dst, s)
	case asJSONText:
		return appendJSONText(dst, s)
	case asPath, asQuery:
		return appendEscaped(dst, s, enc)
	case asHeaderText:
		for i := range len(s) {
			c := s[i]
			if c < ' ' && c != '\t' || c == 0x7f {
				c = ' ' // a line break would start another header
			}
			dst = append(dst, c)
		}
		return dst
	}
	return append(dst, s...)
}

func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendJSONText(dst, s)
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

// appendJSONText escapes what JSON must have escaped and no more.
func appendJSONText(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(dst, s[from:]...)
}

// appendEscaped percent-encodes all but the unreserved characters of RFC 3986.
func appendEscaped(dst []byte, s string, enc encoding) []byte {
	const upper = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		case c == ' ' && enc == asQuery:
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upper[c>>4], upper[c&15])
		}
	}
	return dst
}
