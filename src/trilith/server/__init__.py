"""The composition root: reads options, wires the parts together, runs.

- :mod:`~trilith.server.options`: everything that a server can be told
- :mod:`~trilith.server.run`: from start to exit status
- :mod:`~trilith.server.control`: what clients and changed repositories ask of it while it runs
- :mod:`~trilith.server.signals`: what ends it
- :mod:`~trilith.server.report`: what people see when start-up is over
"""
