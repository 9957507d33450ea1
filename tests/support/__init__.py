"""What tests share: real processes, a relay that can be cut, a listener that records."""
