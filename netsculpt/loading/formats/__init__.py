"""One file a container format.

A format is a file here with two functions: ``sniff(source) -> bool``, which recognises it by
content, and ``read(source) -> Content``. It is found by being there. At most one format may
recognise a file.
"""
