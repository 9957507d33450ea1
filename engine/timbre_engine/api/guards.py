"""What stands before the handlers: errors as answers, who may administer, and no web pages."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from timbre_common.errors import Forbidden, TimbreError, TooLarge, Unauthorized
from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.api import errors

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error as OpenAI's error object."""
    try:
        return await handler(request)
    except TimbreError as error:
        return errors.response(error)
    except web.HTTPRequestEntityTooLarge:
        return errors.response(TooLarge("the request is longer than any that is taken here"))
    except web.HTTPException as error:
        message = {"message": error.reason, "type": "invalid_request_error", "param": None, "code": None}
        headers = {name: value for name, value in error.headers.items() if name == "Allow"}
        return web.json_response({"error": message}, status=error.status, headers=headers)
    except ConnectionError:
        raise
    except Exception as error:
        return errors.response(errors.internal(error))


@web.middleware
async def refuse_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Raises Forbidden for what a web page asks."""
    if "Origin" in request.headers:
        raise Forbidden("web pages have no business here")
    return await handler(request)


def authorize(request: web.Request, tokens: AdminTokens) -> None:
    """Raises Unauthorized without one of the administration's tokens."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not tokens.allow(token.strip()):
        raise Unauthorized("the administration's token is right, as Authorization: Bearer …")
