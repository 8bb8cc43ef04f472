from benchmarks import machine


def test_processor_and_memory_are_read_from_proc() -> None:
    assert machine.processor("processor\t: 0\nmodel name\t: A Processor (R) 9\n") == "A Processor (R) 9"
    assert machine.memory("MemTotal:       2097152 kB\nMemFree: 1 kB\n") == "2.0 GiB"
    assert machine.memory("") == "unknown"


def test_the_slug_can_stand_in_a_file_name() -> None:
    name = machine.slug({"processor": "Intel(R) Xeon(R) CPU @ 2.20GHz", "cores": "2"})
    assert name == "intel-xeon-2-20ghz-2-cores"
