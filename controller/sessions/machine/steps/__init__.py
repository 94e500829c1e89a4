"""The steps of rounds, one in each module. No step knows another: they meet in the round's values."""
