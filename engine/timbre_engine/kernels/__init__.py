"""Our own compiled code: what no package computes as fast. Beside each there is a slower way, without it."""
