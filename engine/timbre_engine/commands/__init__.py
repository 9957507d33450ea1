"""The subcommands of `timbre-engine` that do not serve, one module each: they unpack, delegate and tell the result."""
