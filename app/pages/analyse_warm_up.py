"""What the Analyse page reads before anybody has opened it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.analysis import shown_of
from app.analysis_choice import read_asked
from app.pages import analyse_agreement, analyse_scatter

if TYPE_CHECKING:
    from app.context import AppContext


def warm_up(context: AppContext) -> None:
    """Read what the page shows without a filter, so that whoever opens it first need not wait for that.

    Args:
        context: The open context of the running app.

    Raises:
        AnnotationError: If the database fails.
    """
    shown, tables = shown_of(context.readings, read_asked({}))
    analyse_agreement.quick(shown, tables)
    analyse_scatter.filled(shown, tables, analyse_scatter.VIEWS[0])
