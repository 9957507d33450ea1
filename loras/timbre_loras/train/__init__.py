"""From recordings to a PEFT adapter; commands import it when they are asked for, since it wants PyTorch."""
