"""fednet's own protocol, gRPC: the services, and the translation of their messages."""
