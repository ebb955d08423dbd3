"""Answer what is not an HTTP request: Django knows nothing else, and would raise an error for it."""

from config.web.asgi_types import Application, Receive, Scope, Send


def http_alone(application: Application) -> Application:
    """Refuse WebSockets, which the server answers with a 403, and let it start and end."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "websocket":
                await receive()
                await send({"type": "websocket.close"})
            case "lifespan":
                await _live(receive, send)
            case _:
                await application(scope, receive, send)

    return answer


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
