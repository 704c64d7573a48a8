// Package templates holds the files that lt's output is made of. There is no
// logic here: the packages that render own that.
package templates

import "embed"

// Report is the page of one run, report.html.tmpl, the index of a suite,
// suite.html.tmpl, a comparison, compare.html.tmpl, the page of a smoke,
// smoke.html.tmpl, and the style and the script that are written into them;
// uplot.js is uPlot 1.6.32, which draws the charts where scripts run (MIT, its
// licence stands in the file).
//
//go:embed report.html.tmpl suite.html.tmpl compare.html.tmpl smoke.html.tmpl style.css report.js uplot.js
var Report embed.FS

//go:embed scenario.yaml
var scenario []byte

// Scenario is the commented file that `lt scenarios new` writes.
func Scenario() []byte { return append([]byte(nil), scenario...) }
