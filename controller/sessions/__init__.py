"""Sessions: what a user may ask (options), what happens next (machine, plan), and the engine that makes it happen."""
