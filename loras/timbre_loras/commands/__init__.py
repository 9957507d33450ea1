"""One module for each command of `timbre-loras`; a command unpacks, delegates and tells the result."""
