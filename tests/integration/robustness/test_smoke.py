import time, threading
DO = "raise raise_bare raise_unprintable none too_few too_many strange list_of_none no_output other_name other_datatype other_rank objects complex surrogates long_message sys_exit recurse allocate write keep compare_kept change_after_answering change_signals fork print start_program".split()
def test_it_starts(server):
    for do in DO:
        t=time.monotonic()
        status, answer = server.infer("naughty", {"parameters":{"do":do}, "inputs": [{"name": "IN", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]}]})
        print("##", do, status, str(answer)[:300], "%.3f"%(time.monotonic()-t), flush=True)
        t=time.monotonic()
        status, answer = server.infer("naughty", {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]}]})
        print("      next", status, str(answer)[:100], "%.3f"%(time.monotonic()-t), flush=True)
    for do in "exit segfault kill close_descriptors".split():
        t=time.monotonic()
        status, answer = server.infer("crashing", {"parameters":{"do":do}, "inputs": [{"name": "IN", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]}]})
        print("##", do, status, str(answer)[:300], "%.3f"%(time.monotonic()-t), flush=True)
        t=time.monotonic()
        status, answer = server.infer("crashing", {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [4], "data": [1, 2, 3, 4]}]})
        print("      next", status, str(answer)[:100], "%.3f"%(time.monotonic()-t), flush=True)
    print(server.log()[-12000:])
