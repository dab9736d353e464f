"""HTTP by llhttp, for a third of what pure Python takes, with a bound on a request's head: uvicorn
has one for the latter alone.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""Request line and headers together."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's, which ends a connection whose head does not."""

    _is_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._is_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self._ends_here(data):
                self.send_400_response("the request's head is too long")
                return
        super().data_received(data)

    def _ends_here(self, data: bytes) -> bool:
        """A body may come along with the end of its head."""
        return self._head_bytes - len(data) <= MAX_HEAD_BYTES and b"\r\n\r\n" in data

    def on_headers_complete(self) -> None:
        """The head is over."""
        self._is_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Another head may begin."""
        self._is_head = True
        super().on_message_complete()
