"""The audio extractor: 16 kHz sound in, VGGish features out."""
