"""The deletion of what is old or too much, and of blobs that nothing refers to; and the figures of what is stored."""
