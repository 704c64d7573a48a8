package smoke

import (
	"strings"
	"unicode"
)

// plain is a name without case and separators: agentId, agent_id and Agent-ID are
// agentid.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// singular is the plain name of one member of a collection: agents -> agent.
func singular(name string) string {
	n := plain(name)
	for _, one := range []struct{ end, with string }{{"statuses", "status"}, {"caches", "cache"}} { // what the rules below would spoil
		if base, ok := strings.CutSuffix(n, one.end); ok {
			return base + one.with
		}
	}
	for _, r := range []struct{ end, with string }{{"ies", "y"}, {"sses", "ss"}, {"xes", "x"}, {"ches", "ch"}, {"shes", "sh"}} {
		if strings.HasSuffix(n, r.end) && len(n) > len(r.end)+1 {
			return strings.TrimSuffix(n, r.end) + r.with
		}
	}
	if strings.HasSuffix(n, "s") && !strings.HasSuffix(n, "ss") && !strings.HasSuffix(n, "us") && len(n) > 2 {
		return n[:len(n)-1]
	}
	return n
}

// refSuffixes end the names of fields that refer to another resource, with the
// field of that resource which they hold; "": its id.
var refSuffixes = []struct{ suffix, field string }{
	{"uuid", ""}, {"guid", ""}, {"ids", ""}, {"id", ""}, {"name", "name"}, {"slug", "slug"}, {"key", "key"},
}

// refersTo splits agent_id into agent and "", tool_name into tool and name. ok is
// false for a name that refers to nothing.
func refersTo(name string) (resource, field string, ok bool) {
	n := plain(name)
	for _, s := range refSuffixes {
		if base, ok := strings.CutSuffix(n, s.suffix); ok { // uuid alone is no reference to a uu
			if base == "" {
				return "", "", false
			}
			return base, s.field, true
		}
	}
	return "", "", false
}

// idLike reports whether a field's name is that of an id, its own or another's.
func idLike(name string) bool {
	n := plain(name)
	return n == "id" || n == "uuid" || n == "guid" || strings.HasSuffix(n, "id") && (strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID") || strings.HasSuffix(name, "-id")) ||
		strings.HasSuffix(n, "uuid")
}
