"""What is loaded: the life of models, their instances, their worker processes.

Empty on purpose: a worker process passes through here and imports only what it needs.

- :mod:`~trilith.runtime.bricks`: which bricks are installed, without importing them
- :mod:`~trilith.runtime.loader`: many models at once, on a pool of threads
- :mod:`~trilith.runtime.life`: one model, from its folder to READY and back
- :mod:`~trilith.runtime.threads`: instances in this process
- :mod:`~trilith.runtime.processes`: instances in worker processes, started again when they die
- :mod:`~trilith.runtime.worker`: what such a process runs
"""
