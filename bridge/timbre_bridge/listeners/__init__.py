"""Those who listen: a pure session for each, and the hub that knows them all. No sockets here."""
