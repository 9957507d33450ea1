"""What the images install, as pyproject.toml has it."""

import pytest

from requirements import requirements

PROJECT = {
    "dependencies": ["redis>=8"],
    "optional-dependencies": {
        "engine": ["numpy>=2"],
        "model": ["onnxruntime>=1.32,<2", "timbre-voices[engine]"],
        "all": ["timbre-voices[model,engine]", "tqdm[x]"],
    },
}


@pytest.mark.parametrize(
    ("extras", "instead", "expected"),
    [
        ([], {}, ["redis>=8"]),
        (["model"], {}, ["numpy>=2", "onnxruntime>=1.32,<2", "redis>=8"]),
        (["model"], {"onnxruntime": ""}, ["numpy>=2", "redis>=8"]),
        (["all"], {"onnxruntime": "onnxruntime-gpu"}, ["numpy>=2", "onnxruntime-gpu>=1.32,<2", "redis>=8", "tqdm[x]"]),
    ],
)
def test_own_extras_are_followed(extras: list[str], instead: dict[str, str], expected: list[str]) -> None:
    assert requirements(PROJECT, extras, instead) == expected


def test_an_extra_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        requirements(PROJECT, ["engnie"], {})
