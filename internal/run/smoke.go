package run

import "time"

// CreateSmoke makes the directory <out>/smoke-<UTC time>, which nobody had before.
// It is no run's: the link latest stays.
func CreateSmoke(out string, at time.Time) (*Dir, error) {
	path, err := exclusive(out, "smoke", at)
	if err != nil {
		return nil, err
	}
	return &Dir{Path: path}, nil
}
