package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-42693903/lt/internal/text"
)

// readsAll is the annotation of the commands whose settings report unknown flags
// with all their other mistakes; the others stop at unknown flags.
const readsAll = "reads-all"

// takeUnknownFlags takes the flags that the command in args does not have out of
// args, each as a mistake, for pflag stops at the first. Where an unknown flag is
// likely a slip of one that takes a value, the word after it is that value.
func takeUnknownFlags(root *cobra.Command, args []string) (known []string, mistakes []error) {
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root || cmd.DisableFlagParsing {
		return args, nil
	}
	cmd.InitDefaultHelpFlag()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.AddFlagSet(cmd.Flags())
	flags.AddFlagSet(cmd.InheritedFlags())
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	takesValue := func(f *pflag.Flag) bool { return f != nil && f.NoOptDefVal == "" }
	isValue := func(i int) bool { return i < len(rest) && !strings.HasPrefix(rest[i], "-") }

	known = strings.Fields(cmd.CommandPath())[1:]
	for i := 0; i < len(rest); i++ {
		word := rest[i]
		switch {
		case word == "--":
			return append(known, rest[i:]...), mistakes
		case strings.HasPrefix(word, "--"):
			name, _, inline := strings.Cut(word[2:], "=")
			f := flags.Lookup(name)
			if f == nil && name != "" {
				near := text.Nearest(name, names)
				mistakes = append(mistakes, unknownFlag(cmd, "--"+name, near))
				if near != "" && !inline && takesValue(flags.Lookup(near)) && isValue(i+1) {
					i++
				}
				continue
			}
			known = append(known, word)
			if takesValue(f) && !inline && i+1 < len(rest) {
				i++
				known = append(known, rest[i])
			}
		case len(word) > 1 && word[0] == '-':
			var f *pflag.Flag
			letters := word[1:]
			for letters != "" {
				if f = flags.ShorthandLookup(letters[:1]); f == nil {
					break
				}
				if letters = letters[1:]; takesValue(f) || strings.HasPrefix(letters, "=") {
					break
				}
			}
			if f == nil {
				mistakes = append(mistakes, unknownFlag(cmd, "-"+letters[:1], ""))
				continue
			}
			known = append(known, word)
			if takesValue(f) && letters == "" && i+1 < len(rest) {
				i++
				known = append(known, rest[i])
			}
		default:
			known = append(known, word)
		}
	}
	return known, mistakes
}

func unknownFlag(cmd *cobra.Command, flag, near string) error {
	if near != "" {
		return usageErrorf("%s has no flag %s, did you mean --%s?", cmd.CommandPath(), flag, near)
	}
	return hintf(usageErrorf("%s has no flag %s", cmd.CommandPath(), flag), "%s --help lists the flags", cmd.CommandPath())
}
