"""The data plane compiled: proxies, queues, pods and clients of one replication as rows of arrays, moved by numba.

Nothing in here knows SimPy or any object of the model: rows in, rows out. `sim.engine` fills the tables, and
`sim.reference` does the same in plain SimPy; both give every request the same fate.
"""
