"""The bridge: what agents publish on Redis becomes speech that streams to listeners.

    source -> intake -> floor -> maker (text -> engine) -> recording -> listeners

Pure cores: intake, floor, recording, track, playout, heard, listeners.session. Thin shells: source, announcer,
engines, server. `dispatcher` joins them.
"""
