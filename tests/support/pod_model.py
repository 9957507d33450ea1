"""The golden checkpoint as a model in a cluster: made, converted and adapted by a pod of the engine's own image."""

from pathlib import Path
from typing import Final

from support.cluster import Namespace
from support.golden import DATA
from support.pod_manifests import config_map, pod

SEEDS: Final = {"lisa": 7, "electra": 8, "renarde": 9}
"""An adapter for each agent, `AGENT.gguf`."""
_SCRIPT: Final = """
set -eu
python /scripts/make_checkpoint.py /tmp/checkpoint
timbre-engine convert /tmp/checkpoint /models/tiny --quant F32
while read -r agent seed; do
  python /scripts/make_lora.py /tmp/$agent $seed
  timbre-loras export /tmp/$agent --output /adapters/$agent.gguf --base /models/tiny --dtype f32
done < /scripts/adapters
"""


def make(namespace: Namespace, directory: Path) -> None:
    """Claims `model`, which holds the model directory `tiny`, and `adapters`; their volumes may lie in `directory`."""
    namespace.volume("model", directory / "model")
    namespace.volume("adapters", directory / "adapters")
    scripts = {name: (DATA / name).read_text() for name in ("make_checkpoint.py", "make_lora.py")}
    adapters = "".join(f"{agent} {seed}\n" for agent, seed in SEEDS.items())
    namespace.apply(
        config_map("scripts", {**scripts, "adapters": adapters}),
        pod(
            "make-model",
            "engine",
            container={"command": ["sh", "-c", _SCRIPT], "readinessProbe": None},
            volumes={
                "/scripts": {"configMap": {"name": "scripts"}},
                "/models": {"persistentVolumeClaim": {"claimName": "model"}},
                "/adapters": {"persistentVolumeClaim": {"claimName": "adapters"}},
            },
            restartPolicy="Never",
        ),
    )
    namespace.wait("pod/make-model", "jsonpath={.status.phase}=Succeeded")
