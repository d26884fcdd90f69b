"""What the Inspect page gathers of a caption after its curve: word attribution, then leave-one-out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.inspection import Inspection
from app.reporting import Outcome, Report, Step, in_steps
from app.shown import encoder_of

if TYPE_CHECKING:
    from app.context import AppContext
    from specs_core.attribution import CaptionAttribution
    from specs_core.leave_one_out import LeaveOneOut


@dataclass(frozen=True)
class Evidence:
    """What is known of a scored caption so far.

    Attributes:
        serial: Of the scored caption.
        attribution: Of its words; None where they cannot be attributed.
        note: A sentence on what is missing of that, "" for nothing.
        leave_one_out: Of its units; None while it is worked out.
        step: How far that is; None where it is done.
    """

    serial: int
    attribution: CaptionAttribution | None
    note: str
    leave_one_out: LeaveOneOut | None
    step: Step | None

    def record(self, curve_record: dict[str, Any], *, threshold: float) -> dict[str, Any]:
        """Return a curve's record with what there is of the evidence.

        Args:
            curve_record: Of the scored caption, with its dips told for the same threshold.
            threshold: A fall of more than this, in cosine, calls a unit wrong.
        """
        from specs_core.evidence import with_attribution, with_leave_one_out

        record = with_attribution(curve_record, self.attribution, self.note)
        if self.leave_one_out is None:
            return record
        return with_leave_one_out(record, self.leave_one_out, threshold=threshold)


def gather(context: AppContext, shown: Inspection) -> Iterator[Evidence]:
    """Gather the evidence of a caption, yielding what there is whenever there is more.

    Args:
        context: The open context.
        shown: The scored caption.

    Raises:
        FormError: If the model's file has changed since.
        SpecsError: If the model cannot be loaded, or gives numbers that are not finite.
    """
    from specs_core.evidence import attribute_units
    from specs_core.leave_one_out import leave_one_out

    encoder = encoder_of(context, shown)
    units = shown.curve.units
    attribution, note = attribute_units(encoder, shown.image_features, units)
    yield Evidence(shown.serial, attribution, note, None, Step(0, len(units)))

    def work(report: Report) -> LeaveOneOut:
        return leave_one_out(encoder, shown.image_features, shown.curve, on_progress=report)

    for came in in_steps(work):
        if isinstance(came, Outcome):
            yield Evidence(shown.serial, attribution, note, came.value, None)
        else:
            yield Evidence(shown.serial, attribution, note, None, came)


def kept(evidence: Evidence | None, shown: Inspection | None) -> Evidence | None:
    """Return the evidence where it is of the scored caption, None where it is of an earlier one."""
    return evidence if evidence and shown and evidence.serial == shown.serial else None
