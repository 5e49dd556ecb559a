"""A page in the browser and an HTTP API on this machine. Requires the extra [web]."""
