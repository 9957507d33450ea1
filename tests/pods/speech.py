"""Speech from an engine in a pod."""

import json
import urllib.request


def say(address: str, voice: str, text: str = "Oui.") -> bytes:
    """What the engine at HOST:PORT makes of a text: PCM, whole."""
    body = json.dumps({"model": "tts-1", "input": text, "voice": voice, "response_format": "pcm"}).encode()
    request = urllib.request.Request(f"http://{address}/v1/audio/speech", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        pcm: bytes = answer.read()
        return pcm
