"""Cut the captions of a campaign anew, after the segmenter has become another: ``python -m app.recut``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotations.items import Item

_TOGETHER: Final = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after the command's name; those of the process when None.

    Returns:
        The exit code: 0; 1 if captions could not be cut anew, each of which is told of; or 2 after an error,
        which is told in one line on the standard error stream.
    """
    options = _parser().parse_args(arguments)

    from pydantic import ValidationError

    from annotations.engine import open_database
    from annotations.errors import AnnotationError
    from app.settings import Settings
    from specs_core.errors import SpecsError

    try:
        engine = open_database(Settings().database_url, must_exist=True)
        try:
            refused = recut_campaign(
                engine, options.campaign, actor=options.actor or _user(), dry_run=options.dry_run
            )
        finally:
            engine.dispose()
    except ValidationError as error:
        name, problem = error.errors()[0]["loc"], error.errors()[0]["msg"]
        print(f"app.recut: SPECS_{'_'.join(map(str, name)).upper()}: {problem}", file=sys.stderr)
        return 2
    except (AnnotationError, SpecsError, OSError) as error:
        print(f"app.recut: {error}", file=sys.stderr)
        return 2
    return 1 if refused else 0


def recut_campaign(engine: Engine, campaign: str, *, actor: str, dry_run: bool = False) -> int:
    """Cut every caption of a campaign as the default segmenter cuts it now, and print what has changed.

    Captions that a person has cut stay as they are. Each caption is a transaction of its own, so that raters
    can go on meanwhile, and what is interrupted can be run again.

    Args:
        engine: The open database.
        campaign: Name or id.
        actor: Who does it, for the record.
        dry_run: Whether to count only.

    Returns:
        How many captions could not be cut anew.

    Raises:
        UnknownRecordError: If there is no such campaign.
        StorageError: If the database fails.
        ConfigError: If the segmenter's pipeline cannot be loaded.
    """
    from annotations.campaigns import get_campaign
    from annotations.errors import InvalidRecordError
    from annotations.items import get_item
    from annotations.recutting import captions_of, recut_item
    from annotations.segmentations import PREFIX
    from app.item_cuts import cut_captions

    done: Counter[str] = Counter()
    ids = captions_of(engine, get_campaign(engine, campaign).id)
    for start in range(0, len(ids), _TOGETHER):
        items: list[Item] = []
        for item in (get_item(engine, item_id) for item_id in ids[start : start + _TOGETHER]):
            if item.segmenter_version.startswith(PREFIX):
                done["by people"] += 1
            else:
                items.append(item)
        if not items:
            continue
        version, cuts = cut_captions([item.caption for item in items])
        for item, pieces in zip(items, cuts, strict=True):
            if item.segmenter_version == version:
                done["already"] += 1
                continue
            done["anew"] += 1
            if dry_run:
                continue
            try:
                recut = recut_item(engine, item.id, pieces, version, actor=actor)
            except InvalidRecordError as error:
                done["anew"] -= 1
                done["refused"] += 1
                print(f"left as it is: {error}")
                continue
            done["drafts"] += recut.drafts
            for draft in recut.stale:
                done["stale"] += len(draft.verdicts)
                print(f"item {item.id}: {len(draft.verdicts)} verdicts of {draft.rater}'s draft are stale")
    print(
        f"{done['anew']} captions {'would be ' if dry_run else ''}cut anew, {done['already']} were cut so "
        f"already, {done['by people']} are cut by people and stay, {done['refused']} could not be cut anew; "
        f"{done['drafts']} drafts mapped, {done['stale']} of their verdicts stale"
    )
    return done["refused"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.recut",
        description="Cut the captions of a campaign as the default segmenter cuts them now. Ratings stay on "
        "the units that their raters saw; unfinished work is mapped. The settings are those of the app "
        "(SPECS_DATA, SPECS_DB).",
    )
    parser.add_argument("--campaign", required=True, metavar="NAME", help="name or id")
    parser.add_argument("--actor", metavar="WHO", help="for the record; default: this machine's user")
    parser.add_argument("--dry-run", action="store_true", help="count only")
    return parser


def _user() -> str:
    try:
        return getpass.getuser()[:80]
    except (KeyError, OSError):  # a container's user without a name
        return "somebody at the command line"


if __name__ == "__main__":
    sys.exit(main())
