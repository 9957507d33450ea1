"""From a trained PEFT adapter to a voice file that the engine loads.

Starts the engine as a process of its own where it needs one, and imports nothing of it.
"""
