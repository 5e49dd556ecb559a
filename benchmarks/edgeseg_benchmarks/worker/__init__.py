"""Process that measures a row, and its client."""
