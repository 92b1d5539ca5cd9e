"""What the guards of the server share."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HttpMiddleware:
    """Sees each HTTP request, and passes on all else, such as the start of the server.

    Args:
        app: the app behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http":
            await self.handle(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request, or pass it on."""
        raise NotImplementedError
