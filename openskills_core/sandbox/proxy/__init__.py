"""The way from a sandbox to the hosts it was granted: a proxy, one process for each run, that holds no secrets.

The spawner forks it. It imports the standard library and `netrules`, nothing that has to be installed.
"""
