package client

import (
	"bytes"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// An h2head is the head of a request as HTTP/2 has it. It keeps what it made for
// the request before, most of which the next one shares.
type h2head struct {
	raw    []byte // what the fields were made from
	fields []hpack.HeaderField
	spare  []hpack.HeaderField
	chunks []byte // a body, out of its chunks
}

// parse reads a request that AppendRequest has made, and returns its body. The
// fields hold copies.
func (h *h2head) parse(wire []byte, secure bool) (body []byte, err error) {
	if len(h.raw) > 0 && bytes.HasPrefix(wire, h.raw) {
		return wire[len(h.raw):], nil
	}
	h.raw = h.raw[:0]
	end := bytes.Index(wire, []byte("\r\n\r\n"))
	line, rest, _ := bytes.Cut(wire, []byte("\r\n"))
	method, target, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(target, []byte(" "))
	if end < 0 || !ok || !ok2 || string(version) != "HTTP/1.1" {
		return nil, errNoRequest
	}
	body = wire[end+4:]
	h.fields, h.spare = h.spare[:0], h.fields
	scheme := "http"
	if secure {
		scheme = "https"
	}
	h.add(":method", method)
	h.fields = append(h.fields, hpack.HeaderField{Name: ":scheme", Value: scheme})
	h.add(":authority", nil)
	h.add(":path", target)
	chunked := false
	for head := rest[:max(0, end-len(line)-2)]; len(head) > 0; {
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = trim(value)
		switch {
		case equalFold(name, "host"):
			h.fields[2].Value = h.same(2, value)
		case equalFold(name, "transfer-encoding"):
			chunked = true
		case equalFold(name, "te") && !equalFold(value, "trailers"):
		case connectionHeader(name): // has no place in HTTP/2
		default:
			h.add("", value)
			f := &h.fields[len(h.fields)-1]
			f.Name = h.lower(len(h.fields)-1, name)
			f.Sensitive = unindexed(f.Name)
		}
	}
	if chunked {
		if body, err = h.dechunk(body); err != nil {
			return nil, err
		}
		return body, nil // raw stays empty: the next one is read anew
	}
	h.raw = append(h.raw, wire[:end+4]...)
	return body, nil
}

var errNoRequest = protocolError("the request is not one of HTTP/1.1")

// unindexed reports whether a field's value is likely another one in the next
// request, so that the table of what both sides remember is not spent on it.
func unindexed(name string) bool {
	switch name {
	case ":path", "content-length", "traceparent", "cookie", "idempotency-key", "x-request-id":
		return true
	}
	return false
}

// connectionHeader reports whether a header is about the connection of HTTP/1.1.
func connectionHeader(name []byte) bool {
	return equalFold(name, "connection") || equalFold(name, "keep-alive") || equalFold(name, "proxy-connection") || equalFold(name, "upgrade")
}

// add adds a field. Sensitive keeps it out of the table.
func (h *h2head) add(name string, value []byte) {
	i := len(h.fields)
	h.fields = append(h.fields, hpack.HeaderField{Name: name, Value: h.same(i, value), Sensitive: unindexed(name) && string(value) != "/"})
}

// same is value as a string: that of the field i of the request before, where it
// has it.
func (h *h2head) same(i int, value []byte) string {
	if i < len(h.spare) && h.spare[i].Value == string(value) {
		return h.spare[i].Value
	}
	return string(value)
}

// lower is a name in lower case, likewise.
func (h *h2head) lower(i int, name []byte) string {
	if i < len(h.spare) && equalFold(name, h.spare[i].Name) {
		return h.spare[i].Name
	}
	return strings.ToLower(string(name))
}

// dechunk takes a body out of its chunks.
func (h *h2head) dechunk(b []byte) ([]byte, error) {
	h.chunks = h.chunks[:0]
	for {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		size := 0
		for _, c := range line {
			d := hexDigit(c)
			if d < 0 || size > len(b) {
				return nil, errNoRequest
			}
			size = size<<4 | d
		}
		if !ok || len(rest) < size+2 {
			return nil, errNoRequest
		}
		if size == 0 {
			return h.chunks, nil
		}
		h.chunks = append(h.chunks, rest[:size]...)
		b = rest[size+2:]
	}
}
