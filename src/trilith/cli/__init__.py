"""The commands ``trilith`` and ``tritonserver``; each calls a function that anyone can import.

- :mod:`~trilith.cli.flags`: every flag of the server, as a table
- :mod:`~trilith.cli.values`: how the text after a flag becomes a value
- :mod:`~trilith.cli.parse`: from words to values
- :mod:`~trilith.cli.options`: from values to what the server is told
- :mod:`~trilith.cli.usage`: ``--help``
"""
