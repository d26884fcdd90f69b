"""The report of a scored caption, to be saved from the Inspect page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.evidence import Evidence, gather
from app.evidence import kept as kept_evidence
from app.inspection import Inspection
from app.views.inspection import with_threshold

if TYPE_CHECKING:
    from app.context import AppContext


def make_report(
    context: AppContext, shown: Inspection, gathered: Evidence | None, *, threshold: float
) -> dict[str, Any]:
    """Return the report of a scored caption as a page and as JSON.

    Args:
        context: The open context.
        shown: The scored caption.
        gathered: The evidence that there is; what is missing of it is gathered.
        threshold: A fall of more than this, in cosine, calls a unit wrong.

    Returns:
        serial, name (of the files, without ending), html and json.

    Raises:
        FormError: If the model's file has changed since.
        SpecsError: If the model cannot be loaded, or the image has gone from the server's cache.
    """
    from specs_core.images import read_image
    from specs_core.report.page import json_text, page_of, report_record

    evidence = kept_evidence(gathered, shown)
    if evidence is None or evidence.step is not None:
        *_, evidence = gather(context, shown)
    image = read_image(shown.image_path)
    report = report_record(
        evidence.record(with_threshold(shown.record, threshold), threshold=threshold),
        image,
        made_at=datetime.now(UTC),
        file_name=shown.filename,
        notes=shown.notes,
    )
    return {
        "serial": str(shown.serial),
        "name": f"{Path(shown.filename).stem or 'caption'}-specs",
        "html": page_of(report, image),
        "json": json_text(report),
    }
