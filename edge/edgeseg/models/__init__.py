"""Model files: metadata, shipped models, selection rule and tuning cache."""
