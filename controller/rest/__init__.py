"""The server of the REST API: an event loop for sockets, a few threads for the views."""
