"""`timbre run`: Redis, an engine and the bridge on one machine, with voices read from files.

Belongs here: which processes run with which arguments, and keeping them so. The engine and the bridge are started as
processes, never imported, and so are the commands that get and convert a model. Pure: plan, voices, model_source (which
looks at files), network's parsing; shells: processes, models, launch.
"""
