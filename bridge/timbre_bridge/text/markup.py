"""Second stage: Markdown and HTML out, block by block and mark by mark, as the text comes.

markdown-it-py parses whole documents: what a later line makes of an earlier one (a setext heading, a reference, an
unclosed emphasis) is known at the end. Speech cannot wait for that, so this is a reader of its own: it decides on the
shortest text after which no later character changes what is read, and borrows markdown-it's rules for what it holds
whole (tags and autolinks, see `links`).
"""

import re
from collections.abc import Callable

from timbre_bridge.text import inline
from timbre_bridge.text.blocks import Block, Start, read_start
from timbre_bridge.text.inline import Read
from timbre_bridge.text.marks import BREAK, EM_CLOSE, EM_OPEN

_INDENT = re.compile(r"[ \t]+")
_CODE = re.compile(r"[^`\n]+")
_SKIPPED_RUN = re.compile(r"[^\s)]*\)?")
_UNREAD_BLOCKS = (Block.FENCE, Block.DEFINITION)


class Markup:
    """Takes text, gives what of it is read, with marks for the ends of blocks and for single asterisks."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._final = False
        self._out: list[str] = []
        self._mode: Callable[[], bool] = self._line
        self._recent = ""  # the last two characters taken
        self._block = Block.BLANK  # what the line that is being read belongs to
        self._in_list = False
        self._quoted = self._line_quoted = False
        self._emphasis = False
        self._code = 0  # how many backticks opened the code that is being read
        self._brackets = 0
        self._fence = ""
        self._end = ""  # what ends the element or comment that is being skipped

    def feed(self, piece: str) -> str:
        """The text that is certain to be read."""
        self._text += piece
        return self._run()

    def finish(self) -> str:
        """The rest: unclosed marks are dropped and their text is read, save for code and unread elements."""
        self._final = True
        rest = self._run()
        return rest + BREAK if self._in_list or self._block in (Block.HEADING, Block.ROW) else rest

    def _run(self) -> str:
        while self._at < len(self._text) and self._mode():
            pass
        self._text, self._at = self._text[self._at :], 0
        result = "".join(self._out)
        self._out.clear()
        return result

    def _take(self, end: int, read: str = "") -> bool:
        """Take the text up to `end`, of which `read` is read."""
        self._recent = (self._recent + self._text[max(self._at, end - 2) : end])[-2:]
        self._at = end
        if read:
            self._out.append(read)
        return True

    def _break(self) -> None:
        self._out.append(BREAK)
        self._emphasis = False
        self._code = self._brackets = 0

    def _line(self) -> bool:
        """At the start of a line, or after a marker at its start."""
        match = _INDENT.match(self._text, self._at)
        if match:
            return self._take(match.end())
        start = read_start(self._text, self._at, final=self._final)
        if start is None:
            return False
        interrupts = self._block is Block.BLANK or self._in_list or start.read == "1. "
        if start.block is Block.NUMBERED and not interrupts:  # "né en\n45. Puis" is no list
            start = Start(Block.TEXT, 0)
        self._open(start)
        return True

    def _open(self, start: Start) -> None:
        block = start.block
        if block is Block.QUOTE:
            self._line_quoted = True
        elif block is not Block.TEXT:
            self._break()
        if block is Block.FENCE:
            self._fence = self._text[self._at : self._at + start.length]
        self._take(self._at + start.length, start.read)
        self._in_list |= block in (Block.ITEM, Block.NUMBERED)
        if block in (Block.BLANK, Block.RULE):
            self._block = Block.BLANK
            self._in_list = self._line_quoted = False
        elif block in _UNREAD_BLOCKS:
            self._mode = self._skip_line
        elif block not in (Block.QUOTE, Block.ITEM):
            if block is Block.TEXT and self._block is Block.TEXT and self._quoted != self._line_quoted:
                self._break()
            self._quoted = self._line_quoted
            self._block = block
            self._mode = self._inline

    def _end_line(self) -> bool:
        if self._block in (Block.HEADING, Block.ROW) or self._recent == "  " or self._recent[-1:] == "\\":
            self._break()
        if self._block is not Block.BLANK:
            self._block = Block.TEXT
        self._line_quoted = False
        self._mode = self._line
        return self._take(self._at + 1, " ")

    def _skip_line(self) -> bool:
        end = self._text.find("\n", self._at)
        if end < 0:
            return self._take(len(self._text))
        self._mode = self._in_fence if self._fence else self._line
        self._block = Block.BLANK
        return self._take(end + 1)

    def _in_fence(self) -> bool:
        closes = inline.closes_fence(self._text, self._at, self._fence, final=self._final)
        if closes is None:
            return False
        if closes:
            self._fence = ""
        self._mode = self._skip_line
        return True

    def _skip_element(self) -> bool:
        end = self._text.lower().find(self._end, self._at)
        if end < 0:
            self._take(max(self._at, len(self._text) - len(self._end) + 1))
            return False
        self._mode = self._inline
        return self._take(end + len(self._end))

    def _skip_run(self) -> bool:
        match = _SKIPPED_RUN.match(self._text, self._at)
        end = match.end() if match else self._at
        if end < len(self._text) or self._text[end - 1] == ")":
            self._mode = self._inline
        return self._take(end)

    def _skip_path(self) -> bool:
        end, ended = inline.skip_path(self._text, self._at, final=self._final)
        if ended:
            self._mode = self._inline
        return self._take(end) and ended

    def _inline(self) -> bool:
        if self._code:
            return self._in_code()
        found = inline.find_special(self._text, self._at, self._recent[-1:], final=self._final)
        if found > self._at:
            return self._take(found, self._text[self._at : found])
        if found < 0:
            return False
        char = self._text[found]
        if char in _PLAIN_READERS:
            return self._accept(_PLAIN_READERS[char](self._text, found, final=self._final))
        return _READERS.get(char, Markup._address)(self)

    def _in_code(self) -> bool:
        match = _CODE.match(self._text, self._at)
        if match:
            return self._take(match.end(), match[0])
        if self._text[self._at] == "\n":
            return self._end_line()
        run = inline.run(self._text, self._at, 16, final=self._final)
        if run == self._code:
            self._code = 0
        return run > 0 and self._take(self._at + run)

    def _backticks(self) -> bool:
        run = inline.run(self._text, self._at, 16, final=self._final)
        if run < 16 and self._recent[-1:] != "`":
            self._code = run
        return run > 0 and self._take(self._at + run)

    def _asterisks(self) -> bool:
        run, after = self._run_of_four()
        role = inline.asterisks(run, self._recent[-1:], after, is_open=self._emphasis)
        if run and role in (EM_OPEN, EM_CLOSE):
            self._emphasis = role == EM_OPEN
        return run > 0 and self._take(self._at + run, role)

    def _underscores(self) -> bool:
        run, after = self._run_of_four()
        inside_name = self._recent[-1:].isalnum() and after.isalnum()
        return run > 0 and self._take(self._at + run, "_" if inside_name else "")

    def _tildes(self) -> bool:
        run, _ = self._run_of_four()
        return run > 0 and self._take(self._at + run, "~" if run == 1 and self._recent[-1:] != "~" else "")

    def _run_of_four(self) -> tuple[int, str]:
        """How often the mark is repeated, at most four times (0: not certain yet), and the character after it."""
        run = inline.run(self._text, self._at, 4, final=self._final)
        return run, self._text[self._at + run : self._at + run + 1]

    def _accept(self, result: Read | None) -> bool:
        """Take what a reader of `inline` answered; None: it is not certain yet."""
        if result is None:
            return False
        if result.skip_to:
            self._end = result.skip_to
            self._mode = self._skip_element
        elif result.skip_run:
            self._mode = self._skip_run
        if result.read == BREAK:
            self._break()
        return self._take(result.end, "" if result.read == BREAK else result.read)

    def _open_bracket(self) -> bool:
        result = inline.open_bracket(self._text, self._at, final=self._final)
        self._brackets += result is not None and result.end == self._at + 1
        return self._accept(result)

    def _close_bracket(self) -> bool:
        result = inline.close_bracket(self._text, self._at, is_label=self._brackets > 0, final=self._final)
        self._brackets -= result is not None and self._brackets > 0
        return self._accept(result)

    def _address(self) -> bool:
        """At the start of a bare address: read its host."""
        result = inline.address(self._text, self._at, final=self._final)
        accepted = self._accept(result)
        if result and result.skip_run:
            self._mode = self._skip_path
        return accepted


_PLAIN_READERS = {"\\": inline.escape, "!": inline.bang, "<": inline.angle, "&": inline.entity, "|": inline.pipe}
_READERS: dict[str, Callable[[Markup], bool]] = {
    "\n": Markup._end_line,
    "`": Markup._backticks,
    "*": Markup._asterisks,
    "_": Markup._underscores,
    "~": Markup._tildes,
    "[": Markup._open_bracket,
    "]": Markup._close_bracket,
}
