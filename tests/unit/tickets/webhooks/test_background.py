"""The loop in which webhooks are sent, without any."""

from collections.abc import AsyncIterator

from tickets.webhooks.background import Background


def test_a_body_that_was_not_read_to_its_end_is_closed_before_the_loop_ends() -> None:
    closed: list[bool] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"part"
        finally:
            closed.append(True)

    async def read_the_beginning() -> None:
        await anext(unread)

    unread, background = body(), Background()
    background.submit(read_the_beginning()).result()

    background.close()

    assert closed == [True]
