"""Pages in a browser, from a server on this machine alone: what they share, and those of a run.

`serve` (address, port, start), `frame` (looks, sentences of errors, a worker) and `picture` (draw, or drop a
file) are for every page.  Of a run: `explore` is the command; `generator`, `classifier` and `training` are
its pages; `studio`, `latents` and `labelled` what stands behind them.
"""
