"""One module for each command of `timbre-engine`; a command unpacks, delegates and tells the result."""
