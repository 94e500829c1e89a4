"""Parts of a network that stand in for many, so that one machine can measure the rest."""
