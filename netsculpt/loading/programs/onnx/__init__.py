"""Read ONNX models as a `Program`, the list of operations that `netsculpt.tracing` follows."""
