"""The process that measures one row, and its client."""
