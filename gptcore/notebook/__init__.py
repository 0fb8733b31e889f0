"""Parts of what a notebook shows of a value: escaped HTML and small pictures. Knows no model, trace or map."""
