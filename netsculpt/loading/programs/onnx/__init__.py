"""ONNX models as the neutral list of operations that `netsculpt.tracing` walks."""
