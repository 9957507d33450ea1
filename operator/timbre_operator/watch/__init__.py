"""What changes in the cluster, as kopf's watches tell it, unpacked into the queue's keys. Nothing is decided here."""
