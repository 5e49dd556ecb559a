"""Local web page and HTTP API (extra `web`)."""
