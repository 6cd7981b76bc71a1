import socket

import pytest

from needledrop_local.errors import LocalError
from needledrop_local.ports import free_port, is_free, require_free


def test_a_port_that_something_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        with pytest.raises(LocalError, match=f"port {port} .* is taken"):
            require_free(port)


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    require_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
