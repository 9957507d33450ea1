"""What SpeechEngines shall speak, and what becomes of it: profiles, the voices document, its parts, routes, statuses.

`reconcile` alone speaks to the API server and, by `timbre_operator.pods`, to pods; all else is pure.
"""
