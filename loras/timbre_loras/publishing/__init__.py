"""Where an adapter file is put: one module a kind of place, each with `put`."""
