"""Where an adapter is put: one module a kind of place, each with `put`, which takes the files in their order.

The last is the adapter, whose place is returned; before it comes what it names.
"""
