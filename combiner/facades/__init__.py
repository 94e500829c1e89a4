"""The protocols that the combiner is reached by, each translated into the combiner's own values."""
