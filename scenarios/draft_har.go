package scenarios

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-42693903/lt/internal/client"
)

// maxHAR is how long a recording may be, and maxRecorded how many of its requests a
// scenario gets.
const (
	maxHAR      = 256 << 20
	maxRecorded = 200
)

// A harFile is what lt reads of a recording: the HTTP Archive 1.2 of browsers and
// proxies.
type harFile struct {
	Log *struct {
		Entries []harEntry `json:"entries"`
	} `json:"log"`
}

type harEntry struct {
	Started time.Time `json:"startedDateTime"`
	Time    float64   `json:"time"` // milliseconds
	Request struct {
		Method   string    `json:"method"`
		URL      string    `json:"url"`
		Headers  []harPair `json:"headers"`
		PostData *struct {
			MimeType string    `json:"mimeType"`
			Text     string    `json:"text"`
			Params   []harPair `json:"params"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Status  int `json:"status"`
		Content struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Encoding string `json:"encoding"`
		} `json:"content"`
	} `json:"response"`
}

type harPair struct {
	Name     string  `json:"name"`
	Value    string  `json:"value"`
	FileName *string `json:"fileName"`
}

// asset is what a browser fetches for the eye: no API.
var asset = regexp.MustCompile(`(?i)^(image|font|audio|video)/|^text/(css|javascript)|javascript$|^application/(font|x-font|wasm)`)

// DraftHAR makes a draft of a recording: the requests to the host that has most of
// them, in their order, with the pauses between them. What an answer told and a later
// request sent again, such as an id, is saved and sent.
func DraftHAR(name string, data []byte) (*Draft, error) {
	if len(data) > maxHAR {
		return nil, fmt.Errorf("%s: a recording has at most %d MB", name, maxHAR>>20)
	}
	var f harFile
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &f); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
			return nil, fmt.Errorf("%s:%d: no HAR: %w", name, line, err)
		}
		return nil, fmt.Errorf("%s: no HAR: %w", name, err)
	}
	if f.Log == nil || len(f.Log.Entries) == 0 {
		return nil, fmt.Errorf("%s: there is no request in it (log.entries)", name)
	}
	d := &drafter{}
	origins := map[string]int{}
	most := ""
	urls := make([]*url.URL, len(f.Log.Entries))
	for i := range f.Log.Entries {
		e := &f.Log.Entries[i]
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			d.note("%s %s: no URL of http", e.Request.Method, shorten(e.Request.URL, 60))
			continue
		}
		if asset.MatchString(e.Response.Content.MimeType) {
			d.note("images, fonts, styles and scripts")
			continue
		}
		urls[i] = u
		at := u.Scheme + "://" + u.Host
		if origins[at]++; origins[at] > origins[most] {
			most = at
		}
	}
	if most == "" {
		return nil, fmt.Errorf("%s: there is no request of an API in it", name)
	}
	t := DraftTask{Name: "recorded"}
	c := correlation{from: map[string]origin{}}
	var ended time.Time
	for i := range f.Log.Entries {
		e, u := &f.Log.Entries[i], urls[i]
		if u == nil {
			continue
		}
		if at := u.Scheme + "://" + u.Host; at != most {
			d.note("what went to %s (%d): a scenario has one target", at, origins[at])
			continue
		}
		if len(t.Steps) == maxRecorded {
			d.note("what came after the first %d requests", maxRecorded)
			break
		}
		s, ok := d.step(e.recorded(d, u))
		if !ok {
			continue
		}
		switch st := e.Response.Status; {
		case st >= 200 && st < 300:
			s.Expect = []int{st}
		case st > 0:
			s.Expect = []int{st}
			d.note("%s %s answered %d when it was recorded, which the step expects", s.Method, u.Path, st)
		}
		if gap := e.Started.Sub(ended).Round(100 * time.Millisecond); !ended.IsZero() && gap >= 100*time.Millisecond {
			s.Pause = min(gap, time.Minute).String()
		}
		ended = e.Started.Add(time.Duration(e.Time * float64(time.Millisecond)))
		c.reuse(t.Steps, &s)
		t.Steps = append(t.Steps, s)
		c.learn(len(t.Steps)-1, e)
	}
	if len(t.Steps) == 0 {
		return nil, fmt.Errorf("%s: there is no request in it that lt can send", name)
	}
	return &Draft{From: "the recording " + path.Base(name), Target: most, Auth: d.auth, Tasks: []DraftTask{t}, Notes: d.notes}, nil
}

func (e *harEntry) recorded(d *drafter, u *url.URL) *recorded {
	r := &recorded{method: e.Request.Method, url: u}
	for _, h := range e.Request.Headers {
		r.headers = append(r.headers, client.Header{Name: h.Name, Value: h.Value})
	}
	p := e.Request.PostData
	if p == nil {
		return r
	}
	r.body = []byte(p.Text)
	if !slices.ContainsFunc(r.headers, func(h client.Header) bool { return strings.EqualFold(h.Name, "Content-Type") }) && p.MimeType != "" {
		r.headers = append(r.headers, client.Header{Name: "Content-Type", Value: p.MimeType})
	}
	switch {
	case strings.HasPrefix(strings.ToLower(p.MimeType), "multipart/"):
		r.body = nil
		for _, f := range p.Params {
			if f.FileName != nil {
				d.note("%s %s: the file %s, which is to be given as {file: NAME}", e.Request.Method, u.Path, shorten(*f.FileName, 60))
				continue
			}
			r.form = append(r.form, DraftField{f.Name, d.secret(f.Name, f.Value)})
		}
		r.headers = slices.DeleteFunc(r.headers, func(h client.Header) bool { return strings.EqualFold(h.Name, "Content-Type") })
	case p.Text == "" && len(p.Params) > 0:
		form := url.Values{}
		for _, f := range p.Params {
			form.Add(f.Name, f.Value)
		}
		r.body = []byte(form.Encode())
	}
	return r
}

// A correlation finds what requests send of earlier answers.
type correlation struct {
	from map[string]origin // by value
	n    map[string]int    // variables of a name
}

type origin struct {
	step int
	name string // of the field
	path string // JSONPath
	used string // variable that holds it; "": none yet
}

// idValue is a value that hardly stands in a path by chance.
var idValue = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// learn keeps the ids of an answer.
func (c *correlation) learn(step int, e *harEntry) {
	text := []byte(e.Response.Content.Text)
	if e.Response.Content.Encoding == "base64" {
		text, _ = base64.StdEncoding.DecodeString(string(text))
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return
	}
	c.walk(step, "$", "", v, 0)
}

func (c *correlation) walk(step int, at, name string, v any, depth int) {
	if depth > 4 {
		return
	}
	switch x := v.(type) {
	case map[string]any:
		for _, f := range fieldsOf(x) {
			if variableName.MatchString(f.Name) {
				c.walk(step, at+"."+f.Name, f.Name, f.Value, depth+1)
			}
		}
	case string:
		if len(x) >= 8 {
			c.keep(x, step, at, name)
		}
	case json.Number:
		if len(x) >= 3 && strings.HasSuffix(strings.ToLower(name), "id") {
			c.keep(x.String(), step, at, name)
		}
	}
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c *correlation) keep(value string, step int, at, name string) {
	if _, has := c.from[value]; !has && idValue.MatchString(value) {
		c.from[value] = origin{step: step, name: name, path: at}
	}
}

// reuse puts variables into a step where it sends what an earlier answer told.
func (c *correlation) reuse(before []DraftStep, s *DraftStep) {
	segments := strings.Split(string(s.Path), "/")
	for i, seg := range segments {
		if v, ok := c.variable(before, seg); ok {
			segments[i] = string(v)
		}
	}
	s.Path = DraftText(strings.Join(segments, "/"))
	for _, list := range [][]DraftField{s.Query, s.Headers, s.Form, s.Parts} {
		for i := range list {
			list[i].Value = c.replace(before, list[i].Value)
		}
	}
	s.JSON = c.replace(before, s.JSON)
}

func (c *correlation) replace(before []DraftStep, v any) any {
	switch x := v.(type) {
	case string:
		if t, ok := c.variable(before, x); ok {
			return t
		}
	case json.Number:
		if t, ok := c.variable(before, x.String()); ok {
			return t
		}
	case map[string]any:
		for k := range x {
			x[k] = c.replace(before, x[k])
		}
	case []any:
		for i := range x {
			x[i] = c.replace(before, x[i])
		}
	}
	return v
}

// variable is the variable that holds a value, saved by the step whose answer told it.
func (c *correlation) variable(before []DraftStep, value string) (DraftText, bool) {
	o, ok := c.from[value]
	if !ok {
		return "", false
	}
	if o.used == "" {
		if c.n == nil {
			c.n = map[string]int{}
		}
		o.used = "saved_" + strings.ToLower(o.name)
		if c.n[o.used]++; c.n[o.used] > 1 {
			o.used = fmt.Sprintf("%s_%d", o.used, c.n[o.used])
		}
		c.from[value] = o
		from := &before[o.step]
		from.Save = append(from.Save, DraftField{o.used, DraftText(o.path)})
	}
	return DraftText("${" + o.used + "}"), true
}
