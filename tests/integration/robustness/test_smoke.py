import time, threading, json, socket, gzip, zlib
import grpc
from tritonclient.grpc import service_pb2 as pb
def test_it_starts(server):
    def show(title, result): print("##", title, "->", str(result)[:400], flush=True)
    ch = grpc.insecure_channel(f"127.0.0.1:{server.grpc}", options=[("grpc.max_send_message_length",-1)])
    def call(msg, method="/inference.GRPCInferenceService/ModelInfer", md=None, timeout=10, comp=None, out=pb.ModelInferResponse.FromString):
        data = msg if isinstance(msg, bytes) else msg.SerializeToString()
        try:
            r = ch.unary_unary(method, request_serializer=lambda x:x, response_deserializer=out)(data, timeout=timeout, metadata=md, compression=comp)
            return str(r).replace("\n"," ")
        except grpc.RpcError as e:
            return e.code().name, e.details()
    def req(model="simple", inputs=(("IN","FP32",[1,4]),), raw=(b"\0"*16,), **more):
        m = pb.ModelInferRequest(model_name=model, **more)
        for n,d,s in inputs: m.inputs.add(name=n, datatype=d, shape=s)
        m.raw_input_contents.extend(raw)
        return m
    show("good", call(req()))
    for title, m in [("unknown",req("nope")),("ver",req(model_version="7")),("ver x",req(model_version="x")),("not ready",req("stillborn")),("missing",req(inputs=(),raw=())),("dup",req(inputs=(("IN","FP32",[1,4]),)*2,raw=(b"\0"*16,)*2)),("raw count",req(raw=(b"",b""))),("raw short",req(raw=(b"\0"*15,))),("neg",req("free",inputs=(("IN","FP32",[-1,4]),))),("2^62",req("free",inputs=(("IN","FP32",[2**62,4]),))),("2^62,0",req("free",inputs=(("IN","FP32",[2**62,0]),),raw=(b"",))),("minint",req("free",inputs=(("IN","FP32",[-2**63,-2**63]),))),("-1x0",req("free",inputs=(("IN","FP32",[-1,0]),),raw=(b"",))),("str",req("strings",inputs=(("IN","BYTES",[1]),),raw=(b"\xff\xff\xff\xffa",))),("long model",req("n"*500000)),("long é model",req("é"*50000)),("long name",req(inputs=(("n"*500000,"FP32",[1,4]),))),("long dt",req(inputs=(("IN","n"*500000,[1,4]),))),("long ver",req(model_version="7"*500000)),("over",req(raw=(b"\0"*(1<<20),))),("way over",req(raw=(b"\0"*(8<<20),)))]:
        t=time.monotonic(); show(title+" %.3f"%(time.monotonic()-t), call(m))
    naughty = lambda do: (lambda m: (m.parameters["do"].__setattr__("string_param", do), m)[1])(req("naughty", inputs=(("IN","FP32",[4]),)))
    show("long message", call(naughty("long_message")))
    show("good", call(req()))
    show("hang", call(naughty("hang_until_cancelled"), timeout=0.2))
    show("tell", call(naughty("tell")))
    import random
    rnd=random.Random(1)
    for title, data in [("garbage",b"\xff"*100),("empty",b""),("cut",req().SerializeToString()[:-5]),("group",b"\x0b\x0c"),("deep",b"\x2a\x04"*1000),("len lie",b"\x0a\xff\xff\xff\xff\x0f"),("field0",b"\x00\x00"),("random",rnd.randbytes(1000)), ("bad utf8", b"\x0a\x02\xff\xfe")]:
        show("PB "+title, call(data))
        show("PB meta "+title, call(data,"/inference.GRPCInferenceService/ModelMetadata"))
    show("unknown rpc", call(b"", "/inference.GRPCInferenceService/Nope"))
    show("unknown svc", call(b"", "/a.b/Nope"))
    show("weird path", call(b"", "/"))
    show("shm", call(b"", "/inference.GRPCInferenceService/SystemSharedMemoryStatus"))
    show("comp bomb", call(req(raw=(b"\0"*(64<<20),)), comp=grpc.Compression.Gzip))
    show("good", call(req(), comp=grpc.Compression.Gzip))
    show("grpc-encoding lie", call(req(), md=(("grpc-encoding","gzip"),)))
    show("bad timeout", call(req(), md=(("grpc-timeoutx","gzip"),)))
    show("big metadata", call(req(), md=tuple((f"a{i}","b"*1000) for i in range(100))))
    show("good", call(req()))
    # two messages in a unary call
    try: show("two msgs", ch.stream_unary("/inference.GRPCInferenceService/ModelInfer")(iter([req().SerializeToString()]*2), timeout=5))
    except grpc.RpcError as e: show("two msgs", (e.code(), e.details()))
    try: show("no msgs", ch.stream_unary("/inference.GRPCInferenceService/ModelInfer")(iter([]), timeout=5))
    except grpc.RpcError as e: show("no msgs", (e.code(), e.details()))
    for title, items in [("garbage in stream",[b"\xff"*10, req().SerializeToString(), req("nope").SerializeToString(), req(raw=(b"\0"*(2<<20),)).SerializeToString(), req().SerializeToString()])]:
        try:
            for r in ch.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")(iter(items), timeout=5): show(title, pb.ModelStreamInferResponse.FromString(r))
        except grpc.RpcError as e: show(title, (e.code(), e.details()))
    def raw(server, data, port=None, timeout=3):
        s=socket.create_connection(("127.0.0.1", port or server.grpc), timeout=timeout)
        t=time.monotonic(); out=b""
        try:
            s.sendall(data)
            while True:
                part=s.recv(65536)
                if not part: return out
                out+=part
        except (TimeoutError,BrokenPipeError,ConnectionResetError) as e: return out+ (" <%s %.1f>"%(type(e).__name__, time.monotonic()-t)).encode()
        finally: s.close()
    P=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    def frame(kind, flags, stream, payload): return len(payload).to_bytes(3,"big")+bytes([kind,flags])+stream.to_bytes(4,"big")+payload
    def lit(n,v): return bytes([0,len(n)])+n+bytes([len(v)])+v
    def headers(path=b"/inference.GRPCInferenceService/ModelInfer", ct=b"application/grpc", method=b"POST"):
        return lit(b":method",method)+lit(b":scheme",b"http")+lit(b":path",path)+lit(b":authority",b"x")+lit(b"content-type",ct)+lit(b"te",b"trailers")
    S=frame(4,0,0,b"")
    for title,data in [("wrong ct",P+S+frame(1,5,1,headers(ct=b"text/html"))),("json ct",P+S+frame(1,5,1,headers(ct=b"application/grpcfoo"))),("GET",P+S+frame(1,5,1,headers(method=b"GET"))),("cut msg",P+S+frame(1,4,1,headers())+frame(0,1,1,b"\0\0\0\0\x05a")),("1GiB claim",P+S+frame(1,4,1,headers())+frame(0,1,1,b"\0\x40\0\0\0a")),("compressed flag",P+S+frame(1,4,1,headers())+frame(0,1,1,b"\1\0\0\0\1a")),("flag 7",P+S+frame(1,4,1,headers())+frame(0,1,1,b"\7\0\0\0\1a")),("bad hpack",P+S+frame(1,5,1,b"\xff"*50)),("stream 0 data",P+S+frame(0,0,0,b"x")),("even stream",P+S+frame(1,5,2,headers())),("continuation flood",P+S+frame(1,0,1,headers())+frame(9,0,1,lit(b"a",b"b"*100))*3000),("rst flood",P+S+b"".join(frame(1,4,2*i+1,headers())+frame(3,0,2*i+1,b"\0\0\0\x08") for i in range(3000))),("settings flood",P+S*20000),("ping flood",P+S+frame(6,0,0,b"12345678")*20000),("uppercase hdr",P+S+frame(1,5,1,headers()+lit(b"ABC",b"x"))),("no path",P+S+frame(1,5,1,lit(b":method",b"POST"))),("window overflow",P+S+frame(8,0,0,b"\x7f\xff\xff\xff")*2),("window 0",P+S+frame(8,0,0,b"\0\0\0\0"))]:
        r=raw(server,data); show("H2 "+title, (len(r), r[-200:]))
    show("good", call(req()))
    print(server.log()[-1500:])
