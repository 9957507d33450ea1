"""Places that files come from: each kind is a few requests over the guarded client."""
