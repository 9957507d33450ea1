"""From a Qwen3-TTS checkpoint in Hugging Face layout to a model directory, without PyTorch.

    checkpoint (tensors, config) -> talker (GGUF), predictor and codec (ONNX) -> model.json

Nothing here runs while speech is being made.
"""
