import shutil
from itertools import accumulate

import pytest
from accelerate import Accelerator

from specs_core.errors import CheckpointError, DataError
from specs_core.training.finetune_config import parse_finetune_config
from specs_core.training.loop import train
from specs_core.training.pair_batches import COUNTS
from specs_core.training.pair_file import PairFile, order_of_epoch
from specs_core.training.pair_task import prepare_finetuning


def batches(config, *, context_length=None):
    found = prepare_finetuning(config, Accelerator(cpu=True)).task.batches
    found.texts.one_pass = False  # every text by itself, in the order in which it was drawn
    if context_length is not None:
        found.texts.context_length = context_length
    return found


def counted(batch):
    return dict(zip(COUNTS, batch.counts.tolist(), strict=True))


def texts_of(found, batch):
    """Every text of a batch, decoded: lower case, blanks as the tokenizer leaves them."""
    tokenizer = found.texts._tokenizer
    return [
        tokenizer.decode([i for i in ids.tolist() if i not in (0, tokenizer.sot_token_id)])
        .replace("<end_of_text>", "")
        .strip()
        for ids in batch.token_ids
    ]


def prefixes(found, pair):
    units = [pair.caption[start:end] for start, end in pair.units]
    return [found.texts.tokens(prefix) for prefix in accumulate(units)]


def test_units_beyond_the_context_are_counted_and_the_last_text_is_what_fits(finetune_config):
    config = finetune_config("steps = 1\nbatch = 16")
    everything = batches(config)
    lengths = [[len(ids) + 2 for ids in prefixes(everything, pair)] for pair in everything.pairs]
    limit = sorted(n for own in lengths for n in own)[len(lengths)]
    fit = [sum(n <= limit for n in own) for own in lengths]
    assert 0 < sum(fit) < sum(map(len, lengths))
    found = batches(config, context_length=limit)
    batch = found[0]
    counts = counted(batch)
    assert counts["captions"] == 16
    assert counts["captions without a unit in the context"] == fit.count(0)
    assert counts["captions cut by the context"] == sum(
        n < len(own) for n, own in zip(fit, lengths, strict=True)
    )
    assert counts["units beyond the context"] == sum(map(len, lengths)) - sum(fit)
    assert len(batch.last) == 16 - fit.count(0)
    assert len(batch.rises) == sum(n - 1 for n in fit if n)
    asked = len(batch.rises)
    assert (
        len(batch.falls)
        == asked - counts["false units beyond the context"] - counts["units without a false one"]
    )
    assert batch.token_ids.shape[1] == limit


def test_batch_in_which_no_caption_fits_is_refused_with_a_caption_to_look_at(finetune_config):
    found = batches(finetune_config("steps = 1\nbatch = 16"), context_length=4)
    with pytest.raises(DataError, match=r"such as p\d+, 0 begin with a unit that fits the 4 tokens"):
        found[0]


@pytest.mark.parametrize("which", ["one", "all"])
def test_prefixes_of_a_caption_that_are_read(finetune_config, which):
    found = batches(finetune_config(f"steps = 1\nbatch = 16\nprefixes = '{which}'"))
    batch = found[0]
    units = {pair.id: len(pair.units) for pair in found.pairs}
    assert len(batch.rises) == (16 if which == "one" else sum(n - 1 for n in units.values()))
    for before, after in batch.rises.tolist():
        assert batch.caption[before] == batch.caption[after]
        texts = texts_of(found, batch)
        assert texts[after].startswith(texts[before])
    assert len({int(batch.caption[before]) for before, _ in batch.rises.tolist()}) == 16


@pytest.mark.parametrize("hard", [0.0, 1.0])
def test_hard_false_units_are_drawn_where_the_data_has_them(finetune_config, hard):
    found = batches(finetune_config("steps = 1\nbatch = 16", negatives=f"hard = {hard}\nshuffled = 0.0"))
    batch = found[0]
    texts = texts_of(found, batch)
    hard_ones = [
        (prefix, false)
        for (prefix, false, _), kind in zip(batch.falls.tolist(), batch.kinds, strict=True)
        if kind == "background"
    ]
    assert set(batch.kinds) == ({"background", "other pair"} if hard else {"other pair"})
    # Eight of the captions name a false ground, each in one unit.
    assert len(hard_ones) == 8 * hard
    for prefix, false in hard_ones:
        assert texts[false].removeprefix(texts[prefix]).strip() == "lies on dark ground ,"
    for prefix, false, true in batch.falls.tolist():
        assert texts[false] != texts[true]
        assert texts[true].startswith(texts[prefix])


def test_captions_of_one_batch_differ_from_process_to_process_and_from_epoch_to_epoch(finetune_config):
    config = finetune_config("steps = 4\nbatch = 8")
    found = batches(config)
    whole = [texts_of(found, found[i]) for i in range(4)]
    assert whole[0] != whole[1]  # the other half of the file
    assert whole[0] != whole[2]  # the same file in another order
    assert sorted(order_of_epoch(16, seed=3, epoch=0)) == list(range(16))
    assert list(order_of_epoch(16, seed=3, epoch=0)) != list(order_of_epoch(16, seed=3, epoch=1))


def test_checkpoint_is_not_gone_on_from_with_other_data_under_the_same_name(
    finetune_text, pair_file, tmp_path
):
    folder = tmp_path / "data"
    shutil.copytree(pair_file.parent, folder)
    copy = folder / pair_file.name
    config = parse_finetune_config(
        finetune_text("steps = 2\nbatch = 4\nsave_every = 1").replace(str(pair_file), str(copy))
    )
    train(prepare_finetuning(config, Accelerator(cpu=True)).task, tmp_path / "out", workers=0)
    copy.write_text(copy.read_text().replace("many.", "them."))
    with pytest.raises(CheckpointError, match="belongs to another configuration"):
        train(prepare_finetuning(config, Accelerator(cpu=True)).task, tmp_path / "out", workers=0)


def test_units_are_cut_once_and_kept_until_the_file_changes(pair_file, tmp_path, monkeypatch):
    copy = tmp_path / "train.jsonl"
    copy.write_text(pair_file.read_text().replace('"image": "', f'"image": "{pair_file.parent}/'))
    first = PairFile(copy)
    first.cut_units(segmenter="grammar")
    cut = [pair.units for pair in first]

    def refuse(*args, **kwargs):
        raise AssertionError("cut again")

    monkeypatch.setattr("specs_core.training.pair_file.segment_many", refuse)
    again = PairFile(copy)
    again.cut_units(segmenter="grammar")
    assert [pair.units for pair in again] == cut
    for pair in again:
        assert "".join(pair.caption[start:end] for start, end in pair.units) == pair.caption
    copy.write_text(copy.read_text().replace("many.", "them."))
    with pytest.raises(AssertionError, match="cut again"):
        PairFile(copy).cut_units(segmenter="grammar")
