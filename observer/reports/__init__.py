"""Reports for people: what was found out, as a page, as Markdown, as JSON, as files to run."""
