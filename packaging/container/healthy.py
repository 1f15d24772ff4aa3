#!/usr/bin/python3 -I
# Whether the graph runs: its last node, the sink, writes its summary once a second, and the page answers.
#
# A container that waits for 'camweave init' is healthy: a restart would only disturb who answers its
# questions. So is one whose cameras are offline: the page reports them, and a restart mends none.
import http.client
import json
import pathlib
import re
import ssl
import sys
import time
import urllib.error
import urllib.request

CONFIGURATION = pathlib.Path("/etc/camweave")
STATE = pathlib.Path("/var/lib/camweave")
# The sink may be slow on a busy machine.
SUMMARY_SECONDS = 30
PAGE_SECONDS = 5


def is_waiting() -> bool:
    """Whether 'run' waits for these files."""
    files = ["dataflows/graph.yml", "cameras.yml"]
    return not all((CONFIGURATION / file).is_file() for file in files)


def page_fault(graph: str, summary: dict) -> str | None:
    """What is wrong with the page of a graph that has one."""
    if not re.search(r"^\s*path:\s*\S*/dashboard\b", graph, re.MULTILINE):
        return None
    addresses = [it for name, it in summary["facts"].items() if name.endswith(".listens")]
    if not addresses:
        return "the page does not listen"
    # The certificate is usually self-signed, and nothing secret is sent.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    encrypted = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), encrypted)
    for address in addresses:
        try:
            opener.open(address, timeout=PAGE_SECONDS).close()
        except urllib.error.HTTPError:
            pass  # an answer: without its token it may be 401
        except (OSError, http.client.HTTPException) as error:
            return f"the page at {address} does not answer: {error}"
    return None


def fault() -> str | None:
    """Why the container is not healthy."""
    if is_waiting():
        return None
    file = STATE / "results/summary.json"
    try:
        written = file.stat().st_mtime
        # The file outlives the container's processes.
        if written <= (STATE / ".started").stat().st_mtime:
            return f"{file} is of an earlier run"
        summary = json.loads(file.read_text())
        graph = (CONFIGURATION / "dataflows/graph.yml").read_text()
    except (OSError, ValueError) as error:
        return f"the graph has not begun: {error}"
    seconds = time.time() - written
    if seconds > SUMMARY_SECONDS:
        return f"{file} is {seconds:.0f} s old, expected at most {SUMMARY_SECONDS}"
    return page_fault(graph, summary)


found = fault()
if found:
    print(found)
sys.exit(1 if found else 0)
