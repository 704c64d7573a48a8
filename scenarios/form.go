package scenarios

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"path"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A formPart is a field of a multipart body: text, or a file.
type formPart struct {
	name     string
	value    template
	file     *fileRef // nil: the field is text
	filename string
	kind     string // the part's Content-Type; empty: none
}

// form reads the fields of a form.
func (d *decoder) form(n *yaml.Node) []pair {
	l := []pair{}
	for _, f := range d.mapping(n, "a form", nil) {
		l = append(l, pair{f.name, d.template(f.value, "a field")})
	}
	return l
}

var partKeys = []string{"file", "filename", "type"}

// multipart reads the fields of a multipart form: text, or {file: NAME}.
func (d *decoder) multipart(n *yaml.Node) []formPart {
	l := []formPart{}
	for _, f := range d.mapping(n, "multipart", nil) {
		p := formPart{name: f.name}
		r := d.deref(f.value)
		if r == nil {
			continue
		}
		if r.Kind != yaml.MappingNode {
			p.value = d.template(f.value, "a field")
			l = append(l, p)
			continue
		}
		for _, k := range d.mapping(f.value, "a file of a form", partKeys) {
			switch k.name {
			case "file":
				p.file = d.attachment(k.value)
			case "filename":
				p.filename = d.line(k.value, "a file's name")
			case "type":
				p.kind = d.line(k.value, "a type")
			}
		}
		if p.file == nil {
			d.add(f.value, "a field is text, or a file of the scenario's folder: write `{file: photo.jpg}`")
			continue
		}
		if p.filename == "" {
			p.filename = path.Base(p.file.name)
		}
		if p.kind == "" {
			if p.kind = mime.TypeByExtension(path.Ext(p.filename)); p.kind == "" {
				p.kind = "application/octet-stream"
			}
		}
		l = append(l, p)
	}
	return l
}

// quoteField writes a name into a Content-Disposition as browsers do.
var quoteField = strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22")

// multipart appends the segments of a multipart body and returns its
// Content-Type. The boundary follows from the fields, so that the same scenario
// sends the same bytes.
func (c *compiler) multipart(s *Step) (segs []segment, contentType string) {
	h := sha256.New()
	for _, p := range s.multipart {
		h.Write([]byte(p.name + "\x00" + p.value.source + "\x00"))
		if p.file != nil {
			h.Write(p.file.data)
		}
	}
	boundary := "lt-" + hex.EncodeToString(h.Sum(nil)[:20])
	for _, p := range s.multipart {
		head := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + quoteField.Replace(p.name) + `"`
		if p.file != nil {
			head += `; filename="` + quoteField.Replace(p.filename) + "\"\r\nContent-Type: " + p.kind
		}
		segs = join(segs, []byte(head+"\r\n\r\n"))
		if p.file != nil {
			segs = join(segs, p.file.data)
		} else {
			segs = c.template(segs, &p.value, asText)
		}
		segs = join(segs, []byte("\r\n"))
	}
	return join(segs, []byte("--"+boundary+"--\r\n")), "multipart/form-data; boundary=" + boundary
}

// form appends the segments of a form.
func (c *compiler) form(fields []pair) (segs []segment) {
	for i := range fields {
		if i > 0 {
			segs = join(segs, []byte("&"))
		}
		segs = join(segs, appendEncoded(nil, fields[i].name, asQuery))
		segs = join(segs, []byte("="))
		segs = c.template(segs, &fields[i].value, asQuery)
	}
	return segs
}
