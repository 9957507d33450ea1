"""What every part of Timbre shares: the wire, H-Link, the documents, errors, tokens, settings.

Belongs here: data and pure functions that two components must agree on. Does not belong here: sockets, threads,
anything that only one component needs.
"""
