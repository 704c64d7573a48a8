package main

import (
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
			case f.name == "cooldown" || f.name == "continue": // of the suite, not of this run
			case f.name == "api-key" && !strings.HasPrefix(v, "env:") && !strings.HasPrefix(v, "@"):
				words = append(words, "--api-key", "env:LT_API_KEY")
			case f.name == "header" && client.SecretHeader(strings.SplitN(v, ":", 2)[0]):
				words = append(words, "-H", `"`+strings.SplitN(v, ":", 2)[0]+`: $LT_API_KEY"`)
			case f.boolean:
				words = append(words, "--"+f.name)
			default:
				words = append(words, "--"+f.name, text.Quote(v))
			}
		}
	}
	return o.redactor.RedactString(strings.Join(words, " "))
}
