"""From frames to results: decoding, segmenting and writing at the same time, until the source or the user ends it."""
