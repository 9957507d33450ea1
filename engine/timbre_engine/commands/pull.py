"""`timbre-engine pull`."""

import sys
from pathlib import Path


def pull(repository: str, directory: Path) -> None:
    """Get a checkpoint, organisation/name[@revision], from the Hugging Face Hub into DIRECTORY.

    A broken-off transfer goes on where it stopped; what is already there is verified and kept. A gated or private
    model wants a token in the variable HF_TOKEN. HF_HUB_OFFLINE=1 only verifies; HF_ENDPOINT names another Hub.
    """
    # Imported late: huggingface_hub takes half a second, and only conversion has it.
    from timbre_engine.convert import hub
    from timbre_engine.convert.pull import pull as get

    listing, lacking = get(hub.parse(repository), directory)
    told = f"{lacking / 1e9:.2f} GB were lacking" if lacking else "it was already whole"
    sys.stdout.write(
        f"{directory}: {listing.repository} at {listing.commit[:12]}, {len(listing.files)} files; {told}\n"
    )
