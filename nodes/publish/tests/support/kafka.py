"""A Kafka broker for the tests: librdkafka's mock cluster, behind a front that can be closed, made deaf,
encrypted and locked, and a consumer that writes down what has arrived.

It is told what to do on standard input, a line each, and says `done` (or a port) when it has done so.
"""

import argparse
import base64
import contextlib
import ctypes
import hashlib
import hmac
import json
import logging
import os
import secrets
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition

TOPIC = "events"
PARTITIONS = 2
PRODUCE, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 0, 17, 18, 36
ERRORS = {"unknown-topic": 3, "too-large": 10, "denied": 29}


def librdkafka():
    """The library of the Python package, which has the mock cluster's functions."""
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    [path] = folder.glob("librdkafka*")
    library = ctypes.CDLL(path)
    pointers = ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new")
    for name in pointers:
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class Cluster:
    """One broker with one topic."""

    def __init__(self):
        self.library = librdkafka()
        error = ctypes.create_string_buffer(512)
        conf = self.library.rd_kafka_conf_new()
        client = self.library.rd_kafka_new(0, ctypes.c_void_p(conf), error, len(error))
        assert client, error.value
        cluster = self.library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1)
        self.cluster = ctypes.c_void_p(cluster)
        self.library.rd_kafka_mock_topic_create(self.cluster, TOPIC.encode(), PARTITIONS, 1)
        address = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()
        self.port = int(address.rsplit(":", 1)[1])

    def is_at(self, port):
        """Where clients are sent."""
        self.library.rd_kafka_mock_broker_set_host_port(self.cluster, 1, b"localhost", port)

    def refuse(self, error):
        """What the next request to write is answered with."""
        self.library.rd_kafka_mock_push_request_errors(self.cluster, PRODUCE, 1, error)

    def topic_error(self, error):
        """What clients that ask for the topic are answered with; 0 for nothing."""
        self.library.rd_kafka_mock_topic_set_error(self.cluster, TOPIC.encode(), error)


def read(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def read_frame(stream):
    (length,) = struct.unpack(">i", read(stream, 4))
    return read(stream, length)


def write_frame(stream, frame):
    stream.sendall(struct.pack(">i", len(frame)) + frame)


class Sasl:
    """The broker's side of SASL, by RFC 4616 and RFC 5802."""

    def __init__(self, users, mechanism):
        self.users, self.mechanism = users, mechanism
        self.first = None

    def handshake(self, body):
        (length,) = struct.unpack(">h", body[:2])
        is_known = body[2 : 2 + length].decode() == self.mechanism
        name = self.mechanism.encode()
        return struct.pack(">hih", 0 if is_known else 33, 1, len(name)) + name

    def authenticate(self, body):
        """The answer, and whether that is the end, well or not."""
        (length,) = struct.unpack(">i", body[:4])
        data = body[4 : 4 + length]
        answer, is_in = self.step(data)
        if answer is None:
            # What a hostile broker might do: it quotes the secret.
            message = f"not {data!r}".encode()
            head = struct.pack(">hh", 58, len(message)) + message
            return head + struct.pack(">iq", 0, 0), None
        return struct.pack(">hhi", 0, -1, len(answer)) + answer + struct.pack(">q", 0), is_in

    def step(self, data):
        if self.mechanism == "PLAIN":
            _, user, password = data.decode().split("\0")
            return (b"", True) if self.users.get(user) == password else (None, False)
        hash_name = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}[self.mechanism]
        if self.first is None:
            client_first = data.decode().split(",", 2)[2]
            fields = dict(field.split("=", 1) for field in client_first.split(","))
            nonce, salt = fields["r"] + secrets.token_hex(8), secrets.token_bytes(16)
            server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
            self.first = (client_first, server_first, salt, fields["n"])
            return server_first.encode(), False
        client_first, server_first, salt, user = self.first
        without_proof, proof = data.decode().rsplit(",p=", 1)
        salted = hashlib.pbkdf2_hmac(hash_name, self.users.get(user, "").encode(), salt, 4096)
        message = ",".join((client_first, server_first, without_proof)).encode()

        def mac(key, text):
            return hmac.new(key, text, hash_name).digest()

        client_key = mac(salted, b"Client Key")
        signature = mac(hashlib.new(hash_name, client_key).digest(), message)
        expected = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if not hmac.compare_digest(expected, base64.b64decode(proof)):
            return None, False
        verifier = mac(mac(salted, b"Server Key"), message)
        return b"v=" + base64.b64encode(verifier), True


class Front:
    """What clients see of the cluster."""

    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.is_deaf = False
        self.connections = set()
        self.tls = None
        if options.certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(options.certificate, options.key)
        self.listener = None
        self.port = 0
        self.open()
        cluster.is_at(self.port)

    def open(self):
        self.is_deaf = False
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        # A listener that another thread waits for is only woken by a shutdown.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for stream in list(self.connections):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                stream, _ = listener.accept()
                threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        behind = socket.create_connection(("127.0.0.1", self.cluster.port))
        self.connections |= {stream, behind}
        with contextlib.suppress(OSError, ConnectionError):
            if self.tls:
                stream = self.tls.wrap_socket(stream, server_side=True)
            if self.options.sasl:
                self.let_in(stream, behind)
            threading.Thread(target=self.answers, args=(behind, stream), daemon=True).start()
            while True:
                frame = read_frame(stream)
                if self.is_too_new(frame, stream):
                    continue
                (api,) = struct.unpack(">h", frame[:2])
                limit = self.options.most_bytes
                if api == PRODUCE and limit and len(frame) > limit:
                    self.cluster.refuse(ERRORS["too-large"])
                write_frame(behind, frame)
        for end in (stream, behind):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def answers(self, behind, stream):
        with contextlib.suppress(OSError, ConnectionError):
            while True:
                frame = read_frame(behind)
                if not self.is_deaf:
                    write_frame(stream, frame)

    @staticmethod
    def is_too_new(frame, stream):
        """Whether a client asks what the broker can do in a version that it does not know.

        That is answered in version 0 by KIP-511, which the cluster does not keep to.
        """
        api, version, correlation = struct.unpack(">hhi", frame[:8])
        if api != API_VERSIONS or version <= 2:
            return False
        write_frame(stream, struct.pack(">ihihhh", correlation, 35, 1, API_VERSIONS, 0, 2))
        return True

    def let_in(self, stream, behind):
        sasl = Sasl({"reader": "reader", "warden": self.options.password}, self.options.sasl)
        is_in = False
        while not is_in:
            frame = read_frame(stream)
            if self.is_too_new(frame, stream):
                continue
            api, _, correlation, name = struct.unpack(">hhih", frame[:10])
            body = frame[10 + max(name, 0) :]
            if api == API_VERSIONS:
                write_frame(behind, frame)
                answer = read_frame(behind)
                # After the id and an error: what the broker can do, here with SASL.
                (count,) = struct.unpack(">i", answer[6:10])
                more = struct.pack(">hhhhhh", SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 1)
                write_frame(stream, answer[:6] + struct.pack(">i", count + 2) + more + answer[10:])
                continue
            if api == SASL_HANDSHAKE:
                answer = sasl.handshake(body)
            elif api == SASL_AUTHENTICATE:
                answer, is_in = sasl.authenticate(body)
            else:
                raise ConnectionError("nobody gets anything before that")
            write_frame(stream, struct.pack(">i", correlation) + answer)
            if is_in is None:
                raise ConnectionError("it is not let in")


def consume(front, options):
    """Writes down what is in the topic."""
    settings = {
        "bootstrap.servers": f"localhost:{front.port}",
        "group.id": "test",
        "reconnect.backoff.max.ms": 100,
    }
    protocol = ("sasl_" if options.sasl else "") + ("ssl" if options.certificate else "plaintext")
    settings["security.protocol"] = protocol
    if options.certificate:
        settings["ssl.ca.location"] = options.certificate
    if options.sasl:
        settings |= {"sasl.mechanism": options.sasl, "sasl.username": "reader", "sasl.password": "reader"}
    # It says whenever it finds the front closed.
    consumer = Consumer(settings, logger=logging.getLogger("quiet"))
    consumer.assign([TopicPartition(TOPIC, it, 0) for it in range(PARTITIONS)])
    with Path(options.lines).open("w", encoding="utf-8") as lines:
        while True:
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue
            row = {
                "partition": message.partition(),
                "key": message.key().decode(),
                "value": message.value().decode(),
                "headers": {name: value.decode() for name, value in message.headers()},
            }
            print(json.dumps(row), file=lines, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lines")
    parser.add_argument("--most-bytes", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--sasl")
    parser.add_argument("--password")
    options = parser.parse_args()
    cluster = Cluster()
    front = Front(cluster, options)
    threading.Thread(target=consume, args=(front, options), daemon=True).start()
    print(front.port, flush=True)
    for line in sys.stdin:
        match line.split():
            case ["close"]:
                front.close()
            case ["open"]:
                front.open()
            case ["deaf"]:
                front.is_deaf = True
            case ["topic", error]:
                cluster.topic_error(ERRORS.get(error, 0))
            case ["password", password]:
                options.password = password
            case other:
                raise ValueError(other)
        print("done", flush=True)


if __name__ == "__main__":
    main()
    # The library's threads would be waited for.
    os._exit(0)
