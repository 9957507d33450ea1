"""The rim: HTTP and WebSocket, who may come in, and the sockets' two loops."""
