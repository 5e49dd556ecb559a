"""Worker process that measures one row of a benchmark, and the client of this process."""
