"""Resumable uploads by tus 1.0, https://tus.io/protocols/resumable-upload: for large files and lines that break."""
