"""The commands of ``specs-ratings`` about campaigns: list them, make and change one, see how one goes."""

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annotations.commands import add_command, as_table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from annotations.campaigns import Campaign
    from annotations.overview import Overview
    from annotations.rater_overview import RaterRow

ACTOR: Final = "command line"
"""Who it was, in the audit log."""

# As in `annotations.questions`, which is too heavy for printing help.
_CRITERIA: Final = ("correctness", "finecapeval")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about campaigns to the parser of ``specs-ratings``."""
    add_command(commands, "campaigns", _campaigns, "list the campaigns, the deleted ones too", named=False)
    one = add_command(commands, "campaign", _campaign, "show, make or change a campaign")
    one.add_argument("--create", action="store_true", help="make it")
    one.add_argument("--criteria", choices=_CRITERIA, help="which scales it asks (default: correctness)")
    one.add_argument("--guideline", type=Path, metavar="FILE", help="the instructions, Markdown")
    one.add_argument("--overlap", type=int, metavar="N", help="raters of an item at most")
    one.add_argument("--lease", type=int, metavar="MIN", help="minutes that an item is kept for a rater")
    one.add_argument(
        "--gold-every", type=int, metavar="N", help="one of N items is a gold one, on average; 0 for none"
    )
    one.add_argument("--not-blind", action="store_true", help="show the score before the rating is submitted")
    one.add_argument("--no-units", action="store_true", help="ask for the scales alone; with --create only")
    pause = one.add_mutually_exclusive_group()
    pause.add_argument("--pause", action="store_true", help="hand out nothing until --resume")
    pause.add_argument("--resume", action="store_true", help="go on")
    delete = one.add_mutually_exclusive_group()
    delete.add_argument("--delete", action="store_true", help="take it out of circulation; nothing is lost")
    delete.add_argument("--restore", action="store_true", help="bring it back with everything in it")
    add_command(commands, "progress", _progress, "tell how a campaign goes, and each of its raters")


def _campaigns(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.campaigns import list_campaigns

    lines = [("name", "overlap", "guideline", "asks", "")]
    for campaign in list_campaigns(engine, deleted=True):
        lines.append(
            (
                campaign.name,
                str(campaign.overlap),
                str(campaign.guideline_version),
                _asks(campaign),
                _state(campaign),
            )
        )
    return as_table(lines)


def _campaign(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.campaigns import (
        change_campaign,
        create_campaign,
        delete_campaign,
        get_campaign,
        pause_campaign,
    )
    from annotations.errors import InvalidRecordError
    from annotations.questions import CRITERIA

    given: dict[str, Any] = {
        "overlap": options.overlap,
        "lease_minutes": options.lease,
        "gold_every": options.gold_every,
        "blind": False if options.not_blind else None,
        "guideline": None if options.guideline is None else _read(options.guideline),
    }
    settings = {name: value for name, value in given.items() if value is not None}
    asked = None if options.criteria is None else CRITERIA[options.criteria]
    if options.create:
        if asked is not None:
            settings["questions"] = asked
        settings["asks_verdicts"] = not options.no_units
        campaign_id = create_campaign(engine, options.name, actor=ACTOR, **settings)
    else:
        if options.no_units:
            raise InvalidRecordError("whether units are judged is said when a campaign is made: --create")
        campaign_id = get_campaign(engine, options.name).id
        if settings or asked is not None:
            change_campaign(engine, campaign_id, actor=ACTOR, asked=asked, **settings)
    if options.pause or options.resume:
        pause_campaign(engine, campaign_id, paused=options.pause, actor=ACTOR)
    if options.delete or options.restore:
        delete_campaign(engine, campaign_id, deleted=options.delete, actor=ACTOR)
    campaign = get_campaign(engine, campaign_id)
    return as_table(
        [
            ("campaign", campaign.name),
            ("state", _state(campaign) or "running"),
            ("asks", _asks(campaign)),
            ("raters of an item", str(campaign.overlap)),
            ("kept for a rater", f"{campaign.lease / timedelta(minutes=1):g} minutes"),
            ("gold items", f"one in {campaign.gold_every}" if campaign.gold_every else "none"),
            ("score", "hidden until the rating is submitted" if campaign.blind else "not hidden"),
            ("guideline", f"version {campaign.guideline_version}"),
        ]
    )


def _read(path: Path) -> str:
    from annotations.errors import InvalidRecordError

    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRecordError(f"{path} is not a text in UTF-8") from error


def _asks(campaign: "Campaign") -> str:
    units = ["units"] if campaign.asks_verdicts else []
    return ", ".join((*units, *(question.name for question in campaign.questions)))


def _state(campaign: "Campaign") -> str:
    states = (("deleted", campaign.deleted_at), ("paused", campaign.paused_at))
    return ", ".join(f"{name} {moment[:10]}" for name, moment in states if moment)


def _progress(engine: "Engine", options: argparse.Namespace) -> str:
    from annotations.campaigns import get_campaign
    from annotations.overview import campaign_overview

    found = campaign_overview(engine, get_campaign(engine, options.name).id)
    parts = [_summary(found), _agreement(found)]
    if found.raters:
        head = ("rater", "ratings", "median s", "gold", "verdicts", "scales rho", "skips", "last seen")
        parts.append(as_table([head, *(_rater(rater) for rater in found.raters)]))
    return "\n\n".join(parts)


def _summary(found: "Overview") -> str:
    end = found.end_note if found.expected_end is None else found.expected_end.isoformat()
    lines = [
        ("items", f"{found.items:,}"),
        ("ratings", f"{found.done:,} of {found.wanted:,}"),
        ("ratings a day", f"{found.per_day:.1f}"),
        ("expected end", end),
        ("decided", f"{found.decided:,}"),
    ]
    if found.battles is not None:
        battles = found.battles
        shares = [battles.first_wins, battles.second_wins, battles.ties, battles.both_poor]
        said = "no rating yet"
        if battles.ratings:
            first, second, ties, poor = (f"{100 * number / battles.ratings:.0f} %" for number in shares)
            said = f"first {first}, second {second}, tie {ties}; both poor {poor} ({battles.ratings:,})"
        lines.append(("battles", said))
    return as_table(lines)


def _agreement(found: "Overview") -> str:
    lines = [("agreement", "alpha", "95 %", "items", "")]
    for one in found.agreement:
        alpha = one.alpha
        interval = "none" if alpha.low != alpha.low else f"{alpha.low:.2f} to {alpha.high:.2f}"
        value = "none" if alpha.value != alpha.value else f"{alpha.value:.2f}"
        lines.append((one.name, value, interval, str(alpha.n_items), alpha.note))
    return as_table(lines)


def _rater(rater: "RaterRow") -> tuple[str, ...]:
    return (
        rater.name,
        str(rater.ratings),
        "none" if rater.median_seconds is None else f"{rater.median_seconds:.0f}",
        "none" if rater.gold is None else f"{rater.gold.n_met} of {rater.gold.n}",
        "none" if rater.verdicts.value != rater.verdicts.value else f"{100 * rater.verdicts.value:.0f} %",
        "none" if rater.scales.value != rater.scales.value else f"{rater.scales.value:.2f}",
        str(sum(times for _, times in rater.skips)),
        (rater.last_seen_at or "never")[:16].replace("T", " "),
    )
