"""The page of a report: self-contained, escaped, and with every number on it."""

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy import stats
from small_study import (
    HOSTILE,
    HOSTILE_SYSTEM,
    SHA256,
    study,
    study_battles,
    study_units,
)

from annotations.analysis.definitions import DEFINITIONS
from annotations.analysis.metric_names import metric_name
from annotations.analysis.report import NO_BATTLES, NO_UNITS, Origin, ReportOptions, analysis_report
from annotations.analysis.report_html import (
    Html,
    anchor,
    facts,
    interval,
    number,
    p_value,
    plural,
    table,
    text,
)
from annotations.analysis.report_page import report_page, warnings
from annotations.analysis.score_settings import ScoreSettings

VOID = {"meta", "br", "img", "link", "input", "hr"}
QUICK = ReportOptions(n_resamples=60, n_permutations=60)


class Parsed(HTMLParser):
    """Checks that every element that begins ends, and keeps text, attributes and scripts."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.attributes, self.scripts = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.words).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def made(table=None, units=None, battles=None, *, options=QUICK, origin=None):
    table = study() if table is None else table
    origin = origin or Origin("pilot.csv")
    battles = NO_BATTLES if battles is None else battles
    return analysis_report(table, units or NO_UNITS, battles, origin=origin, options=options)


@pytest.fixture(scope="module")
def hostile():
    table = study(hostile=True)
    origin = Origin(HOSTILE, {"systems": HOSTILE_SYSTEM})
    return made(table, study_units(table), study_battles(table), origin=origin)


@pytest.fixture(scope="module")
def page(hostile):
    return report_page(hostile)


def without_library(page):
    """The page without plotly.js, which names addresses that it does not ask for."""
    scripts = re.findall(r"<script>.*?</script>", page, flags=re.DOTALL)
    longest = max(scripts, key=len)
    assert len(longest) > 1_000_000
    return page.replace(longest, "")


def test_page_parses_and_every_element_ends(page):
    parsed = Parsed(page)
    assert sum(len(script) > 1_000_000 for script in parsed.scripts) == 1
    assert "Metrics against people" in parsed.text


def test_page_names_no_address_outside_and_forbids_itself_to_reach_one(page):
    assert "://" not in without_library(page)
    parsed = Parsed(page)
    links = [value for _, name, value in parsed.attributes if name in ("href", "src", "action", "srcset")]
    assert links
    assert all(link.startswith("#") for link in links)
    policy = next(value for tag, name, value in parsed.attributes if tag == "meta" and "default-src" in value)
    assert policy.startswith("default-src 'none'; img-src data: blob:;")
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_page_escapes_captions_systems_and_the_source(page):
    bare = without_library(page)
    assert "alert('owned')" not in bare
    assert "<img src=x" not in bare
    assert html.escape(HOSTILE) in bare
    assert "<b>bold</b>" not in bare
    for tag, name, _ in Parsed(page).attributes:
        assert not name.startswith("on"), tag


def test_page_links_lead_to_places_that_are_there(page):
    parsed = Parsed(page)
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for _, name, value in parsed.attributes if name == "href"}
    assert targets <= set(ids)


def test_page_has_every_definition_with_its_source(page):
    said = Parsed(page).text
    for definition in DEFINITIONS.values():
        assert definition.text in said
        assert definition.source in said
    assert len({anchor(name) for name in DEFINITIONS}) == len(DEFINITIONS)
    assert "may exceed this without being better than people" in DEFINITIONS["human ceiling"].text
    assert "0 between systems" in DEFINITIONS["tie threshold"].text


def test_page_shows_counts_hash_seed_versions_and_choice(page, hostile):
    said = Parsed(page).text
    for shown in (
        SHA256,
        np.__version__,
        "rated captions 80",
        "ratings 240",
        "ratings given before the metric was seen 236",
        "resamples of every interval 60",
        "dtype not recorded",
        "device not recorded",
        "ratings after the last day 9",
        f"systems {HOSTILE_SYSTEM}",
        "1,234" if hostile.seconds > 1000 else "computed in",
    ):
        assert shown in said


def test_page_shows_the_values_and_the_n_of_every_metric():
    table = study()
    report = made(table)
    said = Parsed(report_page(report)).text
    human = table.human("overall")
    for name, scores in table.metrics.items():
        known = ~np.isnan(scores)
        for coefficient, expected in (
            ("kendall_tau_b", stats.kendalltau(human[known], scores[known]).statistic),
            ("spearman_rho", stats.spearmanr(human[known], scores[known]).statistic),
            ("pearson_r", stats.pearsonr(human[known], scores[known]).statistic),
        ):
            pattern = rf"{coefficient} pooled {re.escape(number(expected))} \S+ to \S+ {known.sum()} 40 "
            assert re.search(pattern, said), (name, coefficient)
    assert "p after Holm" in said


def test_page_where_small_is_good_does_not_call_a_worse_sentinel_better():
    options = replace(QUICK, coefficient="inverse_r_squared", level="pooled")
    report = made(options=options)
    own, *_ = [row for row in report.correlations.rows if row.name == report.metric]
    worse = [row for row in report.correlations.rows if row.sentinel and row.chosen.value > own.chosen.value]
    assert worse
    assert "Not better than" not in Parsed(report_page(report)).text


def test_page_at_a_level_of_systems_counts_them_in_the_headline_and_in_the_table():
    options = replace(QUICK, level="between_systems")
    shown = Parsed(report_page(made(options=options))).text
    n = len(set(study().systems))
    assert f"images by {n} systems" in shown
    assert f"{n} systems are few" in shown
    assert " images systems without a score" in shown
    assert "images systems" not in Parsed(report_page(made())).text


def test_page_shows_every_n_of_the_record(page, hostile):
    said = Parsed(page).text
    detection = hostile.dips.detection
    for name, found in (("precision", detection.precision), ("auroc", detection.auroc)):
        assert f"{name} {number(found.value)} {interval(found.low, found.high)} {found.n:,}" in said
    for row in hostile.battles.rows:
        of = row.accuracy
        assert (
            f"{metric_name(row.name)} accuracy {number(of.value)} {interval(of.low, of.high)} {of.n:,}"
            in said
        )
    alpha = hostile.people.agreement[0].alpha
    counted = f"{alpha.n_items:,} {alpha.n_ratings:,} {alpha.n_raters:,} {alpha.n_groups:,}"
    assert f"overall all {number(alpha.value)} {interval(alpha.low, alpha.high)} {counted}" in said
    for bucket in hostile.lengths.buckets:
        of = bucket.coefficients["specs"]["kendall_tau_b"]
        assert f"SPECS {number(of.value)} {interval(of.low, of.high)} {of.n:,}" in said


def test_page_when_parts_are_empty_says_so_and_draws_nothing_for_them():
    page = report_page(made())
    said = Parsed(page).text
    assert "No battles in this choice." in said
    assert "No unit of a scored caption was judged in this choice." in said
    drawn = set(re.findall(r'class="plot" id="(\w+)"', page))
    assert drawn == {"forest", "scatter", "residuals", "scores", "answers", "buckets"}


def test_page_when_the_choice_leaves_battles_out_counts_them_beside_the_others():
    table = study()
    battles = study_battles(table)
    some = replace(battles, left_out={"captions of other systems": 5, "ratings by other raters": 1})
    said = Parsed(report_page(made(table, battles=some))).text
    told = "6 answers are left out: captions of other systems 5, ratings by other raters 1."
    assert re.search(rf"captions of 40 images; \d+ ties?\. {re.escape(told)} Both captions were called", said)
    assert "answers are left out" not in Parsed(report_page(made(table, battles=battles))).text
    none = replace(NO_BATTLES, left_out={"captions of other campaigns": 1})
    said = Parsed(report_page(made(table, battles=none))).text
    assert "No battles in this choice. 1 answer is left out: captions of other campaigns 1." in said


def test_page_when_there_are_few_images_or_an_interval_spans_zero_warns_on_top():
    table = study(n_images=12)
    report = made(replace(table, metrics={**table.metrics, "clip": table.metrics["random"]}))
    page = report_page(report)
    top = page[: page.index("<main>")]
    assert "12 images are few" in html.unescape(top)
    assert 'class="note"' in top
    (spanning,) = [warning for warning in warnings(report) if "zero" in warning]
    assert "clip" in spanning
    assert "SPECS" not in spanning
    assert html.escape(spanning) in top


def test_page_when_there_are_other_weights_says_that_they_are_not_compared():
    table = study()
    others = replace(table, models=(*table.models, replace(table.models[0], sha256="b2" * 32)))
    assert any("scores of 1 other set" in warning for warning in warnings(made(others)))
    assert not any("other set" in warning for warning in warnings(made(table)))


def test_page_when_only_the_chosen_coefficient_has_an_interval_says_so():
    report = made(options=replace(QUICK, everything=False))
    said = Parsed(report_page(report)).text
    assert "intervals of the chosen coefficient" in said
    assert "--everything computes them" in said
    (specs,) = [row for row in report.correlations.rows if row.name == "specs"]
    assert not np.isnan(specs.values["kendall_tau_b"]["pooled"].low)
    assert np.isnan(specs.values["pearson_r"]["pooled"].low)
    assert "--everything" not in Parsed(report_page(made())).text


def test_page_when_there_is_no_metric_shows_what_people_say():
    said = Parsed(report_page(made(replace(study(), metrics={}, provenance={})))).text
    assert "No caption has both a score and an answer in this choice." in said
    assert "Krippendorff’s alpha" in said


def test_page_when_scores_record_how_they_were_made_shows_it():
    settings = ScoreSettings({"dtype": {"float32": 79}, "device": {"cpu": 70, "cuda": 9}}, 79, 1)
    said = Parsed(report_page(made(origin=Origin("the store", settings=settings)))).text
    assert "dtype float32" in said
    assert "device cpu (70), cuda (9)" in said
    assert "captions whose score does not 1" in said


def test_page_data_of_figures_is_json_that_holds_no_tag(page):
    data = re.findall(r'<script type="application/json" id="[\w-]+">(.*?)</script>', page, flags=re.DOTALL)
    assert len(data) == 10
    for each in data:
        assert "<" not in each
        assert {"data", "layout"} <= json.loads(each).keys()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.500"), (-0.25, "−0.250"), (-0.0001, "0.000"), (float("nan"), "–"), (12345.6, "12,345.600")],
)
def test_number_when_written_has_a_real_minus_and_none_before_zero(value, shown):
    assert number(value) == shown


def test_interval_when_an_end_is_missing_says_so():
    nan = float("nan")
    assert interval(nan, nan) == "–"
    assert interval(1.5, nan) == "from 1.500"
    assert interval(-1, 1) == "−1.000 to 1.000"


def test_small_words_when_written_read_well():
    assert (p_value(0.0004), p_value(0.25), p_value(float("nan"))) == ("< .001", "0.250", "–")
    assert (plural(1, "battle"), plural(1200, "battle")) == ("1 battle", "1,200 battles")
    assert text("<b>") == "&lt;b&gt;"
    assert text(Html("<b>")) == "<b>"
    assert "class=wide" in facts([("name", "x" * 64)])


def test_table_when_no_note_stands_in_it_has_no_column_for_notes():
    assert "note" not in table(("a", "n", "note"), [("x", "1", ""), ("y", "2", "")])
    assert "why" in table(("a", "n", "note"), [("x", "1", ""), ("y", "2", "why")])
