"""The combiner's values and decisions: frozen dataclasses, and machines that take events and give instructions."""
