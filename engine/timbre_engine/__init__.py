"""The speech engine: text in, audio out, over HTTP and WebSocket.

Belongs here: backends, admission, the voices an engine holds, the HTTP surface. Does not belong here: agents, rooms,
Redis, Kubernetes. Layers, each importing only those below it:

    cli -> server -> api -> engine -> backend (Protocol) <- espeak, paced
"""
