package client

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// The classes of bytes that HTTP knows.
const (
	tokenByte  = 1 << iota // of a method or a header's name
	targetByte             // of a request target: visible ASCII
	valueByte              // of a header's value or a reason phrase: no control characters but tab
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		if c >= 0x20 && c != 0x7f || c == '\t' {
			t[c] |= valueByte
		}
		if c > 0x20 && c < 0x7f {
			t[c] |= targetByte
			if !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", rune(c)) {
				t[c] |= tokenByte
			}
		}
	}
	return t
}()

// indexNot is the first byte of s that is not of the class, or -1.
func indexNot[S string | []byte](s S, class uint8) int {
	for i := range len(s) {
		if byteClass[s[i]]&class == 0 {
			return i
		}
	}
	return -1
}

// allBytes reports whether s is not empty and all of the class.
func allBytes[S string | []byte](s S, class uint8) bool {
	return len(s) > 0 && indexNot(s, class) < 0
}

// badByte says why allBytes said no.
func badByte(s string, class uint8) error {
	if s == "" {
		return fmt.Errorf("is empty")
	}
	i := indexNot(s, class)
	return fmt.Errorf("byte %#02x at position %d must be escaped", s[i], i)
}

// plainText is how many bytes b begins with that a header's value may hold. It
// looks at eight at once for one below 0x20 or equal to 0x7f.
func plainText(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		del := w ^ 0x7f*ones
		odd := ((w-0x20*ones)&^w | (del-ones)&^del) & tops
		if odd == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(odd) / 8 // above the lowest mark a borrow may have made others
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(b) && byteClass[b[i]]&valueByte != 0 {
		i++
	}
	return i
}

// trim is b without the blanks around it.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold reports whether b is lower but for case, which is ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// parseLength is a Content-Length of at most 18 digits.
func parseLength(b []byte) (n int64, ok bool) {
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, len(b) > 0 && len(b) <= 18
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
