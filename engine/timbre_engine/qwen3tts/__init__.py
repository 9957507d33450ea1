"""The Qwen3-TTS backend: talker and prompt on llama.cpp's library, code predictor and codec on ONNX Runtime.

    text -> tokens -> prompt (positions) -> talker -> code 0 -> predictor -> codes 1..15 -> codec -> 1,920 samples

`llama` alone knows the library's binding. `prompt` and `sampling` are pure.
"""
