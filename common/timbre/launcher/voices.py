"""The voices folder, as it changes: which profiles hold, and what there is to say about the others. No files here.

A profile that turns bad while this runs keeps speaking as it was; a bad one never touches another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from timbre_common import voiceprofile
from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import VoiceProfile

Stamp = tuple[int, int]
"""A file's modification time (ns) and size: a change of either means new content."""
Read = Callable[[str], str]
"""A file's text by its name. Raises OSError."""
Present = Callable[[str], bool]
"""Whether a file is below the adapters' folder."""


@dataclass(frozen=True)
class Change:
    """What a look at the folder brought."""

    changed: bool = False
    """Whether the set of profiles is another."""
    notes: tuple[str, ...] = ()
    """Lines for the person who runs this."""


@dataclass
class Voices:
    """Profiles by file name."""

    present: Present = lambda _: False
    profiles: dict[str, VoiceProfile] = field(default_factory=dict)
    _loaded: dict[str, Stamp] = field(default_factory=dict)
    """Stamps that were read, with or without success."""
    _seen: Mapping[str, Stamp] = field(default_factory=dict)
    """Stamps of the last look."""

    def load(self, files: Mapping[str, Stamp], read: Read) -> None:
        """The first look. Raises InvalidInput that names file and field."""
        for name in sorted(files):
            self.profiles[name] = self._read(name, read)
        self._loaded, self._seen = dict(files), dict(files)

    def update(self, files: Mapping[str, Stamp], read: Read) -> Change:
        """A later look. A file counts once two looks found it the same, so that none is read half-written."""
        settled = {name for name in files.keys() | self._loaded.keys() if files.get(name) == self._seen.get(name)}
        self._seen = dict(files)
        before = dict(self.profiles)
        notes = []
        for name in sorted(settled):
            stamp = files.get(name)
            if stamp == self._loaded.get(name):
                continue
            if stamp is None:
                notes += self._remove(name)
            else:
                notes += self._renew(name, stamp, read)
        return Change(self.profiles != before, tuple(notes))

    def _remove(self, name: str) -> list[str]:
        del self._loaded[name]
        profile = self.profiles.pop(name, None)
        return [f"{profile.display_name} is gone ({name})"] if profile else []

    def _renew(self, name: str, stamp: Stamp, read: Read) -> list[str]:
        self._loaded[name] = stamp
        known = self.profiles.get(name)
        try:
            profile = self._read(name, read)
        except InvalidInput as error:
            return [f"{error}" + (f"; {known.display_name} keeps the voice it had" if known else "")]
        self.profiles[name] = profile
        return [
            f"{profile.display_name} has a new voice ({name})" if known else f"{profile.display_name} is here ({name})"
        ]

    def _read(self, name: str, read: Read) -> VoiceProfile:
        try:
            profile = voiceprofile.parse(read(name))
        except InvalidInput as error:
            raise InvalidInput(str(error), name) from error
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot be read: {error}", name) from error
        self._refuse_unfetched(name, profile)
        for other, known in self.profiles.items():
            if other != name and known.spec.agent_id == profile.spec.agent_id:
                raise InvalidInput(
                    f"the agent {profile.spec.agent_id} has a voice already, in {other}", f"{name}: spec.agentID"
                )
        return profile

    def _refuse_unfetched(self, name: str, profile: VoiceProfile) -> None:
        for where, wanted in (("adapter", profile.spec.adapter), ("reference", profile.spec.reference)):
            if wanted is not None and wanted.remote is not None and not self.present(wanted.file):
                raise InvalidInput(
                    f"only a cluster fetches: put the file at {wanted.file} in the adapters' folder (--adapters), or "
                    "name it by path",
                    f"{name}: spec.{where}",
                )
