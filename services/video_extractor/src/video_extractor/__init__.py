"""Video features: frames at 1 fps through Inception v3, a whitened PCA and the quantiser."""

import os

# Read when PyTorch is loaded. Threads that wait for each other sleep, so that the decoder has their core meanwhile.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
