"""From recordings to a PEFT adapter. PyTorch is imported by modules that compute with it, and by no command's module."""
