"""The `timbre` command's subcommands: each one takes its arguments, calls the client or a pure core, and prints."""
