"""Speaks TLS on 127.0.0.1:443 and passes each request on to a port without: `tls_front.py CERTIFICATE KEY PORT`."""

import socket
import ssl
import sys
import threading

certificate, key, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


def receive(client):
    """One request, with the body that its content-length tells of."""
    request = b""
    while b"\r\n\r\n" not in request:
        chunk = client.recv(65536)
        if not chunk:
            return None
        request += chunk
    head, body = request.split(b"\r\n\r\n", 1)
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                chunk = client.recv(65536)
                if not chunk:
                    return None
                body += chunk
    return head + b"\r\n\r\n" + body


def serve(plain):
    try:
        with context.wrap_socket(plain, server_side=True) as client:
            request = receive(client)
            if request is None:
                return
            with socket.create_connection(("127.0.0.1", int(port))) as server:
                server.sendall(request)
                while answer := server.recv(65536):
                    client.sendall(answer)
    except ssl.SSLError as error:
        print(error, file=sys.stderr)
    except OSError:
        pass  # A client that went away is its own affair.


listener = socket.create_server(("127.0.0.1", 443), backlog=64)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
