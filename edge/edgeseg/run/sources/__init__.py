"""Sources of frames: files, videos, cameras, standard input and watched folders."""
