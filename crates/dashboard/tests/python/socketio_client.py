"""Uses a terminal of the dashboard as a Python program would.

socketio_client.py ADDRESS TOKEN ACCOUNT DIRECTORY TRANSPORTS
"""

import queue
import sys

import socketio

address, token, account, directory, transports = sys.argv[1:6]
transports = transports.split(",")
LIMIT = 30


def connect(**how):
    client = socketio.Client(reconnection=False)
    events = queue.Queue()
    for name in ("terminal_started", "terminal_output", "terminal_exit", "terminal_error"):
        client.on(name, lambda payload, name=name: events.put((name, payload)))
    client.connect(address, transports=transports, wait_timeout=LIMIT, **how)
    return client, events


def wait_for(events, wanted):
    while True:
        name, payload = events.get(timeout=LIMIT)
        if name == wanted:
            return payload
        assert name != "terminal_error", payload


def output_until(events, end):
    text = ""
    while end not in text:
        text += wait_for(events, "terminal_output")["data"]
    return text


for how in ({"headers": {"X-Auth-Token": token}}, {"auth": {"token": token}}):
    client, events = connect(**how)
    client.emit("start_terminal", {"account_id": account, "cwd": directory})
    started = wait_for(events, "terminal_started")
    assert started["account_id"] == account, started
    output_until(events, "in " + directory)
    client.emit("resize_terminal", {"rows": 33, "cols": 99})
    client.emit("terminal_input", {"data": "héllo\r"})
    text = output_until(events, "33 99")
    assert "got héllo" in text, text
    client.emit("stop_terminal", {})
    assert wait_for(events, "terminal_exit")["signal"] == 1
    client.emit("start_terminal", {"account_id": "none"})
    assert "error" in wait_for(events, "terminal_error")
    client.disconnect()

for how in ({}, {"auth": {"token": "cat_FAKE"}}):
    client = socketio.Client(reconnection=False)
    refusals = queue.Queue()
    client.on("connect_error", refusals.put)
    try:
        client.connect(address, transports=transports, wait_timeout=LIMIT, **how)
    except socketio.exceptions.ConnectionError:
        assert "not signed in" in str(refusals.get(timeout=LIMIT))
    else:
        sys.exit("connected without a right to")

print("all as documented")
