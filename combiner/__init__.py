"""The combiner: hands tasks to clients and folds their updates."""
