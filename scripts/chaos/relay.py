"""TCP relays between the pipeline and its cameras: what a network or a camera does to a connection, on request.

A relay stands for one camera. It listens on a port of its own and passes each connection on to a target
(host, port, path); requests that name the relay are rewritten to name the target. `set` changes what happens
to the connections that are open and to those that come."""
import contextlib
import random
import socket
import threading
import time

# How each fault treats a connection; the target keeps its own behaviour.
KINDS = ("pass", "refuse", "cut", "silent", "freeze", "trickle", "garbage")


class Relay:
    def __init__(self, name, target, seed):
        self.name, self.normal, self.target = name, target, target
        self.kind, self.random = "pass", random.Random(seed)
        self.lock, self.connections = threading.Lock(), set()
        self.connects = 0
        self.listener = None
        self.port = 0
        self._listen()

    @property
    def url(self):
        return f"rtsp://127.0.0.1:{self.port}/{self.name}"

    def set(self, kind, target=None):
        """Begins a fault, or with `pass` and no target ends it. Open connections are cut where the target
        changes, and by every kind that says so."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}, expected one of {', '.join(KINDS)}")
        target = target or self.normal
        # What `silent` swallowed is missing in the stream: no connection goes on after it.
        cut = target != self.target or kind in ("refuse", "cut") or self.kind == "silent"
        self.kind, self.target = kind, target
        if kind == "refuse":
            self.listener.close()
        elif self.listener.fileno() < 0:
            self._listen()
        if cut:
            self.cut()

    def cut(self):
        with self.lock:
            sockets, self.connections = self.connections, set()
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(16)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connects += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        host, port, path = self.target
        try:
            server = socket.create_connection((host, port), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self.lock:
            self.connections |= {client, server}
        here = f"rtsp://127.0.0.1:{self.port}/{self.name}".encode()
        there = f"rtsp://{host}:{port}/{path}".encode()
        threads = [
            threading.Thread(target=self._copy, args=(client, server, here, there), daemon=True),
            threading.Thread(target=self._copy, args=(server, client, None, None), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.lock:
            self.connections -= {client, server}
        client.close()
        server.close()

    def _copy(self, source, sink, old, new):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if old:
                    # A request is one segment of a few hundred bytes.
                    data = data.replace(old, new)
                kind = self.kind
                if kind == "silent" and not old:
                    continue  # the bytes are gone, the connection stays
                while self.kind == "freeze":
                    time.sleep(0.05)
                if kind == "trickle" and not old:
                    for start in range(0, len(data), 64):
                        sink.sendall(data[start : start + 64])
                        time.sleep(0.02)
                        if self.kind != "trickle":
                            sink.sendall(data[start + 64 :])
                            break
                    continue
                if kind == "garbage" and not old:
                    damaged = bytearray(data)
                    for _ in range(max(1, len(damaged) // 200)):
                        damaged[self.random.randrange(len(damaged))] = self.random.randrange(256)
                    data = bytes(damaged)
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
