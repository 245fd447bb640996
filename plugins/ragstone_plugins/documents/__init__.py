"""The parser `documents`: the reference library of each format, run in worker processes with limits.

In the server: `plugin` and `pool`. In the workers: `worker`, `sniff`, `readers` and the reader of each format. The two
sides share `outcome` and nothing heavy.
"""
