"""The members of a network: combiners and clients register here."""
