"""Has a script run by `tests.preloaded`, and stands for it: `launcher.py SOCKET [-u] SCRIPT [ARGUMENT …]`.

Passes its streams, environment and folder on, then each signal, and ends as the script does. It is one of the tests'
own modules in nothing but its place: what it imports, it pays for at every start.
"""

import json
import os
import signal
import socket
import struct
import sys


def main() -> None:
    path, *command = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    request = json.dumps({"command": command, "environment": dict(os.environ), "folder": os.getcwd()}).encode()  # noqa: PTH109
    socket.send_fds(connection, [struct.pack("I", len(request))], [0, 1, 2])
    connection.sendall(request)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: connection.send(bytes([received])))
    answer = connection.recv(4)
    if not answer:
        sys.exit("the process that runs the script for this one has died")
    (code,) = struct.unpack("i", answer)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
