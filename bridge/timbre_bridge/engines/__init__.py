"""The engines as the bridge uses them: one client each, a pool of open streams, their health, and the routes."""
