"""The engine's HTTP surface: OpenAI's speech endpoint, the WebSocket stream, what is asked about an engine, and the
administration on a port of its own. Handlers parse, delegate and encode; they decide nothing about speech.
"""
