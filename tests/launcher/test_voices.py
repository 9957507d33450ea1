"""The voices folder as it changes."""

from collections.abc import Mapping

import pytest

from timbre.launcher.voices import Change, Voices
from timbre_common.errors import InvalidInput

A, B = "loras/a/voiceprofile.yaml", "loras/b/voiceprofile.yaml"


def profile(agent: str, speed: float = 1.0) -> str:
    return (
        "apiVersion: timbre.dev/v1alpha1\nkind: VoiceProfile\n"
        f"metadata: {{name: {agent}}}\nspec: {{agentID: {agent}, languages: [fr], prosody: {{speed: {speed}}}}}\n"
    )


class Folder:
    """Files by name, with stamps that change with the text."""

    def __init__(self, **texts: str) -> None:
        self.voices = Voices()
        self.texts = {f"loras/{name}/voiceprofile.yaml": text for name, text in texts.items()}

    def read(self, name: str) -> str:
        if name not in self.texts:
            raise FileNotFoundError(name)
        return self.texts[name]

    def stamps(self) -> Mapping[str, tuple[int, int]]:
        return {name: (hash(text), len(text)) for name, text in self.texts.items()}

    def load(self) -> "Folder":
        self.voices.load(self.stamps(), self.read)
        return self

    def look(self) -> Change:
        return self.voices.update(self.stamps(), self.read)

    def settle(self) -> Change:
        assert self.look() == Change()  # the first look sees a change, the second believes it
        return self.look()

    @property
    def agents(self) -> dict[str, float]:
        return {each.spec.agent_id: each.spec.prosody.speed for each in self.voices.profiles.values()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (profile("b", 9), f"{B}: spec.prosody.speed: "),
        ("a: [", f"{B}: not valid YAML"),
        (profile("a"), f"{B}: spec.agentID: the agent a has a voice already, in {A}"),
        (profile("b").replace("VoiceProfile", "Pod"), f"{B}: kind: VoiceProfile is right"),
    ],
)
def test_a_bad_profile_at_the_start_names_file_and_field(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        Folder(a=profile("a"), b=text).load()
    assert str(failure.value).startswith(message)


def test_a_voice_that_is_fetched_needs_its_file_here() -> None:
    digest = "0" * 64
    remote = f"adapter: {{digest: 'sha256:{digest}', http: {{url: 'https://example.com/a'}}}}"
    text = profile("a").replace("spec: {", f"spec: {{{remote}, ")
    with pytest.raises(InvalidInput) as failure:
        Folder(a=text).load()
    assert failure.value.field == f"{A}: spec.adapter"
    assert f"put the file at sha256/{digest}.gguf" in str(failure.value)
    folder = Folder(a=text)
    folder.voices = Voices(present={f"sha256/{digest}.gguf"}.__contains__)
    assert folder.load().agents == {"a": 1.0}


def test_nothing_changes_where_nothing_changed() -> None:
    folder = Folder(a=profile("a")).load()
    assert folder.look() == Change() == folder.look()


def test_a_new_folder_is_a_new_agent() -> None:
    folder = Folder(a=profile("a")).load()
    folder.texts[B] = profile("b")
    assert folder.settle() == Change(True, (f"B is here ({B})",))
    assert folder.agents == {"a": 1.0, "b": 1.0}


def test_a_changed_file_is_a_new_voice() -> None:
    folder = Folder(a=profile("a")).load()
    folder.texts[A] = profile("a", 1.5)
    assert folder.settle() == Change(True, (f"A has a new voice ({A})",))
    assert folder.agents == {"a": 1.5}


def test_a_removed_folder_removes_the_agent() -> None:
    folder = Folder(a=profile("a"), b=profile("b")).load()
    del folder.texts[B]
    assert folder.settle() == Change(True, (f"B is gone ({B})",))
    assert folder.agents == {"a": 1.0}


def test_a_file_that_is_replaced_is_not_gone_in_between() -> None:
    folder = Folder(a=profile("a")).load()
    text = folder.texts.pop(A)
    assert folder.look() == Change()
    folder.texts[A] = text
    assert folder.look() == folder.look() == Change()
    assert folder.agents == {"a": 1.0}


def test_a_half_written_file_is_not_read() -> None:
    folder = Folder(a=profile("a")).load()
    for end in (10, 50):
        folder.texts[B] = profile("b")[:end]
        assert folder.look() == Change()
    folder.texts[B] = profile("b")
    assert folder.settle().changed


def test_a_broken_file_keeps_the_old_voice_is_told_once_and_touches_no_other() -> None:
    folder = Folder(a=profile("a"), b=profile("b")).load()
    folder.texts[A] = profile("a", 9)
    folder.texts[B] = profile("b", 0.9)
    change = folder.settle()
    assert change.changed and len(change.notes) == 2
    assert change.notes[0].startswith(f"{A}: spec.prosody.speed: ")
    assert change.notes[0].endswith("; A keeps the voice it had")
    assert folder.agents == {"a": 1.0, "b": 0.9}
    assert folder.look() == Change()
    folder.texts[A] = profile("a", 1.2)
    assert folder.settle().changed
    assert folder.agents == {"a": 1.2, "b": 0.9}


def test_a_second_file_for_an_agent_is_told_and_the_first_keeps_speaking() -> None:
    folder = Folder(a=profile("a", 0.8)).load()
    folder.texts[B] = profile("a", 1.4)
    change = folder.settle()
    assert not change.changed and "has a voice already" in change.notes[0]
    assert folder.agents == {"a": 0.8}
