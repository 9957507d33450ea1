"""A real browser for tests: Debian's Chromium, headless, with its default autoplay policy."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Watched:
    """A page, and what went wrong on it: console errors and warnings, uncaught exceptions."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", self._page_error)

    async def until(self, expression: str, within: float = 30.0) -> Any:
        """Wait until a JavaScript expression is true; its value.

        Playwright's own wait_for_function needs `unsafe-eval`, which the pages' Content-Security-Policy refuses.
        """
        try:
            async with asyncio.timeout(within):
                while not (value := await self.page.evaluate(expression)):
                    await asyncio.sleep(0.02)
                return value
        except TimeoutError:
            raise AssertionError(f"not within {within:g} s: {expression}; errors: {self.errors}") from None

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _page_error(self, error: Error) -> None:
        self.errors.append(f"uncaught: {error}")


def chromium() -> str:
    """Where Chromium is; skips the test where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    return path


@asynccontextmanager
async def browser(*arguments: str) -> AsyncIterator[Browser]:
    """A browser; `arguments` are further flags of Chromium's."""
    path = chromium()
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            headless=True, executable_path=path, args=[*_ARGUMENTS, *arguments], ignore_default_args=["--mute-audio"]
        )
        try:
            yield running
        finally:
            await running.close()


async def open_page(context: Browser | BrowserContext) -> Watched:
    """A new page, watched."""
    return Watched(await context.new_page())


@asynccontextmanager
async def browser_page(*arguments: str, **context: Any) -> AsyncIterator[Watched]:
    """One page in a browser of its own. `context`: of playwright's new_context, e.g. viewport, color_scheme."""
    async with browser(*arguments) as running:
        yield await open_page(await running.new_context(**context))
