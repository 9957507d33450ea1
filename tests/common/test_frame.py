"""The frame codec's laws."""

from hypothesis import given
from hypothesis import strategies as st

from timbre_common import frame
from timbre_common.errors import InvalidInput
from timbre_common.frame import Encoding, Flag, Frame


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    encoding = draw(st.sampled_from(Encoding))
    samples = draw(st.integers(1, frame.MAX_SAMPLES))
    size = samples * 2 if encoding is Encoding.S16LE else draw(st.integers(1, 1_275))
    return Frame(
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(0, 2**32 - 1)),
        samples,
        bytes(size),
        encoding,
        Flag(draw(st.integers(0, 7))),
        draw(st.integers(0, 2**16 - 1)),
    )


@given(frames())
def test_decoding_undoes_encoding(sent: Frame) -> None:
    assert frame.decode(sent.encode()) == sent


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_invalid_input_or_ignored(data: bytes) -> None:
    try:
        decoded = frame.decode(data)
    except InvalidInput:
        return
    assert decoded is None or decoded.encode()[4:] == data[4:]
