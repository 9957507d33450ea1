"""The official package's classes, without what only its 25 Hz models need.

Importing the package wants torchaudio, which loads only beside the PyTorch that it was built for (PyPI's is of no CPU
build), and sox, which complains where the program is not installed. Models of 12 Hz use neither.
"""

import sys
from types import ModuleType
from typing import Final

import transformers  # noqa: F401 -- it looks for audio libraries when it is imported: before empty ones are there

_UNUSED: Final[tuple[str, ...]] = ("sox", "torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi")
_there: Final = {name: sys.modules[name] for name in _UNUSED if name in sys.modules}
sys.modules |= {name: ModuleType(name) for name in _UNUSED}

from qwen_tts import Qwen3TTSTokenizer  # noqa: E402 -- while empty modules stand there
from qwen_tts.core.models import modeling_qwen3_tts as modeling  # noqa: E402

for _name in _UNUSED:
    del sys.modules[_name]
sys.modules |= _there

__all__ = ["Qwen3TTSTokenizer", "modeling"]
