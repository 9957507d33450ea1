"""The pod's fetcher: stands before the engine's administration, and brings the files that its voices name.

Belongs here: the guarded client, the sources over it, the adapters volume, and the way of a voices document to the
engine. Does not belong here: what the files mean (the engine looks at them), Kubernetes. Layers:

    app -> desk -> downloads -> sources -> client -> rules, addresses, answers (pure)
                        └─────> volume
"""
