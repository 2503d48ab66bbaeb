"""Methods of sparse training, each a composition of parts: ``(net, *, density, …) -> Sparsifier``.

A method is one file; its function has the name of the file.
"""
