"""The combiner's I/O: carries out the decisions of `machine` with files, numbers, processes and clients."""
