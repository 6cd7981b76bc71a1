"""What is kept of a file's bytes, whichever tracks, clips and pairs share them."""
