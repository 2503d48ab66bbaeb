"""Container formats, one per file.

A format is a module with two functions: ``sniff(source) -> bool``, which recognises it by content,
and ``read(source) -> Content``. The catalogue finds it by its place in this folder. At most one
format may recognise a file.
"""
