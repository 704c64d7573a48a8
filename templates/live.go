package templates

import "embed"

// Live is the page of a run that goes on, live.html.tmpl, and what only it needs;
// the rest of its style and its charts are those of Report.
//
//go:embed live.html.tmpl live.css live.js
var Live embed.FS
