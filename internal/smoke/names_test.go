package smoke

import "testing"

// TestNames: a field finds the collection whose id it holds by these rules alone.
func TestNames(t *testing.T) {
	for collection, want := range map[string]string{
		"agents": "agent", "Agents": "agent", "order-items": "orderitem", "companies": "company", "ties": "tie",
		"addresses": "address", "boxes": "box", "axes": "axe", "branches": "branch", "cases": "case", "news": "new",
		"status": "status", "statuses": "status", "order_statuses": "orderstatus", "caches": "cache", "data": "data", "is": "is",
	} {
		if got := singular(collection); got != want {
			t.Errorf("singular(%q) = %q, want %q", collection, got, want)
		}
	}
	for field, want := range map[string]struct {
		resource, field string
		ok, id          bool
	}{
		"agent_id": {"agent", "", true, true}, "agentId": {"agent", "", true, true}, "agent-ids": {"agent", "", true, false},
		"tool_name": {"tool", "name", true, false}, "owner_uuid": {"owner", "", true, true},
		"id": {"", "", false, true}, "uuid": {"", "", false, true}, "name": {"", "", false, false},
		"description": {"", "", false, false}, "paid": {"pa", "", true, false},
	} {
		resource, holds, ok := refersTo(field)
		if resource != want.resource || holds != want.field || ok != want.ok || idLike(field) != want.id {
			t.Errorf("%s: %q, %q, %v, an id: %v; want %+v", field, resource, holds, ok, idLike(field), want)
		}
	}
	for _, c := range []struct {
		field, collection string
		want              bool
	}{
		{"id", "/v1/agents", true},
		{"agent_id", "/v1/agents", true},
		{"status_id", "/v1/statuses", true},
		{"cache_id", "/caches", true},
		{"owner_id", "/v1/agents", false},
		{"name", "/v1/agents", false},
	} {
		if got := ownID(c.field, c.collection); got != c.want {
			t.Errorf("ownID(%q, %q) = %v", c.field, c.collection, got)
		}
	}
}

// TestPriority: what breaks more than the error rate allows is P0, an answer off
// contract is not.
func TestPriority(t *testing.T) {
	for _, c := range []struct {
		state State
		share float64
		want  string
	}{
		{Broken, 0.02, "P0"}, {Broken, 0.01, "P1"}, {Broken, 0, "P1"}, {Missing, 1, "P0"}, {OffContract, 1, "P1"},
	} {
		if got := priority(&Blocker{State: c.state, Share: c.share}); got != c.want {
			t.Errorf("%s, share %v: %s, want %s", c.state, c.share, got, c.want)
		}
	}
}
