"""Video features: frames at 1 fps through Inception v3, a whitened PCA and the quantiser."""
