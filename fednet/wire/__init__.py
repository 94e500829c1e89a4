"""Generated from proto/ by `make proto`; nothing else lives here."""
