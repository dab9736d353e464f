"""A port that is taken is said, with who holds it and the way out."""

from __future__ import annotations

import os
import socket

import pytest

from common.errors import PortInUse
from common.ports import require_free_port


def test_a_taken_port_names_its_holder_and_the_option_that_helps() -> None:
    """PortInUse carries port, process and option."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            require_free_port("127.0.0.1", port, option="--port")
    text = str(caught.value)
    assert str(port) in text
    assert f"pid {os.getpid()}" in text
    assert "--port" in text


def test_a_free_port_is_left_alone() -> None:
    """A port nobody listens on passes, and can be bound afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    require_free_port("127.0.0.1", port, option="--port")
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))
