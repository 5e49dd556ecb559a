"""HTML report of a conversion."""
