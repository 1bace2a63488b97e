"""Pages in a browser, from a server on this machine alone: what they share, and those of a run.

`serve` (address, port, start) and `frame` (looks, sentences of errors, pictures) are for every page.
"""
