package scenarios

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A function can be called in every expression.
type function struct {
	form        string // as messages show it
	least, most int    // arguments
	call        func(args ...any) (any, error)
}

const jwtForm = `jwt({"sub": "me", "exp": now.unix + 300}, key)`

// The functions of lt beside those of the expression language.
var functions = map[string]function{
	"hmac":   {`hmac(key, text), hmac(key, text, "sha512") or hmac(key, text, "sha256", "base64")`, 2, 4, callHMAC},
	"sha256": {`sha256(text) or sha256(text, "base64")`, 1, 2, callSHA256},
	"base64": {`base64(text) or base64(text, "url")`, 1, 2, callBase64},
	"number": {"number(text)", 1, 1, callNumber},
	"jwt":    {jwtForm, 2, 2, callJWT},
}

func functionNames() []string {
	return slices.Sorted(maps.Keys(maps.Collect(func(yield func(string, bool) bool) {
		for name := range functions {
			yield(name, true)
		}
		for name := range functionForms {
			yield(name, true)
		}
	})))
}

var hashes = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

func callHMAC(args ...any) (any, error) {
	algorithm, form := "sha256", "hex"
	if len(args) > 2 {
		algorithm = textOf(args[2])
	}
	if len(args) > 3 {
		form = textOf(args[3])
	}
	h, ok := hashes[algorithm]
	if !ok {
		return nil, fmt.Errorf("hmac knows sha1, sha256 and sha512, not %q", algorithm)
	}
	m := hmac.New(h, []byte(textOf(args[0])))
	m.Write([]byte(textOf(args[1])))
	return written(m.Sum(nil), form)
}

func callSHA256(args ...any) (any, error) {
	form := "hex"
	if len(args) > 1 {
		form = textOf(args[1])
	}
	sum := sha256.Sum256([]byte(textOf(args[0])))
	return written(sum[:], form)
}

func callBase64(args ...any) (any, error) {
	form := "base64"
	if len(args) > 1 {
		if form = textOf(args[1]); form != "url" {
			return nil, fmt.Errorf(`base64 knows "url" as its other alphabet, not %q`, form)
		}
	}
	return written([]byte(textOf(args[0])), form)
}

// callJWT makes a token signed by HS256.
func callJWT(args ...any) (any, error) {
	claims, ok := args[0].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("jwt takes its claims as a map, as in %s", jwtForm)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	url := base64.RawURLEncoding
	text := url.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + url.EncodeToString(payload)
	m := hmac.New(sha256.New, []byte(textOf(args[1])))
	m.Write([]byte(text))
	return text + "." + url.EncodeToString(m.Sum(nil)), nil
}

// callNumber reads a number, such as those of CSV feeds and headers are text.
func callNumber(args ...any) (any, error) {
	text := strings.TrimSpace(textOf(args[0]))
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", shorten(text, 40))
	}
	return f, nil
}

// written is bytes as text.
func written(b []byte, form string) (any, error) {
	switch form {
	case "hex":
		return hex.EncodeToString(b), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(b), nil
	case "url":
		return base64.RawURLEncoding.EncodeToString(b), nil
	}
	return nil, fmt.Errorf(`bytes are written as "hex", "base64" or "url", not %q`, form)
}

// textOf is a value of an expression as text: JSON for all but text itself.
func textOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
