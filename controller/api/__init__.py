"""The REST API: one module per resource, each with thin views that parse, call and map."""
