"""Timbre's resources as the API server gives them, as types. No requests here, and no Kubernetes client."""
