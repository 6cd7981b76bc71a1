"""A proxy of this machine that cuts connections after so many bytes of what the client sends."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class CuttingProxy:
    """`after()`: how many bytes the next connection may send; None for all it wants."""

    target: int
    after: Callable[[], int | None]
    cuts: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        left = self.after()
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.target)) as server:
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()
            while data := client.recv(1 << 14):
                if left is not None and len(data) > left:
                    server.sendall(data[:left])
                    self.cuts += 1
                    # Closing alone would tell nobody while the other thread still reads from it.
                    server.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)
                left = None if left is None else left - len(data)

    @staticmethod
    def _back(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 14):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
