"""The faults of a run, decided by its seed alone."""
import random
from dataclasses import dataclass

# What is done to a camera's connection: weight, shortest and longest seconds. `cut` is over at once.
NETWORK = {
    "cut": (4, 0.0, 0.0),
    "refuse": (4, 2.0, 12.0),
    "silent": (3, 3.0, 15.0),
    "freeze": (3, 1.0, 15.0),
    "trickle": (2, 3.0, 10.0),
    "garbage": (2, 2.0, 6.0),
}
# Modes of tests/field/hostile/rtsp_server.py: attacks on memory, time, clocks and terminals.
HOSTILE = (
    "fua midlen biglen headers oneline bigsdp tracks bigau70 flood3000 ppsbomb tinyidr tiny tinyfua jumps "
    "rtcpflood ansi ansi404 badbytes sizes stap slowloris unknownmsgs rtpflood"
).split()
# Cameras of tests/field/rtsp/cases that have oddities, as `case:camera`.
ODD = (
    "01-transport-order:* 03-control-urls:* 05-keepalive:* 10-udp-closed:t10-lossytcp 11-rtp-header:* "
    "12-timestamps:* 14-gop-bframes:* 15-packetizing:* 29-setup-answers:t29-asks,t29-dupseq,t29-rtpmap"
).split()
NODE_SIGNALS = ("KILL", "KILL", "STOP", "TERM")


@dataclass(frozen=True)
class Fault:
    at: float  # seconds after the start of the faults
    seconds: float  # how long it lasts
    kind: str  # `network`, `hostile`, `odd` or `node`
    what: str  # the fault itself: a relay's kind, a mode, a camera, a signal
    where: str  # the camera or the node


def plan(seed, seconds, every, cameras, nodes, odd):
    """Faults at times of a Poisson process with a mean of `every` seconds, none in the last 15 s.

    One camera has one fault at a time, and rests for 5 s after it, and so does one node."""
    chance = random.Random(seed)
    faults, free_at = [], {}
    at = chance.expovariate(1 / every)
    while at < seconds - 15:
        kind = chance.choices(("network", "hostile", "odd", "node"), (45, 20, 15, 20))[0]
        if kind == "node":
            # At most one node at a time: what a fault costs stays attributable.
            choices = [node for node in nodes if free_at.get("node", 0) <= at]
            what = chance.choice(NODE_SIGNALS)
            length = chance.uniform(0.5, 2.5) if what == "STOP" else 0.0
        else:
            choices = [camera for camera in cameras if free_at.get(camera, 0) <= at]
            if kind == "network":
                what = chance.choices(list(NETWORK), [weight for weight, _, _ in NETWORK.values()])[0]
                _, shortest, longest = NETWORK[what]
                length = chance.uniform(shortest, longest)
            else:
                what = chance.choice(HOSTILE if kind == "hostile" else odd)
                length = chance.uniform(4.0, 15.0)
        if choices:
            where = chance.choice(choices)
            free_at["node" if kind == "node" else where] = at + length + 5.0
            faults.append(Fault(at, length, kind, what, where))
        at += chance.expovariate(1 / every)
    return faults
