"""What comes out of a run: pictures with their marks, the overlay video, and what is said of each frame."""
