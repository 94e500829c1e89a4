"""The digits example: handwritten digits, split unevenly between clients, and a package for them."""
