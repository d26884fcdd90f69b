"""What people read for the names of metrics, in every sentence, table and figure."""

from typing import Final

METRIC_NAMES: Final = {
    "specs": "SPECS",
    "clip_score": "CLIPScore",
    "ref_clip_score": "RefCLIPScore",
    "f_clip_score": "F-CLIPScore",
    "cosine": "cosine",
    "bleu_4": "BLEU-4",
    "chrf": "chrF",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR",
    "cider": "CIDEr",
    "length_tokens": "length in tokens",
    "unit_count": "number of units",
    "text_only": "shuffled image",
    "random": "random numbers",
}
"""What people read, by the name of a metric; other metrics stand under their own names."""


def metric_name(name: str) -> str:
    """Return what people read for the name of a metric, with its source where that tells it apart."""
    metric, mark, source = name.partition(" (")
    return f"{METRIC_NAMES.get(metric, metric)}{mark}{source}"
