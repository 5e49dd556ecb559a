"""From photographs with vessel masks to a checkpoint (extra `train`)."""
