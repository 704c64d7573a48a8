package main

import (
	"slices"
	"strings"

	"github.com/seed-42693903/lt/internal/client"
	"github.com/seed-42693903/lt/internal/text"
)

// repeat is the command that runs the same again. Keys stand as $LT_API_KEY.
func (o *runOptions) repeat(s *settings, what string) string {
	words := []string{"lt", "run", text.Quote(what)}
	for _, f := range s.all() {
		for _, v := range f.values {
			switch {
			case slices.Contains([]string{"cooldown", "continue", "ab", "pairs", "repeat", "save-baseline"}, f.name): // of the whole, not of this run
			case slices.Contains([]string{"prometheus", "otlp", "ui", "ui-linger"}, f.name): // who watched, not what was run
			case f.name == "api-key" && !strings.HasPrefix(v, "env:") && !strings.HasPrefix(v, "@"):
				words = append(words, "--api-key", "env:LT_API_KEY")
			case f.name == "header" && client.SecretHeader(strings.SplitN(v, ":", 2)[0]):
				words = append(words, "-H", `"`+strings.SplitN(v, ":", 2)[0]+`: $LT_API_KEY"`)
			case f.name == "proxy" && strings.Contains(v, "@"):
				words = append(words, "--proxy", `"$LT_PROXY"`)
			case f.boolean:
				words = append(words, "--"+f.name)
			default:
				words = append(words, "--"+f.name, text.Quote(v))
			}
		}
	}
	return o.redactor.RedactString(strings.Join(words, " "))
}
