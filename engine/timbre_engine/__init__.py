"""The speech engine: text in, audio out, over HTTP and WebSocket.

Belongs here: backends, admission, the voices an engine holds, the HTTP surface. Does not belong here: agents, rooms,
Redis, Kubernetes. Layers, each importing only those below it:

    cli -> server -> api -> engine -> backend (Protocol) <- espeak, paced
"""

import os

# ONNX Runtime's wheels carry telemetry to Microsoft, and keep an id of the machine in the user's cache from the first
# session on, unless this says no before they are imported. No part of what runs here tells on its user.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
