"""What a person is told once all is up. Text out, nothing printed here."""

import io
from collections.abc import Iterable, Mapping

import segno

from timbre.address import DEFAULT_URL
from timbre.commands.common import ENV_CA, ENV_TOKEN, ENV_URL
from timbre.launcher.plan import Run
from timbre_common.names import DEFAULT_REDIS_URL, ENV_REDIS_URL
from timbre_common.voiceprofile import VoiceProfile

LINK_HOURS = 12
"""How long the printed link is valid."""


def ready(run: Run, profiles: Iterable[VoiceProfile], command: str, environ: Mapping[str, str]) -> str:
    """Address, agents, and two lines to try. `command`: how this program was called; `environ`: its environment."""
    speaking = sorted((profile for profile in profiles if not profile.spec.suspend), key=lambda one: one.display_name)
    who = next((agent.spec.agent_id for agent in speaking if agent.spec.agent_id == "lisa"), "")
    who = who or (speaking[0].spec.agent_id if speaking else "lisa")
    say, listen = (
        [f"{ENV_REDIS_URL}={run.bus_url}"] if run.redis_url is None and run.bus_url != DEFAULT_REDIS_URL else [],
        [] if run.local_url == DEFAULT_URL else [f"{ENV_URL}={run.local_url}"],
    )
    if run.redis_url is not None and not environ.get(ENV_REDIS_URL):
        say = [f"{ENV_REDIS_URL}=…"]
    if run.certificate and run.certificate.authority:
        listen.append(f"{ENV_CA}={run.certificate.authority}")
    if run.secret_file:
        own = "" if run.settings.token_secret_file is None else f" --secret-file {run.secret_file}"
        listen.append(f'{ENV_TOKEN}="$({command} token create{own})"')
    return "\n".join(
        [
            f"Timbre is up at {run.local_url} (Ctrl-C stops it)",
            f"  agents  {', '.join(profile.display_name for profile in speaking) or 'none'}",
            f"  listen  {' '.join([*listen, command, 'listen', '--agent', who, '--wav', f'{who}.wav'])}",
            f'  say     {" ".join([*say, command, "say", who])} "Bonjour à tous"',
        ]
    )


def invitation(run: Run, address: str, token: str) -> str:
    """The link for other devices, as text and as a QR code, and what they have to trust."""
    link = f"{run.bridge_url(address)}/#token={token}"
    code = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(out=code, compact=True, border=2)
    lines = [f"For other devices, during {LINK_HOURS} hours (who has this link may listen and speak):", "", link, ""]
    lines.append(code.getvalue())
    if run.certificate and run.certificate.authority:
        lines.append(f"They have to trust this machine's authority: {run.certificate.authority}")
    return "\n".join(lines)
