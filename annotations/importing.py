"""Take captions of images in from a table: all is checked first, then written in one transaction."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from annotations.audit import record_act
from annotations.campaigns import (
    DEFAULT_GUIDELINE,
    DEFAULT_LEASE_MINUTES,
    DEFAULT_OVERLAP,
    Campaign,
    clean_campaign_name,
    find_campaign,
    insert_campaign,
)
from annotations.candidates import candidates
from annotations.engine import reading, writing
from annotations.errors import InvalidRecordError, StorageError, UnknownRecordError
from annotations.image_files import ORIGINALS, Originals, gather, image_source
from annotations.import_report import write_report
from annotations.import_writing import Written, stored_cuts, write_items
from annotations.items import EVERYBODY
from annotations.pairs import add_pairs
from annotations.questions import CRITERIA, Question
from annotations.reading import Row, is_own, read_rows
from annotations.schema import ITEM_ROLES
from annotations.spool import Refusal, Spool

SHOWN_REFUSALS: Final = 20
"""How many refused rows a report holds itself; the others are in the file."""

_TEMPORARY: Final = ".import-"


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """What to do with the rows.

    Attributes:
        campaign: Its name.
        create: Whether to make the campaign where there is none.
        overlap: How many raters an item gets at most where its row does not say; the campaign's number when
            None, and everybody for items to learn on and gold ones.
        role: ``regular``, ``training`` or ``gold``; rows with gold are gold where this is ``regular``.
        pairs: Whether to set the captions of each image against each other.
        images_from: To which paths of images are relative; the table's folder when None.
        skip_invalid: Whether to take the good rows where others are refused.
        actor: Who does it, for the audit log, unless None.
        report: A file for all refused rows, ``.csv`` or ``.json``, or None.
    """

    campaign: str
    create: bool = False
    overlap: int | None = None
    role: str = "regular"
    pairs: bool = False
    images_from: Path | None = None
    skip_invalid: bool = False
    report: Path | None = None
    actor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What came of an import.

    Attributes:
        rows: Rows that were read.
        refused: Rows that were not taken.
        refusals: The first of them.
        repeated: Captions that the table holds more than once.
        written: What was written, or None where refused rows kept everything out.
    """

    rows: int
    refused: int
    refusals: tuple[Refusal, ...]
    repeated: int
    written: Written | None


def import_items(engine: Engine, path: Path, plan: ImportPlan, *, images: Path) -> ImportReport:
    """Import a table of captions with their images.

    Nothing is written unless all rows are good, or ``plan.skip_invalid`` says to leave the others out. An
    item that the campaign has already (the same image, text and source) stays as it is.

    Args:
        engine: From `open_database`.
        path: The table, see `annotations.reading.read_rows`.
        plan: What to do.
        images: Folder of the stored images; the files' bytes are kept in ``originals`` in it.

    Returns:
        What came of it.

    Raises:
        InvalidRecordError: If the plan or the table will not do.
        UnknownRecordError: If there is no such campaign and none is to be made.
        StorageError: If the database or the folder cannot be written. After any of these nothing is written.
        OSError: If the table cannot be read.
    """
    _check_plan(plan)
    with reading(engine) as connection:
        asked = _asked(connection, plan)
    with _workplace(images) as work:
        spool = Spool(work / "spool")
        try:
            rows, repeated = _gather_rows(spool, path, plan, asked, work)
            _check_cuts(engine, spool)
            refused = spool.count("refusals")
            if plan.report is not None:
                write_report(plan.report, spool.refusals())
            written = None
            if not refused or plan.skip_invalid:
                written = _write(engine, spool, plan, images)
            first = tuple(one for one, _ in zip(spool.refusals(), range(SHOWN_REFUSALS), strict=False))
        finally:
            spool.close()
    return ImportReport(rows=rows, refused=refused, refusals=first, repeated=repeated, written=written)


def _check_plan(plan: ImportPlan) -> None:
    clean_campaign_name(plan.campaign)
    if plan.overlap is not None and not 1 <= plan.overlap <= EVERYBODY:
        raise InvalidRecordError(f"an item needs at least 1 rater; got an overlap of {plan.overlap}")
    if plan.role not in ITEM_ROLES:
        raise InvalidRecordError(f"an item is {', '.join(ITEM_ROLES)}; got {plan.role!r}")
    if plan.pairs and plan.role != "regular":
        raise InvalidRecordError(
            f"battles are between regular captions; leave pairs out of a {plan.role} import"
        )
    if plan.images_from is not None and not plan.images_from.is_dir():
        raise InvalidRecordError(f"there is no folder {str(plan.images_from)!r} to take images from")
    if plan.report is not None and plan.report.suffix.lower() not in (".csv", ".json"):
        raise InvalidRecordError(f"a report ends in .csv or .json; got {plan.report.name!r}")


def _asked(connection: Connection, plan: ImportPlan) -> tuple[Question, ...]:
    try:
        return _campaign(connection, plan).questions
    except UnknownRecordError:
        if plan.create:
            return CRITERIA["correctness"]
        raise


def _campaign(connection: Connection, plan: ImportPlan) -> Campaign:
    campaign = find_campaign(connection, clean_campaign_name(plan.campaign))
    if campaign.deleted_at is not None:
        raise InvalidRecordError(f"campaign {campaign.name!r} was deleted; restore it first")
    return campaign


@contextmanager
def _workplace(images: Path) -> Iterator[Path]:
    """Make a folder beside the originals, on the same disk, so that a file gets its name in one step."""
    try:
        (images / ORIGINALS).mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=images / ORIGINALS, prefix=_TEMPORARY))
    except OSError as error:
        raise StorageError(f"cannot write to the folder {images}: {error.strerror}") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _gather_rows(
    spool: Spool, path: Path, plan: ImportPlan, asked: tuple[Question, ...], work: Path
) -> tuple[int, int]:
    rows = read_rows(path)
    first = next(rows, None)
    if first is None:
        raise InvalidRecordError(f"{path.name} has no rows")
    if is_own(first.values):
        raise InvalidRecordError(
            f"{path.name} was exported from this program and names its campaigns itself; import it without "
            "--campaign"
        )
    read = repeated = 0
    folders: dict[Path, Path] = {}
    for row in chain([first], rows):
        read += 1
        try:
            if row.problem is not None:
                raise InvalidRecordError(row.problem)
            base = plan.images_from or row.folder
            folder = folders.get(base) or folders.setdefault(base, base.resolve())
            repeated += _take(spool, row, plan.role, asked, folder=folder, work=work)
        except InvalidRecordError as error:
            spool.refuse(Refusal(row.number, row.file, str(error)))
        except OSError as error:
            raise StorageError(f"cannot write to the folder {work.parent}: {error.strerror}") from error
    return read, repeated


def _take(spool: Spool, row: Row, role: str, asked: tuple[Question, ...], *, folder: Path, work: Path) -> int:
    """Check one row and put it into the spool; return how many of its captions came before."""
    found = candidates(row.values, asked)
    for candidate in found:
        if candidate.spans:
            spool.check_cut(candidate)
    source = image_source(row.values, folder=folder)
    sha256 = None if source.path is None else spool.known(source.path)
    if sha256 is None:
        image = gather(source, work)
        spool.add_image(image, source.path)
        sha256 = image.sha256
    repeated = 0
    for candidate in found:
        repeated += not spool.add_item(sha256, candidate, role=role, number=row.number, file=row.file)
    return repeated


def _check_cuts(engine: Engine, spool: Spool) -> None:
    """Refuse rows whose cut is at odds with what the database holds."""
    odd = []
    for part in spool.parts("SELECT * FROM cuts ORDER BY number"):
        with reading(engine) as connection:
            stored = stored_cuts(connection, [row["caption_sha256"] for row in part])
        for row in part:
            before = stored.get((row["caption_sha256"], row["segmenter_version"]))
            if before is not None and before != row["spans"]:
                odd.append(row)
    for row in odd:
        version = row["segmenter_version"]
        spool.drop_cut(row["caption_sha256"], version)
        reason = (
            f"segmenter version {version!r} has cut this caption in another way before; a segmenter that "
            "cuts differently needs another version"
        )
        spool.refuse(Refusal(row["number"], row["file"], reason))


def _write(engine: Engine, spool: Spool, plan: ImportPlan, images: Path) -> Written:
    originals = Originals(images)
    try:
        with writing(engine) as connection:
            try:
                campaign = _campaign(connection, plan)
            except UnknownRecordError:
                if not plan.create:
                    raise
                insert_campaign(
                    connection,
                    clean_campaign_name(plan.campaign),
                    questions=CRITERIA["correctness"],
                    guideline=DEFAULT_GUIDELINE,
                    overlap=plan.overlap or DEFAULT_OVERLAP,
                    lease_minutes=DEFAULT_LEASE_MINUTES,
                    blind=True,
                    asks_verdicts=True,
                    gold_every=0,
                )
                campaign = _campaign(connection, plan)
            overlap = plan.overlap or campaign.overlap
            written = write_items(connection, spool, campaign, originals, plan_overlap=plan.overlap)
            if plan.pairs:
                written = add_pairs(connection, spool, campaign, written, overlap=overlap)
            done = {"name": campaign.name, "items": written.items, "images": written.images}
            record_act(connection, plan.actor, "import items", campaign.id, done)
        return written
    except OSError as error:
        originals.take_back()
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot write to the folder {images}: {error.strerror}") from error
    except BaseException:
        originals.take_back()
        raise
