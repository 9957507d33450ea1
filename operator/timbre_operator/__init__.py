"""The operator: SpeechEngine and VoiceProfile made true on Kubernetes.

Handlers only unpack; each resource has one idempotent reconcile (observe, decide, apply) from one keyed queue.
"""
