"""How far a quantised model directory is from float32: in each head's logits, and in what a recogniser hears.

Belongs here: what `timbre-engine score` measures. Not: anything that speaking needs.
"""
