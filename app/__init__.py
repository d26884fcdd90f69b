"""The SPECS Lens web app: the only package that knows both the metric and the ratings."""

import os

# Both must be set before gradio or huggingface_hub are imported anywhere: then neither looks anything up
# outside.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
