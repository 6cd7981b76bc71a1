"""What this project is measured against: our own plain implementation of the straightforward way.

It is written as one would write it first, after the shape of uzeful/VA_Project: files between the steps, whole files in
memory, default settings. Both ways get the same weights and PCA.
"""
