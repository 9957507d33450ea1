"""The one place that knows llama.cpp's library: structs, functions, and thin objects that own what it hands out.

`api` declares what is called of the C interface; `model` and `context` are what the engine works with; `quantise` and
`file` serve conversion and reading rows. Nothing here knows speech.
"""
