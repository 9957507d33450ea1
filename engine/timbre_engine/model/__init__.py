"""What a model directory is: its manifest `model.json`, and how its files are verified.

A model directory holds `talker.gguf` (llama.cpp's arch qwen3tts), `predictor.onnx`, `codec.onnx`, `embeddings.npy` and
`model.json`. It is made by `timbre_engine.convert` and read by `timbre_engine.qwen3tts`; neither imports the other.
`predictor` here is what those two agree on about the predictor's file.
"""
