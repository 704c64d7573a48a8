package report

import (
	"encoding/json"
	"io"

	"github.com/seed-42693903/lt/internal/run"
)

// JSON writes the Result as it stands in result.json.
func JSON(w io.Writer, r *run.Result, _ Options) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
