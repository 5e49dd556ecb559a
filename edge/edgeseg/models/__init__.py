"""Model files: metadata, shipped models, the selection rule and the tuning cache."""
