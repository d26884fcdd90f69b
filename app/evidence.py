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
    from specs_core.leave_one_out import LeaveOneOut


@dataclass(frozen=True)
class Evidence:
    """What is known of a scored caption so far.

    Attributes:
        serial: Of the scored caption.
        record: Its curve's record with what `specs_core.evidence` adds, as far as it is there.
        step: How far leave-one-out is; None where it is done.
    """

    serial: int
    record: dict[str, Any]
    step: Step | None


def gather(context: AppContext, shown: Inspection) -> Iterator[Evidence]:
    """Gather the evidence of a caption, yielding what there is whenever there is more.

    Args:
        context: The open context.
        shown: The scored caption.

    Raises:
        FormError: If the model's file has changed since.
        SpecsError: If the model cannot be loaded, or gives numbers that are not finite.
    """
    from specs_core.evidence import attribute_units, with_attribution, with_leave_one_out
    from specs_core.leave_one_out import leave_one_out

    encoder = encoder_of(context, shown)
    units = shown.curve.units
    record = with_attribution(shown.record, *attribute_units(encoder, shown.image_features, units))
    yield Evidence(shown.serial, record, Step(0, len(units)))

    def work(report: Report) -> LeaveOneOut:
        return leave_one_out(encoder, shown.image_features, shown.curve, on_progress=report)

    for came in in_steps(work):
        if isinstance(came, Outcome):
            yield Evidence(shown.serial, with_leave_one_out(record, came.value), None)
        else:
            yield Evidence(shown.serial, record, came)


def kept(evidence: Evidence | None, shown: Inspection | None) -> Evidence | None:
    """Return the evidence where it is of the scored caption, None where it is of an earlier one."""
    return evidence if evidence and shown and evidence.serial == shown.serial else None
