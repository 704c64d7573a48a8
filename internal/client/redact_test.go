package client

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRedact(t *testing.T) {
	r := NewRedactor("s3cret/key+é&\"", "", "abc", "pässw0rd")
	for in, want := range map[string]string{
		"nothing here":                     "nothing here",
		"X-API-Key: s3cret/key+é&\"\r\n":   "X-API-Key: ***\r\n",
		"?key=s3cret%2Fkey%2B%C3%A9%26%22": "?key=***",
		"?key=s3cret%2fkey%2b%c3%a9%26%22": "?key=***",
		`{"k":"s3cret/key+é\u0026\""}`:     `{"k":"***"}`,
		`{"k":"s3cret\/key+é&\""}`:         `{"k":"***"}`,
		"p\u00e4ssw0rdp\u00e4ssw0rd!":      "***!",
		// A short one is masked as a header's value and nowhere else.
		"/abc abc: abcd":                  "/abc abc: abcd",
		"X-Key: abc\r\nY: xabc\r\nZ: abc": "X-Key: ***\r\nY: xabc\r\nZ: ***",
		"Authorization: Bearer abc\r\n":   "Authorization: Bearer ***\r\n",
		"Note: the letters abc\r\n":       "Note: the letters abc\r\n",
		"{\"abc\": \"abc\"}":              "{\"abc\": \"abc\"}",
	} {
		if got := r.RedactString(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	var none *Redactor
	if got := none.RedactString("x"); got != "x" {
		t.Error(got)
	}
	if got := NewRedactor("abcdefg", "fghijkl").RedactString("-abcdefghijkl-"); got != "-***-" {
		t.Errorf("overlapping secrets: %q", got)
	}
	if b := []byte("clean"); &r.Redact(b)[0] != &b[0] {
		t.Error("a text without secrets was copied")
	}
}

// TestRedactProperty: no form of a secret, in any company, leaves the secret or
// what decodes to it.
func TestRedactProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9+/=_.~ "&<%\\é-]{6,40}`).Draw(t, "secret")
		before := rapid.StringMatching(`[a-z:]{0,5}`).Draw(t, "before")
		after := rapid.StringMatching(`[a-z:]{0,5}`).Draw(t, "after")
		plain := before + secret + after
		inJSON, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		r := NewRedactor(secret)
		for name, encode := range map[string]string{
			"raw": plain, "json": string(inJSON),
			"query": url.QueryEscape(plain), "path": url.PathEscape(plain),
			"hex": hex.EncodeToString([]byte(plain)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(plain))),
			"base64": base64.StdEncoding.EncodeToString([]byte(plain)), "raw base64": base64.RawStdEncoding.EncodeToString([]byte(plain)),
			"base64url": base64.URLEncoding.EncodeToString([]byte(plain)), "raw base64url": base64.RawURLEncoding.EncodeToString([]byte(plain)),
		} {
			got := r.RedactString("x " + encode + " y")
			if !strings.Contains(got, mask) || strings.Contains(got, encode) {
				t.Fatalf("%s: %q is not masked in %q", name, encode, got)
			}
			// What is left of it is short: a neighbour's share.
			if left := len(got) - len("x *** y"); left > 4*(len(before)+len(after))+8 {
				t.Fatalf("%s: too much is left of %q in %q", name, encode, got)
			}
			if got2 := r.RedactString(got); got2 != got {
				t.Fatalf("%s: masking again changes %q to %q", name, got, got2)
			}
		}
	})
}
