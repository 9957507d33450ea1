"""The VoiceProfile that names an adapter file, from what the file says of itself. Pure."""

import re

import msgspec
import yaml

from timbre_common import adapters, languages, voiceprofile
from timbre_common.names import API_VERSION
from timbre_common.sources import S3, Http, Oci
from timbre_common.voiceprofile import KIND, Adapter, Spec
from timbre_loras.adapter_gguf import AdapterGguf


def text(file: AdapterGguf, path: str, remote: Http | S3 | Oci | None = None) -> str:
    """As YAML; the file is fetched from `remote`, or lies at `path` below the volume that engines read. Raises
    InvalidInput.
    """
    agent = label(file.text(adapters.KEY_AGENT) or file.text(adapters.KEY_NAME) or file.path.stem)
    spoken = file.text(adapters.KEY_LANGUAGE)
    tag = next((tag for tag, name in languages.NAMES.items() if name == spoken), languages.ANY)
    spec = Spec(
        agent_id=agent,
        languages=[tag],
        speaker=file.text(adapters.KEY_SPEAKER) or None,
        adapter=Adapter(
            path=path if remote is None else None,
            http=remote if isinstance(remote, Http) else None,
            s3=remote if isinstance(remote, S3) else None,
            oci=remote if isinstance(remote, Oci) else None,
            digest=file.digest,
        ),
        streaming_text=False if file.text(adapters.KEY_LAYOUT) == adapters.LAYOUT_FULL else None,
    )
    plain = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": agent},
        "spec": msgspec.to_builtins(spec),
    }
    written = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    voiceprofile.parse(written)
    return written


def label(name: str) -> str:
    """A name as Kubernetes takes it: `Lisa Marie` becomes `lisa-marie`; "voice" where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-") or "voice"
