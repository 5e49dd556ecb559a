"""The subprocess that measures one row, and its client."""
