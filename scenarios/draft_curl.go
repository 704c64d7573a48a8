package scenarios

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
)

// DraftCurl makes a draft of command lines of curl, a task of each.
func DraftCurl(lines []string) (*Draft, error) {
	d := &drafter{}
	draft := &Draft{From: "a command of curl"}
	if len(lines) > 1 {
		draft.From = fmt.Sprintf("%d commands of curl", len(lines))
	}
	var errs []error
	for _, line := range lines {
		r, err := curl(d, line)
		if err != nil {
			errs = append(errs, fmt.Errorf("--curl %q: %w", shorten(line, 60), err))
			continue
		}
		at := r.url.Scheme + "://" + r.url.Host
		if draft.Target == "" {
			draft.Target = at
		} else if at != draft.Target {
			errs = append(errs, fmt.Errorf("--curl %q: a scenario has one target, and %s is another one than %s", shorten(line, 60), at, draft.Target))
			continue
		}
		if s, ok := d.step(r); ok {
			draft.Tasks = append(draft.Tasks, DraftTask{Steps: []DraftStep{s}})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(draft.Tasks) == 0 {
		return nil, errors.New("--curl: there is no request that lt can send")
	}
	draft.Auth, draft.Notes = d.auth, d.notes
	return draft, nil
}

// The options of curl that lt reads or may leave out: with true those that take a
// value.
var (
	curlRead = map[string]bool{
		"-X": true, "--request": true, "-H": true, "--header": true, "-d": true, "--data": true, "--data-raw": true, "--data-ascii": true,
		"--data-binary": true, "--data-urlencode": true, "--json": true, "-F": true, "--form": true, "--form-string": true, "-u": true, "--user": true,
		"-G": false, "--get": false, "-I": false, "--head": false, "--url": true, "-A": true, "--user-agent": true, "-e": true, "--referer": true,
		"-b": true, "--cookie": true, "--oauth2-bearer": true,
	}
	curlIgnored = map[string]bool{
		"-s": false, "--silent": false, "-S": false, "--show-error": false, "-v": false, "--verbose": false, "-i": false, "--include": false,
		"-o": true, "--output": true, "-O": false, "-w": true, "--write-out": true, "-f": false, "--fail": false, "--fail-with-body": false,
		"-#": false, "--progress-bar": false, "-N": false, "--no-buffer": false, "--http1.1": false, "-q": false, "-g": false, "--globoff": false,
		"--compressed": false, "--retry": true, "-D": true, "--dump-header": true,
	}
	// curlFlags are options of curl that are flags of lt run.
	curlFlags = map[string]struct {
		value bool
		flag  string
	}{
		"-k": {false, "-k"}, "--insecure": {false, "-k"}, "--http2": {false, "--http 2"}, "-m": {true, "--timeout"}, "--max-time": {true, "--timeout"},
		"--connect-timeout": {true, "--connect-timeout"}, "-x": {true, "--proxy"}, "--proxy": {true, "--proxy"}, "--cacert": {true, "--cacert"},
		"-E": {true, "--cert"}, "--cert": {true, "--cert"}, "--key": {true, "--key"}, "--resolve": {true, "--resolve"}, "--connect-to": {true, "--connect-to"},
		"-L": {false, "`redirect: follow` in the step"}, "--location": {false, "`redirect: follow` in the step"},
	}
)

// curl reads one command line.
func curl(d *drafter, line string) (*recorded, error) {
	words, err := shellWords(line)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 || words[0] != "curl" && !strings.HasSuffix(words[0], "/curl") {
		return nil, errors.New("it does not begin with curl")
	}
	r := &recorded{}
	var target string
	var data []string
	get, jsonBody := false, false
	header := func(name, value string) { r.headers = append(r.headers, client.Header{Name: name, Value: value}) }
	for i := 1; i < len(words); i++ {
		word := words[i]
		if !strings.HasPrefix(word, "-") || word == "-" {
			if target != "" {
				return nil, fmt.Errorf("it has a second URL, %q: give a --curl for each", shorten(word, 60))
			}
			target = word
			continue
		}
		name, value, joined := word, "", false
		if strings.HasPrefix(word, "--") {
			name, value, joined = strings.Cut(word, "=")
		} else if len(word) > 2 { // -XPOST, -sS
			name = word[:2]
			takes := curlRead[name] || curlIgnored[name] || curlFlags[name].value
			if takes {
				value, joined = word[2:], true
			} else {
				words[i] = "-" + word[2:]
				i--
			}
		}
		read, known := curlRead[name]
		ignored, may := curlIgnored[name]
		flag, isFlag := curlFlags[name]
		switch {
		case !known && !may && !isFlag:
			return nil, fmt.Errorf("lt does not know curl's option %s", name)
		case (read || ignored || flag.value) && !joined:
			if i+1 >= len(words) {
				return nil, fmt.Errorf("%s has no value", name)
			}
			i++
			value = words[i]
		}
		if isFlag {
			d.note("curl's %s: lt has %s", name, flag.flag)
			continue
		}
		switch name {
		case "-X", "--request":
			r.method = value
		case "-H", "--header":
			n, v, ok := strings.Cut(value, ":")
			if !ok || strings.TrimSpace(v) == "" {
				d.note("curl's header %q, which takes one away", shorten(value, 60))
				continue
			}
			header(strings.TrimSpace(n), strings.TrimSpace(v))
		case "-A", "--user-agent":
			d.note("curl's %s: `headers: {User-Agent: ...}` in the step", name)
		case "-e", "--referer":
			d.note("curl's %s", name)
		case "-b", "--cookie":
			header("Cookie", value)
		case "-u", "--user":
			header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
		case "--oauth2-bearer":
			header("Authorization", "Bearer "+value)
		case "-G", "--get":
			get = true
		case "-I", "--head":
			r.method = "HEAD"
		case "--url":
			target = value
		case "--json":
			jsonBody = true
			data = append(data, value)
		case "-d", "--data", "--data-ascii", "--data-binary":
			if file, ok := strings.CutPrefix(value, "@"); ok {
				d.note("the file %s: `body: {file: NAME}` sends one of the scenario's folder", shorten(file, 60))
				continue
			}
			data = append(data, value)
		case "--data-raw":
			data = append(data, value)
		case "--data-urlencode":
			n, v, ok := strings.Cut(value, "=")
			if !ok {
				n, v = "", value
			}
			if n != "" {
				n += "="
			}
			data = append(data, n+url.QueryEscape(v))
		case "-F", "--form", "--form-string":
			n, v, ok := strings.Cut(value, "=")
			if !ok {
				return nil, fmt.Errorf("%s %q: want NAME=VALUE", name, shorten(value, 60))
			}
			if name != "--form-string" && (strings.HasPrefix(v, "@") || strings.HasPrefix(v, "<")) {
				d.note("the file %s of the form: `multipart: {%s: {file: NAME}}`", shorten(v[1:], 60), shorten(n, 40))
				continue
			}
			r.form = append(r.form, DraftField{n, d.secret(n, v)})
		}
	}
	if target == "" {
		return nil, errors.New("it has no URL")
	}
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	if r.url, err = url.Parse(target); err != nil || r.url.Host == "" {
		return nil, fmt.Errorf("%q is no URL", shorten(target, 60))
	}
	if r.url.Scheme != "http" && r.url.Scheme != "https" {
		return nil, fmt.Errorf("lt does not speak %s", r.url.Scheme)
	}
	if u := r.url.User; u != nil {
		password, _ := u.Password()
		header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
		r.url.User = nil
	}
	if body := strings.Join(data, "&"); get {
		if r.url.RawQuery != "" && body != "" {
			body = r.url.RawQuery + "&" + body
		}
		if body != "" {
			r.url.RawQuery = body
		}
	} else if len(data) > 0 {
		r.body = []byte(body)
		media := "application/x-www-form-urlencoded"
		if jsonBody {
			media = "application/json"
		}
		if !hasHeader(r.headers, "Content-Type") {
			header("Content-Type", media)
		}
	}
	if r.method == "" {
		r.method = "GET"
		if len(r.body) > 0 || len(r.form) > 0 {
			r.method = "POST"
		}
	}
	return r, nil
}

func hasHeader(headers []client.Header, name string) bool {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return true
		}
	}
	return false
}

// shellWords are the words of a command line as a POSIX shell splits it, $'...' of
// bash with it, without variables and other expansions.
func shellWords(line string) (words []string, err error) {
	var word []byte
	in := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			if i++; line[i] == '\r' && i+1 < len(line) && line[i+1] == '\n' {
				i++
			}
			if line[i] != '\n' {
				word, in = append(word, line[i]), true
			}
		case c == '\'' || c == '$' && i+1 < len(line) && line[i+1] == '\'':
			escapes := c == '$'
			if escapes {
				i++
			}
			closed := false
			for i++; i < len(line); i++ {
				if line[i] == '\'' {
					closed = true
					break
				}
				if escapes && line[i] == '\\' && i+1 < len(line) {
					i++
					if at := strings.IndexByte("nrt", line[i]); at >= 0 {
						word = append(word, "\n\r\t"[at])
						continue
					}
				}
				word = append(word, line[i])
			}
			if in = true; !closed {
				return nil, errors.New("a ' has no end")
			}
		case c == '"':
			closed := false
			for i++; i < len(line); i++ {
				if line[i] == '"' {
					closed = true
					break
				}
				if line[i] == '\\' && i+1 < len(line) && strings.IndexByte("\"\\$`\n", line[i+1]) >= 0 {
					if i++; line[i] == '\n' {
						continue
					}
				}
				word = append(word, line[i])
			}
			if in = true; !closed {
				return nil, errors.New("a \" has no end")
			}
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if in {
				words, word, in = append(words, string(word)), nil, false
			}
		case c == '|' || c == ';' || c == '>' || c == '<' || c == '&':
			return nil, fmt.Errorf("a %q outside quotes: give the command of curl alone", c)
		default:
			word, in = append(word, c), true
		}
	}
	if in {
		words = append(words, string(word))
	}
	return words, nil
}
