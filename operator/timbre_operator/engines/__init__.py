"""A SpeechEngine's objects: what is seen, what is amiss, what its status says, and the pass that joins them.

`troubles` and `status` are pure; `reconcile` alone speaks to the API. Voices belong elsewhere.
"""
